import csv
import json
import re

import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from support.follow_up_cases import compared, earlier, later
from support.follow_up_dicom import visit

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


def test_two_cts_are_compared_and_what_a_user_said_counts_whenever_they_are_again(run, words, tmp_path):
    new, gone = (next(link for link in compared().links if link.relation == what) for what in ("new", "gone"))
    dates = "--dates", "2026-01-10", "--dates", "2026-04-20"
    pair = f"{gone.earlier[0]}:{new.later[0]}"
    code, said, _ = run("follow-up", *words, "-o", tmp_path / "out", *dates, "--targets", "1", "--pair", pair)
    assert code == 0
    assert "before.nii.gz to after.nii.gz, 100 days:" in said
    assert f"lesion {gone.earlier[0]} to {new.later[0]}: " in said
    assert "by hand\n" in said
    rows = list(csv.DictReader((tmp_path / "out" / "changes.csv").open(newline="")))
    assert [row["target"] for row in rows if row["lesions_before"] == "1"] == ["yes"]
    kept = (tmp_path / "out" / "pairs.csv").read_bytes()
    code, said, _ = run("follow-up", *words, "-o", tmp_path / "out", "--overwrite")
    assert "pairs.csv" not in said
    assert (tmp_path / "out" / "pairs.csv").read_bytes() == kept
    told = json.loads((tmp_path / "out" / "follow-up.json").read_text())["comparisons"][0]["changes"]
    by_hand = [(row["lesions_before"], row["lesions_after"]) for row in told if row["by_hand"] == "yes"]
    assert by_hand == [(str(gone.earlier[0]), str(new.later[0]))]


def test_where_no_lesion_is_marked_a_dash_stands_for_its_size(run, words, tmp_path):
    code, said, _ = run("follow-up", *words, "-o", tmp_path / "out")
    assert code == 0
    assert re.search(r"lesion \d to -: .*, \d+\.\d to — mm, \d+\.\d\d to — ml, ", said)
    assert re.search(r"lesion - to \d: .*, — to \d+\.\d mm, — to \d+\.\d\d ml, ", said)


def test_pairs_of_another_comparison_replace_none_unasked(run, words, tmp_path):
    for place in ("out", "other"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "pairs.csv").write_text("said\n")
    more = "--pairs", tmp_path / "other" / "pairs.csv"
    code, _, complained = run("follow-up", *words, "-o", tmp_path / "out", *more)
    assert (code, "pairs.csv exists already" in complained) == (3, True)


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
        (["--targets", "one"], "“one” are not lesions"),
        (["--targets", "1,99"], "There is no lesion 99 in the first CT"),
        (["--earlier-sums", "-5"], "-5 is not a sum of diameters"),
        (["--pairs", "x"], "x cannot be read as a table of pairs"),
        (["--pair", "1-2"], "“1-2” is not a pair"),
        (["--series", "1.2.3"], "There are 2 CTs and 1 series"),
        (["--damaged", "ignore"], "“ignore” is not a way"),
        (["--segmentations", "x"], "There are 2 CTs and 3 segmentations"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(run, words, tmp_path, more, sentence):
    code, _, complained = run("follow-up", *words, "-o", tmp_path / "out", *more)
    assert (code, sentence in complained, "Traceback" in complained) == (3, True, False)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_dicom_series_make_a_report_whose_identifiers_and_predecessor_are_found_again(run, tmp_path):
    for number, name in enumerate(("before", "after")):
        visit(tmp_path / name, number, "ab", grown=2 * number)
    out, labels = tmp_path / "out", [tmp_path / f"{name}.nii.gz" for name in ("before", "after")]
    for number, file in enumerate(labels):
        scan = visit(tmp_path / f"again {number}", number, "ab", grown=2 * number)
        volumes.write_labels(file, scan.labels, scan.volume)
    given = [word for file in labels for word in ("--segmentations", file)]
    words = ["follow-up", tmp_path / "before", tmp_path / "after", *given, "-o", out, "--dicom", "--force"]
    code, said, complained = run(*words)
    assert (code, "comparison.dcm" in said) == (0, True), complained
    first = dcmread(out / "comparison.dcm")
    run(*words, "--overwrite", "--unpair", "1:1")
    changed = dcmread(out / "comparison.dcm")
    named = changed.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == first.SOPInstanceUID
    code, _, complained = run(*(word for word in words if word != "--dicom"), "--overwrite")
    assert code == 0
    assert "not part of this one: comparison.dcm." in complained


def test_of_folders_with_several_series_one_is_chosen_for_each_ct(run, tmp_path):
    given = []
    for number, name in enumerate(("before", "after")):
        scan = visit(tmp_path / "all" / name, number, "ab", grown=2 * number)
        volumes.write_labels(tmp_path / f"{name}.nii.gz", scan.labels, scan.volume)
        given += ["--segmentations", tmp_path / f"{name}.nii.gz"]
    words = ["follow-up", tmp_path / "all", tmp_path / "all", *given, "-o", tmp_path / "out", "--force"]
    code, _, complained = run(*words)
    assert (code, "choose one with --series" in complained) == (3, True)
    code, said, complained = run(*words, "--series", "1.2.3", "--series", "1.2.4")
    assert code == 0, complained
    assert "100 days" in said
    alone = ["follow-up", tmp_path / "all", tmp_path / "all" / "after", *given, "-o", tmp_path / "alone", "--force"]
    code, _, complained = run(*alone, "--series", "1.2.3", "--series", "")
    assert code == 0, complained


def test_damaged_slices_are_interpolated_where_that_is_asked_for(run, words, tmp_path):
    scan = earlier()
    voxels = scan.volume.voxels.astype(np.float32)
    voxels[5] = np.nan
    nibabel.save(nibabel.Nifti1Image(voxels.T, scan.volume.affine), tmp_path / "nan.nii.gz")
    broken = [tmp_path / "nan.nii.gz", *words[1:], "-o", tmp_path / "out"]
    code, _, complained = run("follow-up", *broken)
    assert (code, "--damaged interpolate" in complained) == (3, True)
    code, _, complained = run("follow-up", *broken, "--damaged", "interpolate")
    assert code == 0, complained
    assert "nan.nii.gz: Damaged slices were interpolated" in complained


def test_a_report_in_dicom_without_any_lesion_is_refused_before_anything_is_written(run, tmp_path):
    given = []
    for number, name in enumerate(("before", "after")):
        scan = visit(tmp_path / name, number, "ab", grown=2 * number)
        volumes.write_labels(tmp_path / f"{name}.nii.gz", np.minimum(scan.labels, 1), scan.volume)
        given += ["--segmentations", tmp_path / f"{name}.nii.gz"]
    words = [tmp_path / "before", tmp_path / "after", *given, "-o", tmp_path / "out", "--dicom", "--force"]
    code, _, complained = run("follow-up", *words)
    assert (code, "No CT has a lesion" in complained, "Traceback" in complained) == (3, True, False)
    assert not (tmp_path / "out").exists()


def test_a_report_in_dicom_needs_dicom_of_every_ct(run, words, tmp_path):
    code, _, complained = run("follow-up", *words, "-o", tmp_path / "out", "--dicom")
    assert (code, "before.nii.gz is no DICOM series" in complained, "Traceback" in complained) == (3, True, False)
