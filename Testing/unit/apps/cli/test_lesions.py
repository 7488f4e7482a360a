import json

import nibabel
import numpy as np
import pytest
from support.click_cases import LESIONS, ball, clicked_ct, dice, ras, save_click_model

from LiverTumorSegLib.io.nifti import write_volume
from LiverTumorSegLib.io.volumes import read_stored, write_labels


def words(place):
    return ",".join(f"{at:g}" for at in ras(place))


SMALL, LARGE = (words(LESIONS[name][0]) for name in ("small", "large"))
BOTH = [ball(*LESIONS[name]) for name in ("small", "large")]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A CT, and labels of it with the large lesion."""
    folder = tmp_path_factory.mktemp("lesions")
    ct = clicked_ct()
    ct.voxels[:, :15] = -100  # fat, without which it is not taken for a CT
    write_volume(folder / "ct.nii.gz", ct)
    labels = np.where(BOTH[1], 2, 1).astype(np.uint8)
    write_labels(folder / "liver.seg.nrrd", labels, ct)
    save_click_model(folder / "model")
    return folder


@pytest.fixture
def add(run, files, tmp_path):
    """Run the command on the CT; what it says, and where it writes."""

    def add(*given, output=tmp_path / "out.nii.gz"):
        code, said, complained = run(
            "lesions", "add", files / "ct.nii.gz", *given, "-o", output, "--model", files / "model", "--device", "cpu"
        )
        return code, said, complained, output

    return add


def labels_of(path):
    return np.asarray(read_stored(path).values)


def test_a_lesion_is_added_to_a_segmentation_and_the_new_table_is_printed(add, files):
    code, said, _, output = add(files / "liver.seg.nrrd", "--at", SMALL)
    assert code == 0
    assert "Lesion 2 was added by 1 click: probability 0.9" in said
    assert "2 lesions" in said
    assert "Lesion 1: " in said
    labels = labels_of(output)
    assert dice(labels == 2, BOTH[0] | BOTH[1]) > 0.95
    assert set(np.unique(labels)) == {1, 2}


def test_damaged_slices_are_interpolated_where_that_is_asked_for(run, files, tmp_path):
    ct = clicked_ct()
    voxels = ct.voxels.astype(np.float32)
    voxels[:, :15] = -100
    voxels[5] = np.nan
    nibabel.save(nibabel.Nifti1Image(voxels.T, ct.affine), tmp_path / "nan.nii.gz")
    words = ["lesions", "add", tmp_path / "nan.nii.gz", "--at", SMALL, "-o", tmp_path / "out.nii.gz"]
    words += ["--model", files / "model", "--device", "cpu"]
    code, _, complained = run(*words)
    assert (code, "--damaged interpolate" in complained) == (3, True)
    code, _, complained = run(*words, "--damaged", "interpolate")
    assert code == 0, complained


def test_without_a_segmentation_the_output_holds_the_new_lesions_alone(add):
    code, said, _, output = add("--at", SMALL, "--at", LARGE)
    assert code == 0
    assert "Lesion 2 was added" in said
    assert said.count("was added") == 2
    assert set(np.unique(labels_of(output))) == {0, 2}


def test_a_lesion_that_is_there_is_improved(add, files):
    code, said, *_ = add(files / "liver.seg.nrrd", "--at", LARGE, "--not-at", words((66.0, 70.0, 113.0)))
    assert code == 0
    assert "Lesion 1 was improved by 2 clicks" in said


def test_a_lesion_that_grows_together_with_one_that_was_there_improves_it(add, files, tmp_path):
    part = BOTH[1] & (np.arange(BOTH[1].shape[2]) < LESIONS["large"][0][2] - 3)
    assert 0 < part.sum() < BOTH[1].sum()
    write_labels(tmp_path / "part.seg.nrrd", np.where(part, 2, 1).astype(np.uint8), clicked_ct())
    code, said, *_ = add(tmp_path / "part.seg.nrrd", "--at", LARGE, "--report", tmp_path / "report")
    assert code == 0
    assert "Lesion 1 was improved by 1 click" in said
    assert "1 click" not in (tmp_path / "report" / "lesions.csv").read_text(encoding="utf-8")


def test_points_come_from_files_too(add, files, tmp_path):
    (tmp_path / "points.csv").write_text(f"r,a,s,lesion\n{SMALL},a\n{LARGE},b\n{words((66, 74, 82))},b\n")
    code, said, *_ = add("--points", tmp_path / "points.csv")
    assert code == 0
    assert "by 2 clicks" in said
    right, front, head = ras(LESIONS["small"][0])
    control = {"label": "F-1", "position": [-right, -front, head], "positionStatus": "defined"}
    markups = {"markups": [{"coordinateSystem": "LPS", "controlPoints": [control]}]}
    (tmp_path / "F.mrk.json").write_text(json.dumps(markups))
    code, said, *_ = add("--points", tmp_path / "F.mrk.json", output=tmp_path / "second.nii.gz")
    assert code == 0
    assert dice(labels_of(tmp_path / "second.nii.gz") == 2, BOTH[0]) > 0.85


def test_one_wrong_line_and_nothing_is_written(add, tmp_path):
    (tmp_path / "points.csv").write_text(f"r,a,s\n{SMALL}\n900,0,0\n")
    code, _, complained, output = add("--points", tmp_path / "points.csv")
    assert code == 3
    assert "points.csv, line 3: The click (900, 0, 0) lies outside the CT" in complained
    assert not output.exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((), "No point in a lesion was given"),
        (("--not-at", SMALL), "No point in a lesion was given"),
        (("--at", "1,2"), "--at 1,2 is not a point"),
        (("--at", SMALL, "--not-at", SMALL), "clicked as inside and as outside"),
        (("--points", "missing.csv"), "missing.csv is not a file"),
        (("missing.nii.gz", "--at", SMALL), "missing.nii.gz does not exist"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(add, given, sentence):
    code, _, complained, output = add(*given)
    assert code == 3
    assert sentence in " ".join(complained.split())
    assert complained.count("error:") == 1
    assert not output.exists()


def test_nothing_is_overwritten_unasked(add, tmp_path):
    (tmp_path / "out.nii.gz").write_bytes(b"kept")
    code, _, complained, output = add("--at", SMALL)
    assert code == 3
    assert "exists already" in complained
    assert output.read_bytes() == b"kept"
    assert add("--at", SMALL, "--overwrite")[0] == 0


def test_a_model_that_takes_no_clicks_or_is_missing_is_said(run, files, tmp_path):
    for model, sentence in (("unet-lits", "segments whole CTs"), ("none-such", "There is no model “none-such”")):
        given = ("--at", SMALL, "-o", tmp_path / "out.nii.gz", "--model", model)
        code, _, complained = run("lesions", "add", files / "ct.nii.gz", *given)
        assert code == 3
        assert sentence in " ".join(complained.split())


def test_where_there_is_no_lesion_it_is_said_that_there_may_be_none(add):
    code, said, complained, _ = add("--at", words((20.0, 20.0, 20.0)))
    assert code == 0
    assert "there may be none" in " ".join(complained.split())
    assert "was added" in said


def test_a_report_can_be_written_beside_and_the_ct_be_an_option(run, files, tmp_path):
    given = ("--report", tmp_path / "report", "--name-ct", "-i", files / "ct.nii.gz", "-o", tmp_path / "out.nii.gz")
    where = ("--model", files / "model", "--device", "cpu")
    code, *_ = run("lesions", "add", files / "liver.seg.nrrd", "--at", SMALL, *given, *where)
    assert code == 0
    assert '<span class="ct">: ' in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    content = json.loads((tmp_path / "report" / "lesions.json").read_text(encoding="utf-8"))
    assert content["lesion_count"] == 2
    assert "1 click" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert content["liver_ml"] > 0
