import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from support.dicom_object_cases import CASES, FULL, MADE, dciodvfy, segmented, written

from LiverTumorSegLib.core.labels import LESION, LIVER
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.dicom_seg import list_segments, segment_pixels
from LiverTumorSegLib.reporting.lesion_numbers import LesionNumbers
from LiverTumorSegLib.reporting.lesions import measure_lesions, number_lesions


@pytest.mark.parametrize("name", CASES)
def test_dciodvfy_finds_no_error(name):
    assert dciodvfy(written(name).folder / "segmentation.dcm") == []


def by_dcmqi(file, place):
    """The voxels on the grid that dcmqi places them on, and what it says of each label."""
    program = shutil.which("segimage2itkimage", path=str(Path(sys.executable).parent)) or shutil.which(
        "segimage2itkimage"
    )
    if program is None:
        pytest.skip("needs dcmqi: pip install dcmqi")
    words = [program, "--inputDICOM", file, "--outputDirectory", place, "--outputType", "nrrd", "--mergeSegments"]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    said = json.loads((place / "meta.json").read_text(encoding="utf-8"))["segmentAttributes"]
    return sitk.ReadImage(str(place / "1.nrrd")), [segment for group in said for segment in group]


def on_the_source_grid(image, volume):
    """Voxels of dcmqi's image at those of the volume, by the place that each says it has; 0 elsewhere.

    Of a tilted stack the first slice alone has its place: dcmqi's grid knows no tilt.
    """
    voxels = np.zeros(volume.voxels.shape, np.int32)
    step = np.array(image.GetDirection()).reshape(3, 3)[:, 2] * image.GetSpacing()[2]
    for number, plane in enumerate(sitk.GetArrayViewFromImage(image)):
        x, y, z = np.array(image.GetOrigin()) + (0 if volume.is_sheared else step * number)
        place = np.linalg.inv(volume.affine) @ [-x, -y, z, 1]
        assert place == pytest.approx(np.round(place), abs=1e-3)
        i, j, k, _ = np.round(place).astype(int)
        assert (i, j) == (0, 0)
        voxels[k + (number if volume.is_sheared else 0)] = plane
    return voxels


@pytest.mark.parametrize("name", ["plain", "full", "tilted", "coronal", "upside down", "many lesions", "lesions alone"])
def test_dcmqi_reads_the_labels_bit_for_bit(name, tmp_path):
    case = written(name)
    image, said = by_dcmqi(case.folder / "segmentation.dcm", tmp_path)
    expected = number_lesions(case.segmentation.labels, case.segmentation.volume).astype(np.int32)
    if name == "lesions alone":
        expected -= expected > 0
    assert np.array_equal(on_the_source_grid(image, case.segmentation.volume), expected)
    names = ["Liver"] * (name != "lesions alone") + [f"Lesion {n + 1}" for n in range(len(case.table.lesions))]
    assert [segment["SegmentLabel"] for segment in said] == names
    assert [segment["labelID"] for segment in said] == list(range(1, len(names) + 1))


def test_one_segment_holds_all_lesions(tmp_path):
    case = written("one segment")
    image, said = by_dcmqi(case.folder / "segmentation.dcm", tmp_path)
    assert np.array_equal(on_the_source_grid(image, case.segmentation.volume), case.segmentation.labels)
    assert [segment["SegmentLabel"] for segment in said] == ["Liver", "Lesions"]


def test_a_segment_says_what_it_is_and_who_found_it():
    liver, lesion, *_ = written("plain").segments.SegmentSequence
    for item, segment in ((liver, LIVER), (lesion, LESION)):
        category, kind = item.SegmentedPropertyCategoryCodeSequence[0], item.SegmentedPropertyTypeCodeSequence[0]
        assert (category.CodeValue, category.CodeMeaning, category.CodingSchemeDesignator) == (*segment.category, "SCT")
        assert (kind.CodeValue, kind.CodeMeaning, kind.CodingSchemeDesignator) == (*segment.kind, "SCT")
        colour = highdicom.color.CIELabColor.from_dicom_value(item.RecommendedDisplayCIELabValue).to_rgb()
        assert np.abs(np.subtract(colour, segment.rgb)).max() <= 1
        assert item.SegmentAlgorithmType == "AUTOMATIC"
        algorithm = item.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("LiverTumorSeg tiny", "0.1.0")
        assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"
    assert lesion.AnatomicRegionSequence[0].CodeValue == "10200004"
    assert (liver.SegmentDescription, "TrackingUID" in liver) == ("Liver without its lesions", False)
    assert (lesion.TrackingID, lesion.SegmentLabel) == ("Lesion 1", "Lesion 1")


def algorithms(name):
    """Type and name of the algorithm of each segment, the liver the first."""
    items = written(name).segments.SegmentSequence
    for item in items:
        assert ("SegmentAlgorithmName" in item) == ("SegmentationAlgorithmIdentificationSequence" in item)
    return [(item.SegmentAlgorithmType, item.get("SegmentAlgorithmName")) for item in items]


