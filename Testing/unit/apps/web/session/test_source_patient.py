import pytest
from support import dicom_slices

pytest.importorskip("trame_slicer")


def patient(folder, **changes):
    from LiverTumorSegLib.apps.web.session.source_patient import SourcePatient

    slices = dicom_slices.plain(count=1)
    for keyword, value in changes.items():
        setattr(slices[0], keyword, value)
    return SourcePatient.of(dicom_slices.write(slices, folder)[0])


def test_a_patient_is_named_as_the_image_does(tmp_path):
    found = patient(tmp_path, StudyDate="20260131", AccessionNumber="A7")
    assert (found.name, found.number, found.day, found.accession) == ("Some One", "1", "2026-01-31", "A7")


def test_what_is_not_stated_is_said_to_be_so(tmp_path):
    found = patient(tmp_path, PatientName="", PatientID="")
    assert (found.name, found.number, found.day) == ("not stated", "not stated", "not stated")


def test_names_in_other_scripts_and_with_line_breaks_are_one_line(tmp_path):
    name = "Yamada^Tarou=山田^太郎"
    assert patient(tmp_path, SpecificCharacterSet="ISO_IR 192", PatientName=name).name == "Yamada Tarou=山田 太郎"
