import json

import nibabel
import numpy as np
import pytest
from scipy import ndimage
from support.dataset_cases import SHAPE, ct, labels, write_ircadb, write_lits, write_msd, write_slices
from support.evaluation_cases import affine_of

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.datasets import layouts
from LiverTumorSegLib.datasets.quality_check import check_data_sets
from LiverTumorSegLib.datasets.splits import WRONG_SPACING

IDENTITY = np.eye(4)


def look(*folders, **options):
    return check_data_sets([layouts.find(folder) for folder in folders], processes=1, job=Job(**options))


def only(folder):
    (report,) = look(folder).sets
    (scan,) = report.scans
    return scan


def test_a_scans_size_spacing_axes_and_labels_are_reported(tmp_path):
    write_lits(tmp_path, 2)
    scan = only(tmp_path)
    assert (scan.name, scan.patient, scan.unit) == ("volume-2", "volume-2", "HU")
    assert (scan.size, scan.spacing_mm, scan.orientation) == ((24, 20, 8), (0.8, 0.9, 2.0), "LPS")
    assert scan.labels == (SHAPE[0] * SHAPE[1] * SHAPE[2] - 480, 480 - 9, 9)
    assert scan.liver_ml == pytest.approx(480 * 2 * 0.9 * 0.8 / 1000, abs=5e-4)
    assert scan.lesion_ml == pytest.approx(9 * 2 * 0.9 * 0.8 / 1000, abs=5e-4)
    assert scan.lesions == 2
    assert scan.damaged == ()


@pytest.mark.parametrize("axcodes", ["LAS", "RAS", "PIR"])
def test_axes_are_named_as_nibabel_names_them(tmp_path, axcodes):
    write_lits(tmp_path, 2)
    for path in tmp_path.glob("*.nii"):
        image = nibabel.load(path)
        turn = nibabel.orientations.ornt_transform(
            nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(axcodes)
        )
        nibabel.save(image.as_reoriented(turn), tmp_path / f"turned-{path.name}")
        (tmp_path / f"turned-{path.name}").replace(path)
    scan = only(tmp_path)
    assert scan.orientation == axcodes
    assert (scan.lesions, scan.labels[2]) == (2, 9)


def test_lesions_that_touch_by_an_edge_are_two_as_scipy_counts_them(tmp_path):
    marked = np.where(np.random.default_rng(4).random(SHAPE) < 0.2, 2, 1).astype(np.uint8)
    write_lits(tmp_path, 2, marked=marked)
    assert only(tmp_path).lesions == ndimage.label(marked == 2)[1] > 20


def test_damaged_slices_are_numbered_from_the_feet_also_in_a_file_that_runs_down(tmp_path):
    voxels = ct(2).astype(np.float32)
    voxels[1], voxels[4, 3, 3], voxels[6] = 7, np.nan, voxels[5]
    write_lits(tmp_path, 2, voxels, affine=affine_of() @ np.diag([1, 1, -1, 1]))
    scan = only(tmp_path)
    assert scan.damaged == (3, 4, 7)  # slices 5, 4 and 1 of the file; of two equal ones the upper repeats the lower
    assert any(words.startswith("Damaged slices, counted from the feet") for words in scan.warnings)


def test_an_identity_affine_is_suspicious_and_of_28_to_47_known_to_be_wrong(tmp_path):
    write_lits(tmp_path / "a", 27, affine=IDENTITY)
    write_lits(tmp_path / "b", 28, affine=np.diag([-1, -1, 2, 1]))
    write_lits(tmp_path / "c", 28)
    other, wrong, right = (only(tmp_path / name).warnings for name in "abc")
    assert any("lost their geometry" in words for words in other)
    assert (WRONG_SPACING in other, WRONG_SPACING in wrong, WRONG_SPACING in right) == (False, True, False)


def test_labels_that_are_none_or_lack_a_liver_are_warned_about(tmp_path):
    write_lits(tmp_path / "a", 1, marked=np.zeros(SHAPE, np.uint8))
    write_lits(tmp_path / "b", 1, marked=np.where(labels() == 2, 2, 0).astype(np.uint8))
    assert "Nothing is labelled." in only(tmp_path / "a").warnings
    assert "Lesions are labelled, but no liver." in only(tmp_path / "b").warnings


