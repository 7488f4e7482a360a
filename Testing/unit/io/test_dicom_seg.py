import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.sr.codedict import codes
from support.dicom_slices import ORIGIN, SLICE_MM, placed, plain, write
from support.seg_cases import by_dcmqi, labels, made, saved, source
from support.volumes import affine_of_image

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes


def along(step, orientation=(1, 0, 0, 0, 1, 0)):
    """A change of the plain series: where its slices lie."""

    def change(slices):
        for number, one in enumerate(slices):
            one.ImagePositionPatient = [round(float(mm), 6) for mm in ORIGIN + np.array(step) * number]
            one.ImageOrientationPatient = list(orientation)

    return change


def as_dcmqi_reads(path, folder):
    """Labels and affine by dcmqi."""
    image = by_dcmqi(path, folder)
    return sitk.GetArrayFromImage(image), affine_of_image(image)


def reversed_frames(dataset):
    """Frames and their pixels in the other order."""
    frames = dataset.pixel_array[::-1]
    dataset.PerFrameFunctionalGroupsSequence = list(dataset.PerFrameFunctionalGroupsSequence)[::-1]
    dataset.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    return dataset


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize(
    "change",
    [
        lambda slices: None,
        lambda slices: slices.reverse(),
        along((0, -0.6 * SLICE_MM, 0.8 * SLICE_MM), (1, 0, 0, 0, 0.8, 0.6)),
        along((0, SLICE_MM, 0), (1, 0, 0, 0, 0, -1)),
        along((-SLICE_MM, 0, 0), (0, 1, 0, 0, 0, -1)),
        along((0, 0, SLICE_MM), (-1, 0, 0, 0, -1, 0)),
    ],
    ids=["axial", "reversed", "oblique", "coronal", "sagittal", "prone"],
)
def test_voxels_and_place_are_those_that_dcmqi_reads(tmp_path, change, kind):
    path = saved(made(slices=source(change), kind=kind), tmp_path / "seg.dcm")
    values, affine = as_dcmqi_reads(path, tmp_path / "dcmqi")
    read = volumes.read_stored(path)
    assert np.array_equal(read.values, values)
    assert read.affine == pytest.approx(affine, abs=1e-4)
    assert set(np.unique(read.values)) == {0, 1, 2, 3}
    assert (read.values.dtype, read.warnings, read.omits_empty) == (np.uint8, (), True)


def test_the_sample_of_another_tool_is_read_as_its_nrrd(samples):
    folder = samples / "dcmqi"
    if not folder.is_dir():
        pytest.skip(f"needs the segmentation in {folder}")
    read, other = (volumes.read_stored(folder / name) for name in ("liver_seg.dcm", "liver_seg.nrrd"))
    assert np.array_equal(read.values, other.values)
    assert read.values.any()
    assert read.affine == pytest.approx(other.affine, abs=1e-6)
    assert volumes.segment_names(folder / "liver_seg.dcm") == {1: "Liver"}


def test_slices_left_out_in_between_are_filled_in_and_those_at_the_ends_are_not_there(tmp_path):
    read = volumes.read_stored(saved(made(), tmp_path / "seg"))
    assert np.array_equal(read.values, labels()[1:5])
    assert read.affine == pytest.approx(placed(origin=ORIGIN + np.array([0, 0, SLICE_MM])))


def test_the_order_of_the_frames_makes_no_difference(tmp_path):
    read = volumes.read_stored(saved(reversed_frames(made()), tmp_path / "seg.dcm"))
    assert np.array_equal(read.values, labels()[1:5])


def test_gantry_tilt_shears_the_affine_as_that_of_the_ct(tmp_path):
    slices = source(along((0, 3.25, SLICE_MM)))
    write(slices, tmp_path / "ct")
    read = volumes.read_stored(saved(made(slices=slices, omit_empty_frames=False), tmp_path / "seg.dcm"))
    assert np.array_equal(read.values, labels())
    assert read.affine == pytest.approx(volumes.read_volume(tmp_path / "ct").affine, abs=1e-6)


def test_the_least_distance_counts_where_none_is_stated(tmp_path):
    dataset = made()
    del dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    read = volumes.read_stored(saved(dataset, tmp_path / "seg.dcm"))
    assert np.array_equal(read.values, labels()[1:5])


