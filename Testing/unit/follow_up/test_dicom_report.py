from dataclasses import replace
from pathlib import Path

import highdicom
import pytest
from support.dicom_object_cases import MADE, dciodvfy
from support.dicom_object_cases import texts as every_text
from support.follow_up_dicom import compared, one, visit

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.follow_up.dicom_objects import EarlierObjects, find_objects
from LiverTumorSegLib.follow_up.dicom_report import PAIRING, RELATION, read_visits, write_report
from LiverTumorSegLib.follow_up.matching import Link

MERGED = (Link((1, 2), (1,), "merged", "likely"), one(3, 2), Link((), (3,), "new", "likely"))
NONE = EarlierObjects()


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Three visits; between the first two, lesions 1 and 2 become one, and a new one comes."""
    made = tmp_path_factory.mktemp("visits")
    return (
        visit(made / "Kim", 0, "abc", PatientID="7"),
        visit(made / "Kim 2", 1, "acd", grown=4, PatientID="7"),
        visit(made / "Kim 3", 2, "acd", grown=6, PatientID="7"),
    )


def written(path: Path, series, earlier=NONE, **more):
    write_report(path, series, read_visits(series.scans), earlier, made=MADE, **more)
    return highdicom.sr.srread(path)


def groups(report):
    """Measurement groups by visit and the name of their lesion."""
    found = {}
    for group in report.content.get_image_measurement_groups():
        texts = {item.name.value: item for item in group[0].ContentSequence}
        found[texts["C2348792"].value, group.tracking_identifier] = group
    return found


def texts(group, code):
    return [item.value for item in group[0].ContentSequence if item.name == code]


def uids(report):
    return {key: str(group.tracking_uid) for key, group in groups(report).items()}


@pytest.fixture(scope="module")
def first(scans, tmp_path_factory):
    """The first two visits reported: the report and its file."""
    path = tmp_path_factory.mktemp("report") / "x.dcm"
    return written(path, compared(scans[:2], MERGED, targets=(1, 3))), path


def test_it_belongs_to_the_later_study_and_names_both(first):
    report, path = first
    assert dciodvfy(path) == []
    assert report.StudyInstanceUID == "1.2.9.1"
    assert [study.StudyInstanceUID for study in report.CurrentRequestedProcedureEvidenceSequence] == ["1.2.9.1"]
    assert [study.StudyInstanceUID for study in report.PertinentOtherEvidenceSequence] == ["1.2.9.0"]
    assert "PredecessorDocumentsSequence" not in report
    assert not [value for _, value in every_text(report) if "Kim" in value]


def test_each_lesion_is_measured_at_each_visit(first, scans):
    report, _ = first
    found = groups(report)
    assert set(found) == {("1", f"Lesion {n}") for n in (1, 2, 3)} | {
        ("2", "Lesion 4"), ("2", "Lesion 3"), ("2", "Lesion 5")
    }  # fmt: skip
    for (when, name), number in ((("1", "Lesion 3"), 3), (("2", "Lesion 3"), 2)):
        lesion = scans[int(when) - 1].table.lesions[number - 1]
        measures = {one.name.value: one.value for one in found[when, name].get_measurements()}
        assert measures["118565006"] == pytest.approx(lesion.volume_ml, abs=1e-3)
        assert measures["103339001"] == pytest.approx(lesion.axial_diameter_mm, abs=1e-3)
    days = [item.value for item in found["2", "Lesion 3"][0].ContentSequence if item.name.value == "128740"]
    assert [int(day) for day in days] == [100]


def test_only_one_lesion_in_one_keeps_its_identifier_and_what_became_of_others_is_text(first):
    report, _ = first
    found, known = groups(report), uids(report)
    assert known["1", "Lesion 3"] == known["2", "Lesion 3"]
    assert len(set(known.values())) == 5
    (said,) = texts(found["2", "Lesion 4"], RELATION)
    assert said.startswith("merged, ")
    assert "Lesion 1 and Lesion 2 at time point 1, Lesion 4 at time point 2" in said
    assert texts(found["1", "Lesion 2"], RELATION) == [said]
    assert texts(found["2", "Lesion 4"], PAIRING) == ["Time points 1 and 2: automatic, likely."]
    summary = " ".join(str(item.value) for item in report.ContentSequence[-1].ContentSequence)
    assert "no assessment of a patient" in summary
    assert "sum of the longest diameters of the targets Lesion 1 and Lesion 3" in summary


def test_identity_is_kept_across_three_visits_by_the_objects_alone(first, scans, tmp_path):
    report, path = first
    known = uids(report)
    links = one(1, 1), one(2, 2), one(3, 3)
    path.rename(path.with_name("no name that tells"))
    found = find_objects([], [path.parent], [])
    path.with_name("no name that tells").rename(path)
    later = uids(written(tmp_path / "y.dcm", compared(scans[1:], links), found))
    for name in ("Lesion 3", "Lesion 4", "Lesion 5"):
        assert later["1", name] == later["2", name] == known["2", name]
    whole = uids(written(tmp_path / "z.dcm", compared(scans, MERGED, links), found))
    assert whole == known | {("3", name): uid for (when, name), uid in known.items() if when == "2"}


def test_a_changed_pairing_makes_a_report_that_names_its_predecessor(first, scans, tmp_path):
    report, path = first
    found, series = find_objects([path], [], []), compared(scans[:2], MERGED, targets=(1, 3))
    again = written(tmp_path / "again.dcm", series, found)
    assert again.SOPInstanceUID == report.SOPInstanceUID
    assert "PredecessorDocumentsSequence" not in again
    said = replace(series, comparisons=(series.comparisons[0].without_pair(3, 2),))
    changed = written(tmp_path / "changed.dcm", said, found)
    (study,) = changed.PredecessorDocumentsSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == report.SOPInstanceUID
    assert changed.SOPInstanceUID != report.SOPInstanceUID
    assert changed.SeriesInstanceUID != report.SeriesInstanceUID
    assert dciodvfy(tmp_path / "changed.dcm") == []
    parted = [
        group for (when, _), group in groups(changed).items() if when == "2" and "new" in str(texts(group, RELATION))
    ]
    assert ["Time points 1 and 2: by hand."] in [texts(group, PAIRING) for group in parted]
    assert len(set(uids(changed).values())) == 6
    both = find_objects([path, tmp_path / "changed.dcm"], [], [])
    assert [one.SOPInstanceUID for one in both.reports] == [changed.SOPInstanceUID]
    same = written(tmp_path / "same.dcm", said, both)
    assert same.SOPInstanceUID == changed.SOPInstanceUID
    assert same.PredecessorDocumentsSequence == changed.PredecessorDocumentsSequence


def test_a_ct_that_is_no_dicom_or_the_same_one_twice_is_refused(scans):
    plain = replace(scans[0], volume=replace(scans[0].volume, images=()))
    with pytest.raises(UserError, match="Kim is no DICOM series, which a report in DICOM needs of every CT"):
        read_visits([plain, scans[1]])
    with pytest.raises(UserError, match="Two of the CTs are one DICOM series"):
        read_visits([scans[0], scans[0]])


def test_other_patients_ids_are_said_and_the_last_cts_is_the_reports(scans, tmp_path):
    before = replace(scans[0], patient="8")
    series = compared((before, scans[1]), MERGED)
    images = read_visits(series.scans)
    for image in images[0].images:
        image.PatientID = "8"
    write_report(tmp_path / "x.dcm", series, images, NONE, made=MADE)
    report = highdicom.sr.srread(tmp_path / "x.dcm")
    assert report.PatientID == "7"
    assert "different patient IDs" in " ".join(str(item.value) for item in report.ContentSequence[-1].ContentSequence)
    assert dciodvfy(tmp_path / "x.dcm") == []


def test_lines_lie_in_space_where_slices_are_not_axial_and_lesions_are_found_by_them_too(tmp_path):
    made = [visit(tmp_path / str(n), n, "ab", coronal=True) for n in range(3)]
    links = one(1, 1), one(2, 2)
    report = written(tmp_path / "x.dcm", compared(made[:2], links))
    assert dciodvfy(tmp_path / "x.dcm") == []
    assert report.SOPClassUID.name == "Comprehensive 3D SR Storage"
    later = written(tmp_path / "y.dcm", compared(made[1:], links), find_objects([], [tmp_path], []))
    assert set(uids(later).values()) == set(uids(report).values())


def test_a_lesion_is_found_again_on_the_frame_of_an_enhanced_ct(tmp_path):
    made = [visit(tmp_path / str(n), n, "ac", as_one=True) for n in range(3)]
    links = one(1, 1), one(2, 2)
    report = written(tmp_path / "x.dcm", compared(made[:2], links))
    assert dciodvfy(tmp_path / "x.dcm") == []
    frames = {element.value for element in report.iterall() if element.keyword == "ReferencedFrameNumber"}
    assert len(frames) > 1
    later = written(tmp_path / "y.dcm", compared(made[1:], links), find_objects([], [tmp_path], []))
    assert set(uids(later).values()) == set(uids(report).values())
