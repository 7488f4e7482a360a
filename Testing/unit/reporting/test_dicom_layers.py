"""Segments of other structures in DICOM objects: they overlap liver and lesions, and each other."""

from dataclasses import replace

import highdicom
import numpy as np
import pytest
from support.dicom_object_cases import MADE, dciodvfy, written

from LiverTumorSegLib.core.structures import STRUCTURES
from LiverTumorSegLib.datasets.scans import read_labels
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.lesions import number_lesions
from LiverTumorSegLib.reporting.other_structures import measure_structures

CASES = ["other structures", "other structures alone", "other structures in odd frames"]


def planes_by_highdicom(case):
    """``[k, j, i, segment]`` of all images of a case, and the labels of the segments."""
    found = highdicom.seg.segread(case.folder / "segmentation.dcm")
    uids = [image.SOPInstanceUID for image in case.images]
    pixels = found.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    return pixels > 0, [item.SegmentLabel for item in found.SegmentSequence]


@pytest.mark.parametrize("name", CASES)
def test_every_segment_has_the_voxels_that_its_model_found(name):
    case = written(name)
    pixels, labels = planes_by_highdicom(case)
    by_name = dict(zip(labels, np.moveaxis(pixels, -1, 0), strict=True))
    numbered = number_lesions(case.segmentation.labels, case.segmentation.volume)
    vessels, couinaud = (each.labels for each in case.segmentation.others)
    expected = {"Liver": numbered == 1} if numbered.any() else {}
    expected |= {f"Lesion {lesion.number}": numbered == lesion.number + 1 for lesion in case.table.lesions}
    expected["Liver vessels"] = vessels > 0  # no portal vein was found
    for title, segment in ((each.name, each) for each in STRUCTURES.values() if each.label > 10):
        expected[f"L{title[1:]}"] = couinaud == segment.label
    assert list(by_name) == list(expected)
    for label, mask in expected.items():
        assert np.array_equal(by_name[label], mask), label


@pytest.mark.parametrize("name", CASES)
def test_frames_say_their_segment_and_are_numbered_by_their_place(name):
    found = written(name).segments
    assert found.SegmentsOverlap == "UNDEFINED"
    assert len(found.PerFrameFunctionalGroupsSequence) == found.NumberOfFrames
    places = {}
    for frame in found.PerFrameFunctionalGroupsSequence:
        segment, place = frame.FrameContentSequence[0].DimensionIndexValues
        assert frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment
        position = tuple(frame.PlanePositionSequence[0].ImagePositionPatient)
        assert places.setdefault(place, position) == position
    assert sorted(places) == list(range(1, len(places) + 1))
    assert len(set(places.values())) == len(places)


def test_each_segment_names_its_own_model():
    named = {
        item.SegmentLabel: item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName
        for item in written("other structures").segments.SegmentSequence
    }
    assert named["Liver"] == "LiverTumorSeg livers"
    assert named["Lesion 1"] == "LiverTumorSeg lesions"
    assert named["Liver vessels"] == "LiverTumorSeg vessels"
    assert named["Liver segment IV"] == "LiverTumorSeg couinaud"


def test_segments_have_the_codes_of_what_they_are():
    items = {item.SegmentLabel: item for item in written("other structures").segments.SegmentSequence}
    for label, segment in (("Liver vessels", "liver_vessels"), ("Liver segment VII", "liver_segment_7")):
        kind = items[label].SegmentedPropertyTypeCodeSequence[0]
        assert (kind.CodeValue, kind.CodingSchemeDesignator) == (STRUCTURES[segment].kind[0], "SCT")


@pytest.mark.parametrize("name", CASES)
def test_the_report_measures_them_and_names_their_models(name):
    case = written(name)
    groups = highdicom.sr.srread(case.folder / "measurements.dcm").content.get_volumetric_roi_measurement_groups()
    volumes = {each.title[:1].upper() + each.title[1:]: each for each in measure_structures(case.segmentation)}
    told = {group.tracking_identifier: group for group in groups if group.tracking_identifier in volumes}
    assert set(told) == {title for title, each in volumes.items() if each.volume_ml}
    for title, group in told.items():
        assert group.get_measurements()[0].value == pytest.approx(volumes[title].volume_ml, abs=1e-3)
    said = {str(element.value) for element in case.report.iterall() if element.keyword == "TextValue"}
    assert {"LiverTumorSeg couinaud", "LiverTumorSeg vessels"} <= said


@pytest.mark.parametrize("name", CASES[::2])
def test_liver_and_lesions_are_read_back_from_among_them(name):
    case = written(name)
    labels, _ = read_labels(case.folder / "segmentation.dcm", case.segmentation.volume)
    assert np.array_equal(labels, case.segmentation.labels)


def test_uids_are_those_of_all_models_and_of_what_each_does(tmp_path):
    case = written("other structures")
    found = case.segmentation
    kinds = [
        found,
        replace(found, liver_model=None),
        replace(found, liver_model=found.others[0].model),
        replace(found, others=found.others[:1]),
        replace(found, others=found.others[::-1]),
    ]
    made = []
    for number, kind in enumerate(kinds):
        dicom_write.write(tmp_path / str(number), kind, case.table, made=MADE, repeatable=True)
        made.append(replace(case, folder=tmp_path / str(number)))
    assert len({one.segments.SOPInstanceUID for one in made}) == len(kinds)
    dicom_write.write(tmp_path / "again", found, case.table, made=MADE, repeatable=True)
    again = replace(case, folder=tmp_path / "again")
    assert again.segments.SOPInstanceUID == made[0].segments.SOPInstanceUID
    assert dciodvfy(tmp_path / "again" / "segmentation.dcm") == []
