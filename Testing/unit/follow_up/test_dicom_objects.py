import numpy as np
import pytest
from pydicom import dcmread
from support.dicom_object_cases import MADE
from support.follow_up_dicom import visit
from support.models import describe

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up.dicom_objects import find_objects, names_any
from LiverTumorSegLib.follow_up.dicom_report import read_visits
from LiverTumorSegLib.inference.segment import Segmentation, SegmentationOptions
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.dicom_common import without_validation


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two visits, and the objects that this program wrote of the first, in a folder beside its CT's images."""
    made = tmp_path_factory.mktemp("objects")
    scans = [visit(made / name, n, "abc") for n, name in enumerate(("first", "second"))]
    content = Segmentation(scans[0].labels, scans[0].volume, describe(), "cpu", SegmentationOptions(), (), 1.0)
    dicom_write.write(made / "first" / "results", content, scans[0].table, made=MADE)
    return made, read_visits(scans)


def told(objects, visit):
    return {number: tracking.name for number, tracking in objects.trackings(visit).items()}


@pytest.mark.parametrize("name", dicom_write.NAMES)
def test_a_report_and_a_segmentation_tell_each_lesions_identifier(place, name):
    folder, visits = place
    found = find_objects([folder / "first" / "results" / name], [], [])
    assert told(found, visits[0]) == {1: "Lesion 1", 2: "Lesion 2", 3: "Lesion 3"}
    segments = dcmread(folder / "first" / "results" / dicom_write.SEGMENTATION).SegmentSequence
    known = {str(item.TrackingID): str(item.TrackingUID) for item in segments if "TrackingID" in item}
    assert {one.name: one.uid for one in found.trackings(visits[0]).values()} == known
    assert told(found, visits[1]) == {}


def test_they_are_found_in_the_folder_of_the_ct_and_what_is_damaged_is_passed_by(place, tmp_path):
    folder, visits = place
    report = (folder / "first" / "results" / dicom_write.MEASUREMENTS).read_bytes()
    (tmp_path / "damaged").write_bytes(report[: len(report) // 2])
    (tmp_path / "notes.txt").write_text("nothing")
    images = visits[0].scan.volume.images
    found = find_objects([], [images[0].parent, tmp_path], images)
    assert (len(found.reports), len(found.segmentations)) == (1, 1)
    assert told(found, visits[0]) == {1: "Lesion 1", 2: "Lesion 2", 3: "Lesion 3"}


def test_a_lesion_is_found_again_after_another_segmentation(place):
    folder, visits = place
    scan = visits[0].scan
    labels = np.where(scan.numbers == 1, 1, scan.labels).astype(np.uint8)
    again = read_visits([type(scan).measured("again", scan.volume, labels)])[0]
    for name in dicom_write.NAMES:
        found = find_objects([folder / "first" / "results" / name], [], [])
        assert told(found, again) == {1: "Lesion 2", 2: "Lesion 3"}


def test_a_report_on_other_cts_or_with_identifiers_that_are_none_tells_nothing(place, tmp_path):
    folder, visits = place
    report = dcmread(folder / "first" / "results" / dicom_write.MEASUREMENTS)
    assert names_any(report, {visits[0].series, "1.2"})
    assert not names_any(report, {visits[1].series})
    with without_validation():
        for element in report.iterall():
            if element.keyword == "UID":
                element.value = "none"
        report.save_as(tmp_path / "x")
        assert told(find_objects([tmp_path / "x"], [], []), visits[0]) == {}


def test_a_file_that_is_named_and_is_neither_is_refused(place, tmp_path):
    _, visits = place
    (tmp_path / "notes.txt").write_text("nothing")
    for file in (tmp_path / "notes.txt", visits[0].scan.volume.images[0]):
        with pytest.raises(UserError, match="is neither a DICOM report nor a segmentation"):
            find_objects([file], [], [])
