import highdicom
import pytest
from pydicom import dcmread
from support import dicom_slices
from support.dicom_object_cases import CYRILLIC, JAPANESE, MADE, dciodvfy, of_all, segmented, some_lesions, written

from LiverTumorSegLib.reporting import dicom_texts, dicom_write
from LiverTumorSegLib.reporting.lesions import measure_lesions

DOUBT = "The body covers 700 cm² of “a slice”: größer, 肝."


@pytest.fixture
def write(tmp_path):
    """Write objects of a series about which something is doubtful; the report as it is read again."""

    def write(*, valid=True, **attributes):
        images = dicom_slices.plain()
        of_all(**attributes)(images)
        dicom_slices.write(images, tmp_path / "series")
        found = segmented(tmp_path / "series", some_lesions, notes=(DOUBT,))
        table = measure_lesions(found.labels, found.volume)
        _, report = dicom_write.write(tmp_path / "objects", found, table, made=MADE)
        assert not valid or dciodvfy(report) == []
        return report

    return write


def comments(report):
    """Texts of the part for what is no number."""
    parts = [item for item in report.ContentSequence if item.get("ConceptNameCodeSequence")]
    named = [item for item in parts if item.ConceptNameCodeSequence[0].CodeValue == dicom_texts.EVALUATIONS.value]
    items = [item for part in named for item in part.ContentSequence]
    assert all(item.ConceptNameCodeSequence[0].CodeValue == "121106" for item in items)
    return [item.TextValue for item in items]


def test_what_is_doubtful_is_said_in_the_report_as_it_is_elsewhere():
    case = written("plain")
    said = [*case.segmentation.warnings, *case.table.warnings]
    assert any("adults' at least" in sentence for sentence in said)
    assert comments(case.report) == said
    assert highdicom.sr.srread(case.folder / "measurements.dcm").content.get_volumetric_roi_measurement_groups()


def test_a_report_of_an_ascii_series_is_in_utf_8_where_its_texts_are_not(write):
    report = dcmread(write())
    assert report.SpecificCharacterSet == "ISO_IR 192"
    assert DOUBT in comments(report)
    assert all(text.isascii() for text in comments(written("plain").report))
    assert "SpecificCharacterSet" not in written("plain").report


@pytest.mark.parametrize(
    ("characters", "name", "said"),
    [
        ("ISO_IR 100", "Müller^Jörg", "The body covers 700 cm² of ?a slice?: größer, ?."),
        ("ISO_IR 144", CYRILLIC, "The body covers 700 cm2 of ?a slice?: gro?er, ?."),
        (["", "ISO 2022 IR 87"], JAPANESE, "The body covers 700 cm2 of “a slice”: gro?er, 肝."),
        ("ISO_IR 192", JAPANESE, DOUBT),
    ],
)
def test_texts_are_in_the_character_set_of_the_series_which_its_names_keep(write, characters, name, said):
    report = dcmread(write(SpecificCharacterSet=characters, PatientName=name))
    assert report.PatientName == name
    assert said in comments(report)


def test_names_that_a_series_states_in_an_unstated_character_set_stay_as_they_are(write):
    report = dcmread(write(valid=False, PatientName="Müller"))
    assert "SpecificCharacterSet" not in report
    assert report.PatientName == "Müller"  # Latin-1, as pydicom reads what is not stated
    assert "The body covers 700 cm2 of ?a slice?: gro?er, ?." in comments(report)