BY_MODEL = ("AUTOMATIC", "LiverTumorSeg tiny")


def test_a_segment_says_whether_a_model_clicks_or_hands_made_it():
    by_clicks = ("SEMIAUTOMATIC", "LiverTumorSeg clicks")
    assert algorithms("origins") == [BY_MODEL, BY_MODEL, ("MANUAL", None), by_clicks]
    (identified,) = written("origins").segments.SegmentSequence[3].SegmentationAlgorithmIdentificationSequence
    assert "AlgorithmParameters" not in identified  # the weights of the model of the CT are not theirs
    assert algorithms("plain") == [BY_MODEL] * 4


def test_one_segment_of_all_lesions_says_what_is_true_of_them_together():
    assert algorithms("one segment of painted") == [BY_MODEL, ("MANUAL", None)]
    assert algorithms("one segment of several") == [BY_MODEL, ("SEMIAUTOMATIC", "LiverTumorSeg tiny")]


@pytest.mark.parametrize("name", ["plain", "tilted", "nothing"])
def test_every_image_is_referred_to_and_every_frame_lies_where_its_image_does(name):
    case = written(name)
    found, images = case.segments, {image.SOPInstanceUID: image for image in case.images}
    (series,) = found.ReferencedSeriesSequence
    assert {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence} == set(images)
    assert series.SeriesInstanceUID == "1.2.3"
    for frame in found.PerFrameFunctionalGroupsSequence:
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        image = images[source.ReferencedSOPInstanceUID]
        assert frame.PlanePositionSequence[0].ImagePositionPatient == image.ImagePositionPatient
    shared = found.SharedFunctionalGroupsSequence[0]
    assert shared.PlaneOrientationSequence[0].ImageOrientationPatient == case.images[0].ImageOrientationPatient
    assert shared.PixelMeasuresSequence[0].PixelSpacing == case.images[0].PixelSpacing


def test_slices_of_no_stated_thickness_are_as_thick_as_they_are_apart():
    thickness = [
        written(name).segments.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness
        for name in ("plain", "full")
    ]
    assert thickness == [12.5, FULL["SliceThickness"]]


@pytest.mark.parametrize(
    ("name", "label"), [("nothing", "Liver"), ("nothing of lesions alone", "Lesions"), ("no lesion", "Liver")]
)
def test_where_nothing_was_found_a_segment_is_empty(name, label):
    found = highdicom.seg.segread(written(name).folder / "segmentation.dcm")
    assert [item.SegmentLabel for item in found.SegmentSequence] == [label]
    assert found.get_volume().array.any() == (name == "no lesion")


def ball_in_a_block(labels):
    middle = np.array(labels.shape) // 2
    labels[2:-2, 150:350, 120:300] = 1
    grid = np.indices(labels.shape, sparse=True)
    squares = sum(((axis - at) / radius) ** 2 for axis, at, radius in zip(grid, middle, (3, 12, 9), strict=True))
    labels[squares < 1] = 2


def test_a_scanners_series_becomes_valid_objects_with_every_label(samples, tmp_path):
    """Its images are compressed; who published them emptied their UIDs."""
    (tmp_path / "series").mkdir()
    for file in (samples / "totalsegmentator" / "dicom").iterdir():
        image = pydicom.dcmread(file)
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.9", "1.2.3", "1.2.8"
        image.save_as(tmp_path / "series" / file.name)
    segmentation = segmented(tmp_path / "series", ball_in_a_block)
    table = measure_lesions(segmentation.labels, segmentation.volume)
    for path in dicom_write.write(tmp_path / "objects", segmentation, table, made=MADE):
        assert dciodvfy(path) == []
    image, _ = by_dcmqi(tmp_path / "objects" / "segmentation.dcm", tmp_path)
    assert np.array_equal(on_the_source_grid(image, segmentation.volume), segmentation.labels)


def test_a_segment_is_the_lesion_of_its_name_where_numbers_have_gaps_and_no_order():
    case = written("full")
    labels, volume = case.segmentation.labels.copy(), case.segmentation.volume
    numbers = LesionNumbers.of(number_lesions(labels, volume))
    numbered = number_lesions(labels, volume)
    labels[numbered == 2] = 1  # lesion 1 is gone
    table = measure_lesions(labels, volume, case.segmentation.marks, numbers=numbers)
    assert [lesion.number for lesion in table.lesions] == list(range(2, 1 + len(case.table.lesions)))
    found = replace(case.segmentation, labels=labels)
    parts = [part for part in list_segments(found, table, "each") if not part.layer]
    pixels = segment_pixels(found, table, tuple(parts))
    for part in parts:
        expected = labels == 1 if part.lesion is None else numbered == 1 + part.lesion
        assert np.array_equal(pixels == part.number, expected), part.name
    assert [part.name for part in parts] == ["Liver", *(f"Lesion {lesion.number}" for lesion in table.lesions)]