def test_another_distance_than_the_stated_one_is_said(tmp_path):
    dataset = made()
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 5
    read = volumes.read_stored(saved(dataset, tmp_path / "seg.dcm"))
    assert np.array_equal(read.values, labels()[1:5])
    assert read.warnings == ("Its slices are said to lie 5.00 mm apart and were taken as 12.50 mm apart.",)


@pytest.mark.parametrize("off", [0.04, 0.09])
def test_segments_whose_writer_rounded_places_differently_are_of_one_stack(tmp_path, off):
    dataset = pydicom.dcmread(saved(made(), tmp_path / "seg.dcm"))
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2:
            moved(number, 0, 0, off)(dataset)
    read = volumes.read_stored(saved(dataset, tmp_path / "seg.dcm"))
    assert np.array_equal(read.values, labels()[1:5])
    assert np.linalg.norm(read.affine[:3, 2]) == pytest.approx(SLICE_MM, abs=off)


def test_binary_frames_of_a_byte_a_pixel_are_read(tmp_path):
    dataset = made()
    frames = dataset.pixel_array.astype(np.uint8) * 255
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = frames.tobytes()
    dataset["PixelData"].VR = "OB"
    assert np.array_equal(volumes.read_stored(saved(dataset, tmp_path / "seg.dcm")).values, labels()[1:5])


def test_a_single_slice_is_read_where_the_distance_is_stated(tmp_path):
    mask = np.where(np.arange(6)[:, None, None] == 2, labels(), 0)
    dataset = made(mask)
    assert np.array_equal(volumes.read_stored(saved(dataset, tmp_path / "seg.dcm")).values, mask[2:3])
    del dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    with pytest.raises(UserError, match="does not say how far slices lie apart"):
        volumes.read_stored(saved(dataset, tmp_path / "seg.dcm"))


def test_lesions_that_overlap_each_other_are_one(tmp_path):
    mask = np.zeros((6, 16, 20, 3), bool)
    mask[2:4, :9, ..., 1], mask[2:4, 5:, ..., 2] = True, True
    read = volumes.read_stored(saved(made(mask), tmp_path / "seg.dcm"))
    assert np.array_equal(read.values != 0, np.ones((2, 16, 20), bool))
    assert read.warnings == ()


@pytest.mark.parametrize("names", [("Liver", "Lesion 1"), ("Tumour", "liver")])
def test_lesions_win_over_the_liver_that_they_lie_in_whichever_comes_first(tmp_path, names):
    mask = np.zeros((6, 16, 20, 2), bool)
    lesion = int(names[0] == "Liver")
    mask[1:4, 2:12, 3:15, 1 - lesion], mask[2:5, 4:8, 5:9, lesion] = True, True
    path = saved(made(mask, names=dict.fromkeys(names, codes.SCT.Organ)), tmp_path / "seg.dcm")
    read = volumes.read_stored(path)
    expected = np.where(mask[1:5, ..., lesion], lesion + 1, np.where(mask[1:5, ..., 1 - lesion], 2 - lesion, 0))
    assert np.array_equal(read.values, expected)
    doubled = int(mask.all(axis=-1).sum())
    assert read.warnings == (f"Its segments of liver and lesions overlap in {doubled} voxels, which count as lesion.",)


def test_other_segments_that_overlap_are_refused(tmp_path):
    mask = np.ones((6, 16, 20, 2), bool)
    path = saved(made(mask, names={"Liver": codes.SCT.Liver, "Kidney": codes.SCT.Kidney}), tmp_path / "seg.dcm")
    with pytest.raises(UserError, match=r"segments that overlap, 'Liver' \(1\) and 'Kidney' \(2\): export it"):
        volumes.read_stored(path)


def test_known_structures_beside_liver_and_lesions_are_left_out_and_that_is_said(tmp_path):
    mask = np.random.default_rng(4).random((6, 16, 20, 4)) > 0.5
    mask[[0, 5], ..., :2] = False
    mask[1, 0, 0, 0] = mask[4, 0, 0, 0] = True
    names = ["Liver", "Lesion 1", "Liver vessels", "Liver segment II"]
    path = saved(made(mask, names=dict.fromkeys(names, codes.SCT.Organ)), tmp_path / "seg.dcm")
    read = volumes.read_stored(path)
    expected = np.where(mask[..., 1], 2, np.where(mask[..., 0], 1, 0))
    assert np.array_equal(read.values, expected)
    assert read.warnings[-1] == (
        "Beside liver and lesions it holds Liver vessels and Liver segment II, which were left out."
    )


