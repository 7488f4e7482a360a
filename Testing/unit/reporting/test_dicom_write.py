import getpass
import platform
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from support.dicom_object_cases import CASES, FULL, MADE, Case, dciodvfy, of_all, texts, written
from support.models import describe

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.inference.segment import SegmentationOptions
from LiverTumorSegLib.models.description import WeightsFile
from LiverTumorSegLib.postprocessing.settings import Postprocessing
from LiverTumorSegLib.reporting import dicom_write

OURS = {
    "",
    "LiverTumorSeg",
    "LiverTumorSeg: research only, not a medical device",
    "LiverTumorSeg (research only, not a medical device)",
    "Research only, not a medical device",
    "LiverTumorSeg tiny",
    "LiverTumorSeg clicks",
    "tiny",
    "0.1.0",
    "0" * 16,
    "weights_sha256=" + "0" * 64,
    "LIVER_LESIONS",
    "Liver",
    "Liver with its lesions",
    "Lesions",
    "Liver without its lesions",
    "All lesions of the liver",
    "SEG",
    "SR",
    *MADE.astimezone().strftime("%Y%m%d %H%M%S.%f").split(),
    *MADE.astimezone(timezone(timedelta(hours=9))).strftime("%Y%m%d %H%M%S.%f").split(),
}
MADE_UP = r"2\.25\.\d+|Lesion \d+( of the liver)?"
OF_THE_SOURCE = {
    *map(
        tag_for_keyword,
        (
            *("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "StudyDate", "StudyTime", "StudyID"),
            *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "AccessionNumber"),
            *("StudyDescription", "ReferringPhysicianName", "SpecificCharacterSet", "TimezoneOffsetFromUTC"),
        ),
    )
}
OF_THE_FORMAT = {
    *map(
        tag_for_keyword,
        (
            *("ImageType", "PhotometricInterpretation", "PresentationLUTShape", "LossyImageCompression"),
            *("SOPClassUID", "ReferencedSOPClassUID", "SegmentationType", "SegmentAlgorithmType", "SegmentsOverlap"),
            *("SpatialLocationsPreserved", "DimensionDescriptionLabel", "DimensionOrganizationType"),
            *("CodeValue", "CodeMeaning", "CodingSchemeDesignator", "ValueType", "RelationshipType", "GraphicType"),
            *("TemplateIdentifier", "MappingResource", "ContinuityOfContent"),
            *("VerificationFlag", "PreliminaryFlag", "CompletionFlag"),
        ),
    )
}
"""Attributes whose words are those of the standard, or of a dictionary of terms."""


def written_again(case, folder, **changes):
    arguments = {"made": MADE} | changes
    segmentation = arguments.pop("segmentation", case.segmentation)
    return [path.read_bytes() for path in dicom_write.write(folder, segmentation, case.table, **arguments)]


def test_the_same_job_gives_the_same_bytes(tmp_path):
    case = written("full")
    assert written_again(case, tmp_path) == [(case.folder / name).read_bytes() for name in dicom_write.NAMES]
    other_clock = MADE.astimezone(timezone(timedelta(hours=5)))
    assert written_again(case, tmp_path / "other clock", made=other_clock) == written_again(case, tmp_path / "again")


def test_whatever_changes_gives_objects_of_their_own(tmp_path):
    case = written("plain")
    weights = describe(weights=WeightsFile(sha256="1" * 64, bytes=1))
    kinds = [
        {},
        {"made": MADE + timedelta(microseconds=1)},
        {"lesion_segments": "all"},
        {"segmentation": replace(case.segmentation, model=weights)},
        {"segmentation": replace(case.segmentation, options=SegmentationOptions(coarse_pass=False))},
    ]
    uids = set()
    for number, changes in enumerate(kinds):
        written_again(case, tmp_path / str(number), **changes)
        made = replace(case, folder=tmp_path / str(number))
        uids |= {made.segments.SOPInstanceUID, made.report.SOPInstanceUID, made.segments.SeriesInstanceUID}
        uids |= {made.report.SeriesInstanceUID}
    assert len(uids) == 4 * len(kinds)
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)


def test_a_repeatable_job_has_the_same_uids_whenever_it_is_done(tmp_path):
    case = written("plain")
    uids = []
    for number, (days, changes) in enumerate([(0, {}), (9, {}), (9, {"lesion_segments": "all"})]):
        written_again(case, tmp_path / str(number), made=MADE + timedelta(days=days), repeatable=True, **changes)
        made = replace(case, folder=tmp_path / str(number))
        uids.append({one.SOPInstanceUID for one in (made.segments, made.report)})
    assert uids[0] == uids[1]
    assert not uids[1] & uids[2]
    assert case.segments.SOPInstanceUID not in uids[0]


