import json

import pytest
from pydicom import dcmread
from support.dicom_object_cases import MADE, dciodvfy, written

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.reporting import dicom_write
from LiverTumorSegLib.reporting.dicom_revision import DocumentReference, Revision


def corrected(folder, predecessor=None, **more):
    case = written("full")
    chosen = {"made": MADE, "revision": Revision(corrected=True, predecessor=predecessor)} | more
    return [dcmread(file) for file in dicom_write.write(folder, case.segmentation, case.table, **chosen)]


def test_a_corrected_report_names_the_one_before_it_and_both_objects_say_that_they_were_corrected(tmp_path):
    before = written("full").report
    segments, report = corrected(tmp_path, DocumentReference.of(before))
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (named,) = series.ReferencedSOPSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (before.StudyInstanceUID, before.SeriesInstanceUID)
    assert named.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert named.ReferencedSOPClassUID == before.SOPClassUID
    assert segments.ContentDescription == "Corrected by a user. Research only, not a medical device"
    for one in (segments, report):
        assert one.SeriesDescription == "LiverTumorSeg, corrected: research only, not a medical device"
        assert len(one.SeriesDescription) <= 64
    assert [dciodvfy(tmp_path / name) for name in dicom_write.NAMES] == [[], []]


def test_a_first_report_names_none():
    assert "PredecessorDocumentsSequence" not in written("full").report
    assert written("full").segments.ContentDescription == "Research only, not a medical device"


def test_what_was_corrected_has_new_uids_also_where_the_first_result_is_repeatable(tmp_path):
    case = written("full")
    first = [
        dcmread(f)
        for f in dicom_write.write(tmp_path / "first", case.segmentation, case.table, made=MADE, repeatable=True)
    ]
    again = corrected(tmp_path / "again", repeatable=True)
    for name in ("SOPInstanceUID", "SeriesInstanceUID"):
        assert not {one[name].value for one in first} & {one[name].value for one in again}


def test_a_reference_goes_through_a_message_as_it_is():
    reference = DocumentReference.of(written("full").report)
    assert DocumentReference.read(json.loads(json.dumps(reference.to_dict()))) == reference
    assert DocumentReference.read(None) is None


@pytest.mark.parametrize("content", [{}, {"study": "1.2"}, dict.fromkeys(("study", "series", "kind", "instance"), 1)])
def test_what_names_no_report_is_refused(content):
    with pytest.raises(UserError, match="A report is named by its UIDs study, series, kind, instance"):
        DocumentReference.read(content)
