import os

import numpy as np
import pytest
from support.dataset_cases import SPACING, ct, labels, lesion_masks, write_ircadb

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import layouts
from LiverTumorSegLib.datasets.dump import LeftOut
from LiverTumorSegLib.io.limits import VARIABLE


def read(folder):
    (scan,) = layouts.find_ircadb(folder)[0]
    return scan.read()


@pytest.mark.parametrize("options", [{}, {"modality": "OT"}, {"reverse": True}])
def test_masks_become_labels_on_the_cts_slices_whatever_their_files_order_and_kind(tmp_path, options):
    write_ircadb(tmp_path, 3, **options)
    volume, marked = read(tmp_path)
    assert np.array_equal(volume.voxels, ct(3))
    assert np.array_equal(marked, labels())
    assert marked.dtype == np.uint8
    assert volume.spacing == pytest.approx(SPACING)
    assert not [words for words in volume.warnings if "place" in words]


def test_patients_are_found_below_the_archives_folder_sorted_by_number_and_known_in_lits(tmp_path):
    for number in (10, 2):
        write_ircadb(tmp_path / "3Dircadb1", number)
    scans, left_out = layouts.find_ircadb(tmp_path)
    assert [(scan.name, scan.patient) for scan in scans] == [
        ("3Dircadb1.2", "volume-29"),
        ("3Dircadb1.10", "volume-37"),
    ]
    assert left_out == ()


def test_a_patient_without_tumours_is_a_scan_without_lesions(tmp_path):
    write_ircadb(tmp_path, 5, masks={"liver": labels() > 0})
    assert np.array_equal(read(tmp_path)[1], (labels() > 0).astype(np.uint8))


def test_the_lesion_wins_where_masks_overlap_and_cysts_and_adrenal_tumours_are_none(tmp_path):
    masks = {"liver": labels() > 0, "livertumors": labels() == 2}
    nothing_of_ours = np.ones(labels().shape, bool)
    write_ircadb(tmp_path, 5, masks=masks | {"liverkyst": nothing_of_ours, "leftsurretumor": nothing_of_ours})
    assert np.array_equal(read(tmp_path)[1], labels())


def test_outside_is_the_least_number_where_masks_are_shifted_as_the_ct(tmp_path):
    shifted = np.where(labels() > 0, -769, -1024).astype(np.int16)
    write_ircadb(tmp_path, 5, masks={"liver": shifted, "livertumor1": np.full_like(shifted, -1024)})
    assert np.array_equal(read(tmp_path)[1], (labels() > 0).astype(np.uint8))


def test_masks_unzipped_into_a_folder_of_their_own_are_found(tmp_path):
    place = write_ircadb(tmp_path, 3)
    (place / "MASKS_DICOM").rename(place / "masks")
    (place / "MASKS_DICOM").mkdir()
    (place / "masks").rename(place / "MASKS_DICOM" / "MASKS_DICOM")
    assert np.array_equal(read(tmp_path)[1], labels())


def test_incomplete_patients_are_left_out_with_the_reason(tmp_path):
    for number, entries in {1: ["PATIENT_DICOM.zip", "MASKS_DICOM.zip"], 2: ["PATIENT_DICOM/"], 3: []}.items():
        place = tmp_path / f"3Dircadb1.{number}"
        place.mkdir()
        for entry in entries:
            (place / entry).mkdir() if entry.endswith("/") else (place / entry).touch()
    (tmp_path / "3Dircadb1.4" / "PATIENT_DICOM").mkdir(parents=True)
    (tmp_path / "3Dircadb1.4" / "MASKS_DICOM" / "bone").mkdir(parents=True)
    reasons = [
        "its PATIENT_DICOM is still zipped",
        "it has no MASKS_DICOM",
        "it has no PATIENT_DICOM",
        "its MASKS_DICOM holds no liver",
    ]
    expected = tuple(LeftOut(name=f"3Dircadb1.{n}", reason=reason) for n, reason in enumerate(reasons, start=1))
    assert layouts.find_ircadb(tmp_path) == ((), expected)


def test_a_patient_that_is_there_twice_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "copy"):
        (place / "3Dircadb1.4").mkdir(parents=True)
    with pytest.raises(UserError, match=r"are the same patient: take one of them out"):
        layouts.find_ircadb(tmp_path)


def test_a_mask_on_other_voxels_is_refused(tmp_path):
    write_ircadb(tmp_path, 3, masks={"liver": lesion_masks()["liver"][1:]})
    with pytest.raises(UserError, match=r"liver does not lie on its CT's voxels"):
        read(tmp_path)


def test_a_pipe_among_the_slices_is_refused(tmp_path):
    place = write_ircadb(tmp_path, 1)
    for folder in (place / "MASKS_DICOM" / "liver", place / "PATIENT_DICOM"):
        os.mkfifo(folder / "pipe")
        (scan,) = layouts.find_ircadb(tmp_path)[0]
        with pytest.raises(UserError, match=rf"{folder.name}/pipe is not a regular file"):
            _ = scan.grid() if folder.name == "PATIENT_DICOM" else scan.read()


def test_masks_of_more_voxels_than_are_allowed_are_refused(tmp_path, monkeypatch):
    write_ircadb(tmp_path, 1)
    (scan,) = layouts.find_ircadb(tmp_path)[0]
    volume, _ = scan.read()
    monkeypatch.setenv(VARIABLE, "100")
    with pytest.raises(UserError, match=r"liver has \d+ x \d+ x \d+ voxels, more than 100"):
        scan.read_labels(volume)


def test_a_mask_without_files_is_refused(tmp_path):
    place = write_ircadb(tmp_path, 3)
    for file in (place / "MASKS_DICOM" / "livertumor01").iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"livertumor01 holds no DICOM images"):
        read(tmp_path)


def test_a_damaged_mask_is_refused(tmp_path):
    place = write_ircadb(tmp_path, 3)
    file = next((place / "MASKS_DICOM" / "liver").iterdir())
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"liver (holds images that are damaged|does not lie on its CT's voxels)"):
        read(tmp_path)


def test_masks_that_state_another_place_are_taken_with_a_sentence(tmp_path):
    write_ircadb(tmp_path, 3, origin=(0.0, 0.0, 0.0))
    volume, marked = read(tmp_path)
    assert np.array_equal(marked, labels())
    assert "CT and masks state different places; they were taken voxel by voxel." in volume.warnings