def test_uids_are_made_of_values_by_name_and_not_of_how_classes_are_written(segmentation, monkeypatch):
    """An archive would hold a result twice if a class that is renamed gave it other UIDs."""
    monkeypatch.setattr(dicom_write, "__version__", "a release")
    options = SegmentationOptions(postprocessing=Postprocessing(smallest_lesion_ml=0.1))
    assert dicom_write.named_values(options) == NAMED
    image = Dataset()
    image.SOPInstanceUID = "1.2.3"
    uids = dicom_write._uids([image], replace(segmentation, options=options), "each", None)
    assert uids("measurements") == "2.25.255352072542851840217980501044106409883"


NAMED = (
    '{"batch": null, "candidates": false, "coarse_pass": true, "nnunet": "fast", "postprocessing": {'
    '"fill_holes": true, "largest_liver": true, "lesions_in_liver": true, "sensitivity": 1, "smallest_lesion_ml": 0.1, '
    '"smallest_liver_ml": 50}, "precision": "auto", "probabilities": false}'
)


def times(made):
    """When objects were made, and the offset of all their times from UTC."""
    return {
        (one.ContentDate + one.ContentTime, one.SeriesTime, one.get("TimezoneOffsetFromUTC"))
        for one in (made.segments, made.report)
    }


def test_the_time_is_on_the_clock_of_the_source_where_it_states_one():
    assert times(written("full")) == {("20260102120405.678901", "120405.678901", "+0900")}


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs a system whose clock a process can set")
@pytest.mark.parametrize("stated", [None, "nine", ["+0900", "+0100"]])
def test_the_time_is_on_this_machines_clock_where_the_source_states_none(tmp_path, monkeypatch, stated):
    monkeypatch.setenv("TZ", "XYZ-05:30")
    time.tzset()
    try:
        made = Case(of_all(TimezoneOffsetFromUTC=stated)).write(tmp_path)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert times(made) == {("20260102083405.678901", "083405.678901", None)}


@pytest.mark.parametrize("case", CASES)
def test_every_text_is_of_the_source_or_a_known_one(case):
    stated = {text for image in written(case).images for tag, text in texts(image) if tag in OF_THE_SOURCE}
    stated |= {image.SOPInstanceUID for image in written(case).images}
    stated |= {*written(case).segmentation.warnings, *written(case).table.warnings}
    stated |= {lesion.note for lesion in written(case).table.lesions}
    stated |= {lesion.origin.in_words for lesion in written(case).table.lesions if lesion.origin}
    for dataset in (written(case).segments, written(case).report):
        others = {
            (keyword_for_tag(tag), text)
            for tag, text in texts(dataset)
            if tag not in OF_THE_FORMAT and text not in stated | OURS and not re.fullmatch(MADE_UP, text)
        }
        assert others == set()


def test_the_scanner_and_who_ran_it_are_not_carried_over():
    private = {FULL[name] for name in ("Manufacturer", "StationName", "InstitutionName", "OperatorsName")}
    for dataset in (written("full").segments, written("full").report):
        assert not {text for _, text in texts(dataset)} & (private | {FULL["DeviceSerialNumber"]})


@pytest.mark.parametrize("name", dicom_write.NAMES)
def test_no_name_of_machine_user_or_folder_gets_in(name):
    content = (written("full").folder / name).read_bytes()
    for word in (platform.node(), getpass.getuser() + "@", platform.release(), str(Path.home()) + "/", "/tmp"):
        assert word.encode() not in content


def test_files_are_replaced_only_when_asked(tmp_path):
    case = written("plain")
    written_again(case, tmp_path)
    with pytest.raises(UserError, match="exists already"):
        dicom_write.check(tmp_path)
    with pytest.raises(UserError, match="exists already"):
        written_again(case, tmp_path)
    dicom_write.check(tmp_path, overwrite=True)
    written_again(case, tmp_path, overwrite=True, made=datetime(2027, 1, 2, 12, tzinfo=timezone.utc))
    assert replace(case, folder=tmp_path).report.ContentDate == "20270102"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(dicom_write.NAMES)


def test_more_lesions_than_anyone_reads_are_one_segment(tmp_path, monkeypatch):
    from LiverTumorSegLib.reporting import dicom_seg, dicom_sr

    for module in (dicom_seg, dicom_sr):
        monkeypatch.setattr(module, "MOST_LESIONS", 2)
    case = CASES["plain"].write(tmp_path)
    assert len(case.table.lesions) == 3
    assert [item.SegmentLabel for item in case.segments.SegmentSequence] == ["Liver", "Lesions"]
    assert len(case.report.ContentSequence[-2].ContentSequence) == 2 + 2  # of the liver and all lesions, too
    (said,) = dicom_seg.segment_remarks(case.table)
    assert "one segment for all 3 lesions" in said
    assert dciodvfy(case.folder / "measurements.dcm") == []
