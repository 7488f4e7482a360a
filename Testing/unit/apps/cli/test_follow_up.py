import csv
import json

import pytest
from support.follow_up_cases import earlier, later

from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.nifti import write_volume


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two CTs with their labels."""
    made = tmp_path_factory.mktemp("scans")
    for scan in (earlier(), later()):
        write_volume(made / scan.name, scan.volume)
        volumes.write_labels(made / f"labels-{scan.name}", scan.labels, scan.volume)
    return made


@pytest.fixture
def words(folder):
    names = "before.nii.gz", "after.nii.gz"
    labels = [word for name in names for word in ("--segmentations", folder / f"labels-{name}")]
    return [*(folder / name for name in names), *labels]


def test_two_cts_are_compared_and_what_a_user_said_counts(run, words, tmp_path):
    dates = "--dates", "2026-01-10", "--dates", "2026-04-20"
    code, said, _ = run("follow-up", *words, "-o", tmp_path / "out", *dates, "--targets", "1")
    assert code == 0
    assert "before.nii.gz to after.nii.gz, 100 days:" in said
    rows = list(csv.DictReader((tmp_path / "out" / "changes.csv").open(newline="")))
    assert {row["what"] for row in rows} == {"larger", "unchanged", "new", "not found any more"}
    assert [row["target"] for row in rows if row["lesions_before"] == "1"] == ["yes"]
    new, gone = (next(row for row in rows if row["what"] == what) for what in ("new", "not found any more"))
    pair = f"{gone['lesions_before']}:{new['lesions_after']}"
    code, _, _ = run("follow-up", *words, "-o", tmp_path / "out", "--pair", pair, "--overwrite")
    told = json.loads((tmp_path / "out" / "follow-up.json").read_text())["comparisons"][0]["changes"]
    assert [row["lesions_before"] for row in told if row["by_hand"] == "yes"] == [gone["lesions_before"]]


def test_without_labels_cts_are_segmented_and_the_labels_kept(run, folder, tmp_path):
    ct = folder / "before.nii.gz"
    code, said, warned = run("follow-up", ct, ct, "-o", tmp_path / "out")
    assert code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "ct-1.seg.nrrd", "ct-2.seg.nrrd", "follow-up.html", "changes.csv", "follow-up.json",
    }  # fmt: skip
    assert "Both are the same CT" in warned
    assert "ct-2.seg.nrrd" in said


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--dates", "2026-01-10"], "There are 2 CTs and 1 dates"),
        (["--dates", "2026-04-20", "--dates", "2026-01-10"], "give the earlier CT first"),
        (["--targets", "one"], "“one” are no lesions"),
        (["--pair", "1-2"], "“1-2” is no pair"),
        (["--segmentations", "x"], "There are 2 CTs and 3 segmentations"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(run, words, tmp_path, more, sentence):
    code, _, complained = run("follow-up", *words, "-o", tmp_path / "out", *more)
    assert (code, sentence in complained, "Traceback" in complained) == (3, True, False)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