def test_a_scan_that_cannot_be_read_stops_no_other(tmp_path):
    for number in (1, 2):
        write_lits(tmp_path, number)
    (tmp_path / "volume-1.nii").write_bytes(b"no")
    found = look(tmp_path)
    assert found.failed
    assert [scan.name for scan in found.sets[0].scans] == ["volume-2"]
    assert list(found.sets[0].failed) == ["volume-1"]
    assert "is not a NIfTI file" in found.sets[0].failed["volume-1"]


def test_a_patient_of_several_data_sets_is_found_whatever_their_axes_and_offsets(tmp_path):
    voxels = ct(28)
    write_ircadb(tmp_path / "ircadb", 1, voxels)
    write_lits(tmp_path / "lits", 28, voxels[:, ::-1].copy(), labels()[:, ::-1].copy(), affine=IDENTITY)
    write_msd(tmp_path / "msd", 28, voxels + np.int16(24))
    write_slices(tmp_path / "slices", "volume-28")
    found = look(*(tmp_path / name for name in ("ircadb", "lits", "msd", "slices")))
    verdicts = {
        frozenset((pair.first.data, pair.second.data)): (pair.verdict, pair.first.patient) for pair in found.twins
    }
    ircadb, lits, msd, slices = (str(tmp_path / name) for name in ("ircadb", "lits", "msd", "slices"))
    same, unknown = ("same content", "volume-28"), ("not compared", "volume-28")
    assert verdicts == {
        frozenset((ircadb, lits)): same,
        frozenset((ircadb, msd)): same,
        frozenset((lits, msd)): same,
        frozenset((ircadb, slices)): unknown,
        frozenset((lits, slices)): unknown,
        frozenset((msd, slices)): unknown,
    }


def test_one_number_for_two_cts_and_one_ct_under_two_numbers_are_told_apart(tmp_path):
    write_ircadb(tmp_path / "ircadb", 18, ct(1))
    write_lits(tmp_path / "lits", 45, ct(2))
    write_lits(tmp_path / "lits", 46, ct(1))
    found = look(tmp_path / "ircadb", tmp_path / "lits")
    assert [(pair.second.name, pair.verdict) for pair in found.twins] == [
        ("volume-45", "different content"),
        ("volume-46", "same content under other names"),
    ]


def test_a_scan_that_cannot_be_read_is_still_known_by_its_number(tmp_path):
    for folder, write in (("lits", write_lits), ("msd", write_msd)):
        write(tmp_path / folder, 3)
    (tmp_path / "lits" / "volume-3.nii").write_bytes(b"no")
    (pair,) = look(tmp_path / "lits", tmp_path / "msd").twins
    assert (pair.first.name, pair.second.name, pair.verdict) == ("volume-3", "liver_3", "not compared")


def test_a_data_set_given_twice_is_refused(tmp_path):
    write_lits(tmp_path, 1)
    with pytest.raises(UserError, match="is given twice"):
        look(tmp_path, tmp_path / ".")


def test_all_goes_into_json(tmp_path):
    write_lits(tmp_path, 1)
    (tmp_path / "volume-3.nii").touch()
    content = json.loads(json.dumps(look(tmp_path).to_dict()))
    (data,) = content["data"]
    assert (data["kind"], data["failed"]) == ("lits", {})
    assert data["left_out"] == [{"name": "volume-3", "reason": "it has no segmentation"}]
    assert data["scans"][0]["labels"][2] == 9


def test_it_can_be_cancelled(tmp_path):
    write_lits(tmp_path, 1)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        look(tmp_path, cancel=token)


def test_a_flipped_copy_is_the_same_content_also_where_a_slice_is_repeated(tmp_path):
    for name, flipped in (("a", False), ("b", True)):
        voxels = ct(3)
        voxels[4] = voxels[3]
        write_lits(tmp_path / name, 1, voxels[::-1] if flipped else voxels)
    first, second = (only(tmp_path / name) for name in "ab")
    assert first.damaged
    assert first.content == second.content
    write_lits(tmp_path / "c", 1, ct(3))
    assert only(tmp_path / "c").content != first.content


def test_tumour_loads_are_by_name_and_the_largest_of_several_data_sets(tmp_path):
    for folder, lesions in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        write_lits(tmp_path / folder, 2, marked=labels(lesions=lesions))
    write_lits(tmp_path / "two", 3, marked=labels(lesions=0))
    found = look(tmp_path / "one", tmp_path / "two")
    assert found.loads == {"volume-2": pytest.approx(9 * 2 * 0.9 * 0.8 / 1000, abs=5e-4), "volume-3": 0}
    assert found.persons == [("volume-2", "volume-2")]
