from dataclasses import replace

import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import SecondaryCaptureImageStorage
from support import dicom_slices
from support.dicom_object_cases import (
    CASES,
    CYRILLIC,
    FULL,
    JAPANESE,
    MADE,
    Case,
    dciodvfy,
    of_all,
    segmented,
    some_lesions,
    written,
)
from support.models import describe

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.reporting import dicom_common, dicom_write
from LiverTumorSegLib.reporting.lesions import measure_lesions

CARRIED = ("PatientName", "PatientID", "StudyInstanceUID")


def refused(folder, change):
    images = dicom_slices.plain()
    change(images)
    dicom_slices.write(images, folder, enforce_file_format=False)
    with pytest.raises(UserError) as error:
        dicom_common.read_source_images(volumes.read_volume(folder, force=True))
    return str(error.value)


def test_a_volume_of_another_kind_of_file_has_no_images(ct):
    with pytest.raises(UserError, match=r"^DICOM objects can be made of DICOM images alone: give the folder"):
        dicom_common.read_source_images(ct)


@pytest.mark.parametrize("name", ["FrameOfReferenceUID", "StudyInstanceUID"])
@pytest.mark.parametrize("value", [None, ""])
def test_images_without_what_objects_refer_to_are_refused(tmp_path, name, value):
    said = refused(tmp_path, of_all(**{name: value}))
    assert str(tmp_path) in said
    assert "export the series again" in said


def test_a_series_of_two_studies_is_refused(tmp_path):
    def change(images):
        images[3].StudyInstanceUID = "1.2.10"

    assert "states another Study Instance UID than" in refused(tmp_path, change)


def test_two_images_with_one_identity_are_refused(tmp_path):
    def change(images):
        images[3].SOPInstanceUID = images[3].file_meta.MediaStorageSOPInstanceUID = images[2].SOPInstanceUID

    assert "two images with one SOP Instance UID" in refused(tmp_path, change)


def test_images_stored_as_another_kind_are_refused(tmp_path):
    def change(images):
        for image in images:
            image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage

    assert "is not stored as a CT image" in refused(tmp_path, change)


@pytest.mark.parametrize("case", CASES)
def test_patient_and_study_are_those_of_the_source(case):
    image = written(case).images[0]
    for made in (written(case).segments, written(case).report):
        assert [made[name].value or "" for name in CARRIED] == [image.get(name, "") for name in CARRIED]
    assert written(case).segments.FrameOfReferenceUID == image.FrameOfReferenceUID


def test_everything_of_patient_and_study_is_carried_over():
    for made in (written("full").segments, written("full").report):
        assert made.PatientBirthDate == FULL["PatientBirthDate"]
        for name in ("PatientSex", "PatientAge", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"):
            assert made[name].value == FULL[name]
        assert made.StudyDescription == FULL["StudyDescription"]
        assert made.ReferringPhysicianName == FULL["ReferringPhysicianName"]


@pytest.mark.parametrize(("case", "name"), [("Japanese", JAPANESE), ("Cyrillic", CYRILLIC)])
def test_names_in_other_scripts_have_the_very_bytes_of_the_source(case, name):
    image = written(case).images[0]
    raw = image.get_item("PatientName").value
    for made in (written(case).segments, written(case).report):
        assert made.get_item("PatientName").value == raw
        assert made.SpecificCharacterSet == image.SpecificCharacterSet
        assert str(made.PatientName) == name


WRONG = {
    "PatientSex": ("CS", "FEMALE"),
    "StudyDate": ("DA", "9 Aug"),
    "StudyTime": ("TM", "noon"),
    "PatientBirthDate": ("DA", "50"),
    "ReferringPhysicianName": ("PN", "One^A\\Two^B"),
    "PatientAge": ("AS", "65"),
    "PatientWeight": ("DS", "70 kg"),
    "SmokingStatus": ("CS", "now and then"),
    "SliceThickness": ("DS", "5 mm"),
}


def test_values_that_are_none_of_their_kind_are_empty_or_left_out(tmp_path):
    def change(images):
        for image in images:
            for name, (kind, value) in WRONG.items():
                tag = tag_for_keyword(name)
                image[tag] = RawDataElement(BaseTag(tag), kind, len(value), value.encode(), 0, False, True)

    case = Case(change).write(tmp_path)
    for made in (case.segments, case.report):
        assert [made.get(name) or "" for name in WRONG] == [""] * len(WRONG)
    measures = case.segments.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SliceThickness == dicom_slices.SLICE_MM
    assert dciodvfy(case.folder / "segmentation.dcm") == dciodvfy(case.folder / "measurements.dcm") == []


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_damaged_is_left_out(tmp_path, deep):
    def change(images):
        for image in images:
            place = Dataset() if deep else image
            place.PatientWeight = "70.123"
            if deep:
                image.ReferencedStudySequence = [place]

    case = Case(change).write(tmp_path)
    for file in case.segmentation.volume.images:
        content = file.read_bytes()
        assert b"\x10\x00\x30\x10DS" in content
        file.write_bytes(content.replace(b"\x10\x00\x30\x10DS", b"\x10\x00\x30\x10FD"))  # takes 8 bytes, not 6
    again = replace(case, folder=tmp_path / "again")
    dicom_write.write(again.folder, case.segmentation, case.table, made=MADE)
    for made in (again.segments, again.report):
        assert "PatientWeight" not in made
        assert "ReferencedStudySequence" not in made
        assert made.PatientID == "1"


def test_nothing_of_a_source_is_printed(tmp_path, capfd, caplog):
    images = dicom_slices.plain()
    with pytest.warns(UserWarning, match="exceeds the maximum length"):
        of_all(PatientName="Secret^Name" + "^" * 9, StudyID="Secret" * 9)(images)
    dicom_slices.write(images, tmp_path / "series")
    segmentation = segmented(tmp_path / "series", some_lesions, model=describe())
    capfd.readouterr()
    table = measure_lesions(segmentation.labels, segmentation.volume)
    dicom_write.write(tmp_path, segmentation, table, made=MADE)
    assert "Secret" not in "".join(capfd.readouterr()) + caplog.text
    assert dcmread(segmentation.volume.images[0]).PatientName.family_name == "Secret"
