import shutil

import numpy as np
import pytest
from pydicom import dcmread
from support.dicom_series_cases import COLUMNS_MM, ROWS_MM, SHAPE, SLICES_MM, write_series
from support.dicom_slices import hounsfield, plain, write
from support.seg_cases import made, saved

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.io.dicom_series import instance_numbers


def test_slices_are_ordered_by_place_and_placed_by_what_they_state(tmp_path):
    volume = volumes.read_volume(write_series(tmp_path / "ct"), force=True)
    assert volume.voxels[:, 0, 0].tolist() == [-100, -90, -80, -70, -60, -50]
    assert volume.affine == pytest.approx(
        np.array([[-COLUMNS_MM, 0, 0, 5], [0, -ROWS_MM, 0, 7], [0, 0, SLICES_MM, 30], [0, 0, 0, 1]])
    )


def test_gantry_tilt_is_kept(tmp_path):
    volume = volumes.read_volume(write_series(tmp_path / "ct", tilt=0.5), force=True)
    assert volume.affine[:3, 2] == pytest.approx([0, -0.5, SLICES_MM])
    assert volume.is_sheared


def test_folders_in_the_folder_are_searched(tmp_path):
    write_series(tmp_path / "ct" / "deeper")
    assert volumes.read_volume(tmp_path / "ct", force=True).voxels.shape == SHAPE


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path):
    write_series(tmp_path / "ct", "1.2.3")
    write_series(tmp_path / "ct", "1.2.44", gap=3.0)
    with pytest.raises(
        UserError, match=r"several series.*--series.*1\.2\.3 \(CT, series 1\.2\.3, 6 images\).*1\.2\.44"
    ):
        volumes.read_volume(tmp_path / "ct")
    assert volumes.read_volume(tmp_path / "ct", series="44", force=True).spacing[0] == pytest.approx(3.0)
    with pytest.raises(UserError, match="no single one that ends so"):
        volumes.read_volume(tmp_path / "ct", series="5")


def test_of_very_many_series_some_are_listed_and_long_words_by_their_beginning(tmp_path):
    for number in range(25):
        write_series(tmp_path / "ct", f"1.2.{number + 10}")
    with pytest.raises(UserError, match=r"1\.2\.29 \(.*\); and 5 more\.$"):
        volumes.read_volume(tmp_path / "ct")
    with pytest.raises(UserError, match=rf"holds {'M' * 64}…, not CT"):
        volumes.read_volume(write_series(tmp_path / "mr", modality="M" * 5000))


def test_other_modalities_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds MR, not CT"):
        volumes.read_volume(write_series(tmp_path / "mr", modality="MR"))


def test_a_missing_slice_is_named(tmp_path):
    folder = write_series(tmp_path / "ct")
    next(folder.glob("*3.dcm")).unlink()
    with pytest.raises(UserError, match=r"5\.00 mm apart after z = 35\.0 mm and 2\.50 mm elsewhere"):
        volumes.read_volume(folder)


def test_two_slices_at_one_place_are_refused(tmp_path):
    with pytest.raises(UserError, match="two slices at one place"):
        volumes.read_volume(write_series(tmp_path / "ct", gap=0.0))


def patched(folder, slice_number, before, after):
    """Change bytes of one file that no careful program would write."""
    (file,) = folder.glob(f"*{slice_number}.dcm")
    content = file.read_bytes()
    assert content.count(before) == 1
    assert len(before) == len(after)
    file.write_bytes(content.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"1\\0\\0\\0\\1\\0", b"2\\0\\0\\0\\2\\0"),
        (b"1\\0\\0\\0\\1\\0", b"1\\0\\0\\1\\0\\0"),
        (b".75\\.5", b"-.7\\.5"),
    ],
)
def test_directions_and_spacings_that_cannot_be_are_refused(tmp_path, before, after):
    folder = write_series(tmp_path / "ct")
    for number in range(SHAPE[0]):
        patched(folder, number, before, after)
    with pytest.raises(UserError, match="not positive or directions that are not at right angles|damaged"):
        volumes.read_volume(folder)


def test_a_slice_out_of_line_is_refused(tmp_path):
    folder = write_series(tmp_path / "ct")
    patched(folder, 3, b"-5\\-7\\37.5", b"-1\\-7\\37.5")
    with pytest.raises(UserError, match=r"a slice 4\.0 mm out of line at z = 37\.5 mm"):
        volumes.read_volume(folder)


def test_colour_is_refused(tmp_path):
    with pytest.raises(UserError, match="in colour|damaged"):
        volumes.read_volume(write_series(tmp_path / "ct", colour=True))


@pytest.mark.parametrize("content", [None, b"no dicom"])
def test_a_folder_without_dicom_is_refused(tmp_path, content):
    if content:
        (tmp_path / "readme.txt").write_bytes(content)
    with pytest.raises(UserError, match="holds no DICOM images"):
        volumes.read_volume(tmp_path)


def test_a_truncated_image_is_refused(tmp_path):
    folder = write_series(tmp_path / "ct")
    file = next(folder.glob("*3.dcm"))
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(UserError, match="damaged|missing"):
        volumes.read_volume(folder)


def test_a_real_series_agrees_with_its_labels_grid(samples):
    volume = volumes.read_volume(samples / "totalsegmentator" / "dicom")
    labels = volumes.read_volume(samples / "totalsegmentator" / "dicom_labels.nii.gz", force=True)
    assert volume.voxels.shape == (20, 512, 512)
    assert volume.axial.spacing == pytest.approx(labels.axial.spacing, rel=1e-3)
    assert volume.axial.affine(volume.affine, volume.voxels.shape) == pytest.approx(
        labels.axial.affine(labels.affine, labels.voxels.shape), abs=0.01
    )
    liver = volume.axial.of(volume.voxels)[labels.axial.of(labels.voxels) == 5]
    assert 0 < liver.mean() < 200


def test_a_folder_that_holds_segmentations_too_gives_the_ct(samples, tmp_path):
    for file in (samples / "dcmqi").glob("*.dcm"):
        shutil.copy(file, tmp_path)
    read = volumes.read_volume(tmp_path)
    assert sorted(path.name for path in read.images) == ["01.dcm", "02.dcm", "03.dcm"]


def test_of_a_study_the_ct_is_read_whatever_else_lies_there(tmp_path):
    write(plain(), tmp_path / "study")
    saved(made(), tmp_path / "study" / "seg.dcm")
    read = volumes.read_volume(tmp_path / "study", force=True)
    assert np.array_equal(read.voxels, hounsfield())
    with pytest.raises(UserError, match="holds SEG, not CT"):
        volumes.read_volume(tmp_path / "study", series=str(dcmread(tmp_path / "study" / "seg.dcm").SeriesInstanceUID))


def numbered(folder, numbers):
    slices = plain()
    for one, number in zip(slices, numbers, strict=True):
        one.InstanceNumber = number
    write(slices, folder)
    return volumes.read_volume(folder, force=True).images


def test_the_numbers_of_images_come_in_the_order_of_their_slices(tmp_path):
    assert instance_numbers(numbered(tmp_path / "ct", [66, 65, 64, 63, 62, 61])) == [66, 65, 64, 63, 62, 61]
    assert instance_numbers(()) == []


@pytest.mark.parametrize("numbers", [[1] * 6, [1, 2, 3, 4, 5, None]])
def test_numbers_that_tell_no_images_apart_are_none(tmp_path, numbers):
    assert instance_numbers(numbered(tmp_path / "ct", numbers)) == []
