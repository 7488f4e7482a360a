from datetime import datetime, timezone

import numpy as np
import pytest
from pydicom import dcmread
from support.dicom_object_cases import CASES, FULL, LESIONS_ALONE, MADE, dciodvfy, texts, written
from support.filled_outlines import filled

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.reporting import dicom_rtstruct
from LiverTumorSegLib.reporting.lesions import number_lesions

_WITH_HOLES = ("plain", "tilted", "coronal", "upside down", "other structures in odd frames")


@pytest.fixture
def structures(tmp_path):
    """The structure set of a case, with the images that it is of."""

    def write(name):
        case = written(name)
        dicom_rtstruct.write(tmp_path / "rt.dcm", case.segmentation, case.table, made=MADE)
        return dcmread(tmp_path / "rt.dcm"), case

    return write


def read_back(structures, case, number):
    """``[k, j, i]`` of one structure, from its outlines in patient coordinates and the images that they name."""
    images = {image.SOPInstanceUID: (k, image) for k, image in enumerate(case.images)}
    mask = np.zeros(case.segmentation.labels.shape, bool)
    (outlined,) = (each for each in structures.ROIContourSequence if each.ReferencedROINumber == number)
    for contour in outlined.get("ContourSequence", ()):
        k, image = images[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        points = np.reshape(np.array(contour.ContourData, float), (-1, 3)) - np.array(image.ImagePositionPatient, float)
        assert contour.NumberOfContourPoints == len(points)
        across, down = np.reshape(np.array(image.ImageOrientationPatient, float), (2, 3))
        assert np.abs(points @ np.cross(across, down)).max() < 1e-3
        row_mm, column_mm = image.PixelSpacing
        polygon = np.stack([points @ down / row_mm, points @ across / column_mm], axis=1)
        mask[k] ^= filled(polygon, mask[k].shape)
    return mask


@pytest.mark.parametrize("name", CASES)
def test_dciodvfy_finds_no_error(structures, tmp_path, name):
    structures(name)
    assert dciodvfy(tmp_path / "rt.dcm") == []


@pytest.mark.parametrize("name", _WITH_HOLES)
def test_every_structure_is_read_back_pixel_by_pixel(structures, name):
    found, case = structures(name)
    labels = case.segmentation.labels
    numbered = number_lesions(labels, case.segmentation.volume)
    regions = {region.ROIName: region.ROINumber for region in found.StructureSetROISequence}
    assert len(regions) > len(case.table.lesions)
    for name, number in regions.items():
        mask = read_back(found, case, number)
        if name == "Liver":
            np.testing.assert_array_equal(mask, labels > 0)
        elif name.startswith("Lesion "):
            np.testing.assert_array_equal(mask, numbered == int(name.split()[1]) + 1)
        else:
            assert mask.any()


def test_it_belongs_to_the_patient_and_study_and_names_no_scanner(structures):
    found, case = structures("full")
    for name in ("PatientName", "PatientID", "PatientAge", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
        assert found[name].value == case.images[0][name].value
    assert found.Modality == "RTSTRUCT"
    assert found.StructureSetDate == "20260102"
    values = {value for _, value in texts(found)}
    assert not values & {
        FULL[name] for name in ("StationName", "InstitutionName", "DeviceSerialNumber", "OperatorsName")
    }
    referenced = found.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert len(referenced.ContourImageSequence) == len(case.images)


def test_another_run_has_other_uids_and_the_same_one_the_same_bytes(structures, tmp_path):
    first, case = structures("plain")
    again, later = tmp_path / "again.dcm", tmp_path / "later.dcm"
    dicom_rtstruct.write(again, case.segmentation, case.table, made=MADE)
    dicom_rtstruct.write(later, case.segmentation, case.table, made=datetime(2026, 2, 3, tzinfo=timezone.utc))
    assert again.read_bytes() == (tmp_path / "rt.dcm").read_bytes()
    assert dcmread(later).SOPInstanceUID != first.SOPInstanceUID
    with pytest.raises(UserError, match="exists already"):
        dicom_rtstruct.write(again, case.segmentation, case.table, made=MADE)


def test_a_model_of_lesions_alone_outlines_no_liver(structures):
    found, case = structures("lesions alone")
    assert case.segmentation.model == LESIONS_ALONE
    assert {region.ROIName.split()[0] for region in found.StructureSetROISequence} == {"Lesion"}
    assert {each.RTROIInterpretedType for each in found.RTROIObservationsSequence} == {""}
