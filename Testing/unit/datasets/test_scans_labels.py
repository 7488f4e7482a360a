from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.dicom_slices import plain, write
from support.seg_cases import labels, made, saved
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.scans import read_labels, whole_labels
from LiverTumorSegLib.io.raw_image import RawImage
from LiverTumorSegLib.io.volumes import read_volume, write_labels


@pytest.fixture
def stored(tmp_path, small_phantom):
    """Write labels, with the phantom's affine unless another is given."""

    def write(voxels, affine=small_phantom.volume.affine):
        nibabel.save(nibabel.Nifti1Image(voxels.transpose(2, 1, 0), affine), tmp_path / "labels.nii")
        return tmp_path / "labels.nii"

    return write


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_labels_of_any_type_are_read_as_they_are(stored, small_phantom, dtype):
    labels, doubt = read_labels(stored(small_phantom.labels.astype(dtype)), small_phantom.volume)
    assert np.array_equal(labels, small_phantom.labels)
    assert (labels.dtype, doubt) == (np.uint8, "")


def test_labels_of_another_grid_are_refused(stored, small_phantom):
    affine, labels = small_phantom.volume.affine, small_phantom.labels
    for path in (stored(labels[1:]), stored(labels, affine @ np.diag([1, -1, 1, 1]))):
        with pytest.raises(UserError, match="does not lie on its CT's voxels"):
            read_labels(path, small_phantom.volume)


@pytest.mark.parametrize("factor", [2, -1])
def test_other_labels_are_refused(stored, small_phantom, factor):
    with pytest.raises(UserError, match="holds labels other than 0 background, 1 liver and 2 lesion"):
        read_labels(stored(small_phantom.labels.astype(np.int16) * np.int16(factor)), small_phantom.volume)


@pytest.mark.parametrize("factor", [0.4, 0.75, np.nan])
def test_numbers_that_are_not_whole_are_refused_and_not_rounded(stored, small_phantom, factor):
    with pytest.raises(UserError, match="holds numbers that are not whole, so they cannot be labels") as caught:
        read_labels(stored(small_phantom.labels * np.float32(factor)), small_phantom.volume)
    assert "\n" not in str(caught.value)


def test_whole_numbers_count_after_the_files_own_scaling(small_phantom, tmp_path):
    scaled = nibabel.Nifti1Image(
        small_phantom.labels.transpose(2, 1, 0).astype(np.float64), small_phantom.volume.affine
    )
    scaled.set_data_dtype(np.int16)  # nibabel then stores them with a slope far from 1
    nibabel.save(scaled, tmp_path / "scaled.nii")
    labels, _ = read_labels(tmp_path / "scaled.nii", small_phantom.volume)
    assert np.array_equal(labels, small_phantom.labels)


def test_labels_that_state_another_place_are_taken_with_a_sentence(stored, small_phantom):
    moved = small_phantom.volume.affine.copy()
    moved[:3, 3] += 5
    labels, doubt = read_labels(stored(small_phantom.labels, moved), small_phantom.volume)
    assert np.array_equal(labels, small_phantom.labels)
    assert doubt == "CT and labels state different places or spacings; they were taken voxel by voxel."


@pytest.mark.parametrize(
    ("values", "named"),
    [([3, 3, 7], r"\(3, 7\)"), ([-2, 0, 1], r"\(-2\)"), (range(3, 10), r"\(3, 4, 5, 6, 7 and others\)")],
)
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_other_labels_are_named_from_every_plane(values, named, dtype):
    stored = RawImage(np.array(values, dtype).reshape(-1, 1, 1), np.eye(4))
    with pytest.raises(UserError, match=rf"^labels\.nii holds labels other than .* and 2 lesion {named}: rename"):
        whole_labels(stored, Path("labels.nii"))


def test_scaling_makes_labels_and_infinity_none():
    read = whole_labels(RawImage(np.array([[[10, 20, 30]]], np.uint8), np.eye(4), 0.1, -1), Path("labels.nii"))
    assert read.tolist() == [[[0, 1, 2]]]
    assert read.dtype == np.uint8
    with pytest.raises(UserError, match="not whole"):
        whole_labels(RawImage(np.array([[[np.inf]]]), np.eye(4)), Path("labels.nii"))


@pytest.mark.parametrize(("slope", "dtype"), [(1, np.uint8), (1, np.int16), (0.5, np.uint8), (1, np.float32)])
def test_given_values_become_labels_and_all_others_background(slope, dtype):
    values = (np.array([[[0, 5, 6, 7, 117]]]) / slope).astype(dtype)
    read = whole_labels(RawImage(values, np.eye(4), slope), Path("labels.nii"), {5: 1, 6: 1, 7: 2})
    assert read.tolist() == [[[0, 1, 1, 2, 0]]]
    assert read.dtype == np.uint8


def test_given_values_do_not_let_pass_what_is_not_whole():
    with pytest.raises(UserError, match="not whole"):
        whole_labels(RawImage(np.array([[[1, 0.5]]]), np.eye(4)), Path("labels.nii"), {1: 2})


def test_the_advice_about_other_labels_may_be_another():
    with pytest.raises(UserError, match=r"2 lesion \(3\): ask her\.$"):
        whole_labels(RawImage(np.full((1, 1, 1), 3), np.eye(4)), Path("labels.nii"), advice="ask her")


def test_labels_seen_another_way_are_copied_in_that_order():
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4) % 3
    seen = values.transpose(2, 0, 1)[::-1]
    read = whole_labels(RawImage(seen, np.eye(4)), Path("labels.nii"))
    assert np.array_equal(read, seen)
    assert read.flags.c_contiguous


def test_of_a_segmentation_of_slicer_the_names_decide(small_phantom, tmp_path):
    volume, path = small_phantom.volume, tmp_path / "both.seg.nrrd"
    swapped = np.array([0, 2, 1], np.uint8)[small_phantom.labels]
    write_labels(path, swapped, volume)
    text = path.read_bytes()
    header, _, data = text.partition(b"\n\n")
    other = header.replace(b"_Name:=liver lesion", b"_Name:=@").replace(b"_Name:=liver", b"_Name:=tumour")
    path.write_bytes(other.replace(b"_Name:=@", b"_Name:=liver") + b"\n\n" + data)
    labels, doubt = read_labels(path, volume)
    assert np.array_equal(labels, small_phantom.labels)
    assert doubt == "both.seg.nrrd: labels were taken from the names of its segments (tumour 1, liver 2)."


def test_of_a_dicom_segmentation_the_slices_left_out_are_background(tmp_path):
    write(plain(), tmp_path / "ct")
    volume = read_volume(tmp_path / "ct")
    read, doubt = read_labels(saved(made(), tmp_path / "seg.dcm"), volume)
    assert np.array_equal(read, np.array([0, 1, 2, 2], np.uint8)[labels()])
    assert doubt == ""
    turned = reordered(volume, (1, 2, 0), (True, False, True))
    assert np.array_equal(
        read_labels(tmp_path / "seg.dcm", turned)[0],
        reordered(replace(volume, voxels=read), (1, 2, 0), (True, False, True)).voxels,
    )


def test_a_dicom_segmentation_of_another_ct_is_refused(tmp_path, small_phantom):
    with pytest.raises(UserError, match="does not lie on its CT's voxels"):
        read_labels(saved(made(), tmp_path / "seg.dcm"), small_phantom.volume)
