import numpy as np
import pytest
from pydicom.dataset import Dataset
from support.dicom_slices import SLICE_MM, hounsfield, plain
from support.dicom_slices import write as write_slices
from support.enhanced_dicom import enhanced, groups, write

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes


def read(path, **options):
    return volumes.read_volume(path, force=True, **options)


def two_stacks(order=range(12)):
    """Six slices and six of another CT further up, mixed."""
    slices = [*plain(), *plain(seed=8)]
    for one in slices[6:]:
        one.ImagePositionPatient[2] += 20 * SLICE_MM
    names = ["2"] * 6 + ["10"] * 6
    return enhanced([slices[at] for at in order], [names[at] for at in order])


def test_stacks_are_listed_and_chosen_as_several_series_are(tmp_path):
    mixed = np.random.default_rng(3).permutation(12).tolist()
    file = write(two_stacks(mixed), tmp_path / "ct.dcm")
    for path in (file, tmp_path):
        with pytest.raises(
            UserError,
            match=r"holds 2 stacks of slices in one series \(stack1 of 6 images, stack2 of 6 images\): choose one with "
            r"--series stack1\.$",
        ):
            read(path)
        np.testing.assert_array_equal(read(path, series="stack1").voxels, hounsfield())
        second = read(path, series="1.2.32-stack2")
        np.testing.assert_array_equal(second.voxels, hounsfield(seed=8))
        assert second.affine[2, 3] == pytest.approx(30 + 20 * SLICE_MM)
        with pytest.raises(UserError, match="no single one that ends so"):
            read(path, series="stack")


def test_a_stack_of_localisers_is_left_out(tmp_path):
    one = two_stacks()
    for frame in groups(one)[6:]:
        frame.CTImageFrameTypeSequence[0].FrameType = ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]
    np.testing.assert_array_equal(read(write(one, tmp_path / "ct.dcm")).voxels, hounsfield())


def phases(times=True, indices=False):
    """Two phases of one stack, at one place, one slice of each after the other."""
    slices = [one for pair in zip(plain(), plain(seed=8), strict=True) for one in pair]
    one = enhanced(slices, ["1"] * 12)
    for number, frame in enumerate(groups(one)):
        content = frame.FrameContentSequence[0]
        if times:
            content.TemporalPositionIndex = 1 + number % 2
        if indices:
            content.DimensionIndexValues = [1 + number // 2, 1 + number % 2]
    if indices:
        one.DimensionIndexSequence = [_points_at(0x0020_0032), _points_at(0x0020_9241)]
    return one


def _points_at(tag):
    item = Dataset()
    item.DimensionIndexPointer = tag
    return item


@pytest.mark.parametrize("options", [{}, {"times": False, "indices": True}])
def test_phases_at_one_place_are_told_apart_by_time_or_dimension(tmp_path, options):
    file = write(phases(**options), tmp_path / "ct.dcm")
    np.testing.assert_array_equal(read(file, series="stack1").voxels, hounsfield())
    np.testing.assert_array_equal(read(file, series="stack2").voxels, hounsfield(seed=8))


def test_phases_that_nothing_tells_apart_are_refused(tmp_path):
    with pytest.raises(UserError, match="two slices at one place"):
        read(write(phases(times=False), tmp_path / "ct.dcm"))


def test_times_that_differ_in_every_slice_split_nothing(tmp_path):
    one = enhanced(plain())
    for number, frame in enumerate(groups(one)):
        frame.FrameContentSequence[0].TemporalPositionIndex = number + 1
    np.testing.assert_array_equal(read(write(one, tmp_path / "ct.dcm")).voxels, hounsfield())


def concatenation(total=3):
    parts = [enhanced(plain()[at : at + 2], number=1 + at // 2) for at in (0, 2, 4)]
    for number, one in enumerate(parts, 1):
        one.ConcatenationUID, one.InConcatenationNumber = "1.2.33", number
        if total:
            one.InConcatenationTotalNumber = total
    return parts


def test_the_files_of_a_concatenation_are_one_ct(tmp_path):
    for number, one in enumerate(reversed(concatenation())):
        write(one, tmp_path / f"{number}.dcm")
    found = read(tmp_path)
    np.testing.assert_array_equal(found.voxels, hounsfield())
    assert [path.name for path in found.images] == ["2.dcm", "2.dcm", "1.dcm", "1.dcm", "0.dcm", "0.dcm"]
    assert found.frames == (1, 2, 1, 2, 1, 2)


@pytest.mark.parametrize(("missing", "total"), [(0, 3), (2, 3), (1, 0)])
def test_a_missing_part_of_a_concatenation_is_named(tmp_path, missing, total):
    for number, one in enumerate(concatenation(total)):
        if number != missing:
            write(one, tmp_path / f"{number}.dcm")
    with pytest.raises(UserError, match=r"is part \d.* of a CT in several files, which are not all there"):
        read(tmp_path)


def test_two_images_of_a_series_at_one_place_can_be_chosen(tmp_path):
    for number, seed in ((1, 7), (2, 8)):
        write(enhanced(plain(seed=seed), number=number), tmp_path / f"{number}.dcm")
    np.testing.assert_array_equal(read(tmp_path, series="stack2").voxels, hounsfield(seed=8))


def test_a_series_of_single_slices_beside_it_is_another(tmp_path):
    write_slices(plain(), tmp_path)
    write(enhanced(plain(seed=8)), tmp_path / "enhanced.dcm")
    with pytest.raises(UserError, match=r"1\.2\.3 \(.*1\.2\.32 \("):
        read(tmp_path)
    np.testing.assert_array_equal(read(tmp_path, series="1.2.32").voxels, hounsfield(seed=8))


def test_a_damaged_image_of_a_stacks_series_is_refused_with_it(tmp_path):
    write(two_stacks(), tmp_path / "ct.dcm")
    content = write(enhanced(plain(), number=2), tmp_path / "late.dcm").read_bytes()
    at = content.index(b"\x28\x00\x10\x00US")
    (tmp_path / "late.dcm").write_bytes(content[:at])
    with pytest.raises(UserError, match="late.dcm"):
        read(tmp_path, series="stack1")