def test_segments_of_the_liver_are_the_liver_where_nothing_else_is(tmp_path):
    mask = np.zeros((6, 16, 20, 2), bool)
    mask[2:4, :8, :, 0] = mask[2:4, 8:, :, 1] = True
    names = dict.fromkeys(["Liver segment II", "Liver segment III"], codes.SCT.Organ)
    read = volumes.read_stored(saved(made(mask, names=names), tmp_path / "seg.dcm"))
    assert (read.values > 0).all()
    assert not read.warnings


def moved(number, *mm):
    def change(dataset):
        place = dataset.PerFrameFunctionalGroupsSequence[number].PlanePositionSequence[0]
        place.ImagePositionPatient = [float(a) + b for a, b in zip(place.ImagePositionPatient, mm, strict=True)]

    return change


def doubled(dataset):
    frames = dataset.PerFrameFunctionalGroupsSequence
    frames[1].PlanePositionSequence = frames[0].PlanePositionSequence
    frames[1].SegmentIdentificationSequence = frames[0].SegmentIdentificationSequence


def nowhere(dataset):
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence


def turned(dataset):
    plane = pydicom.Dataset()
    plane.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    dataset.PerFrameFunctionalGroupsSequence[2].PlaneOrientationSequence = [plane]


def stated(keyword, value):
    return lambda dataset: setattr(dataset, keyword, value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (stated("SegmentationType", "FRACTIONAL"), "holds fractions"),
        (moved(0, 0, 0, 5), "mm apart and 12.50 mm elsewhere: resample"),
        (moved(0, 4, 0, 0), "mm out of line"),
        (moved(0, 0, 0, 1e7), "does not say where its frames lie"),
        (doubled, "two frames of one segment at one place"),
        (nowhere, "does not say where its frames lie"),
        (turned, "mixes frames of different direction"),
        (stated("Rows", 60000), "ends too early, is damaged"),
        (stated("Columns", 0), "more or less than an image has"),
        (stated("Rows", 8000), "ends too early, is damaged"),
        (stated("NumberOfFrames", 2**31 - 1), "ends too early, is damaged"),
        (stated("PerFrameFunctionalGroupsSequence", []), "does not say where its frames lie"),
        (stated("BitsAllocated", 32), "packs its pixels in a way that cannot be read"),
        (stated("PixelData", b"\0\0"), "ends too early, is damaged"),
        (stated("SOPClassUID", "1.2.840.10008.5.1.4.1.1.88.33"), "is a structured report: give the segmentation"),
        (stated("SOPClassUID", "1.2.840.10008.5.1.4.1.1.20"), "is a DICOM file of a kind"),
    ],
)
def test_what_is_no_even_stack_of_labels_is_refused_in_a_sentence(tmp_path, change, words):
    dataset = made()
    change(dataset)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    path = saved(dataset, tmp_path / "seg.dcm")
    with pytest.raises(UserError, match=words) as caught:
        volumes.read_stored(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_few_frames_may_not_claim_more_than_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERTUMORSEG_MOST_VOXELS", str(4 * 16 * 20 - 1))
    with pytest.raises(UserError, match="voxels, more than 1,279: crop it, or allow more"):
        volumes.read_stored(saved(made(), tmp_path / "seg.dcm"))


def test_one_ct_image_says_what_to_give(tmp_path):
    path = write(plain(), tmp_path)[0]
    with pytest.raises(UserError, match="is one CT image: give the folder of its series"):
        volumes.read_stored(path)


def test_without_pydicom_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = saved(made(), tmp_path / "seg.dcm")
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(UserError, match=r"pip install 'livertumorseg\[dicom\]'"):
        volumes.read_stored(path)


@pytest.mark.parametrize("force", [False, True])
def test_a_segmentation_is_no_ct(tmp_path, force):
    with pytest.raises(UserError, match="is a DICOM segmentation and not a CT: give the folder"):
        volumes.read_volume(saved(made(), tmp_path / "seg.dcm"), force=force)
