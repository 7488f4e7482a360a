"""The RT Structure Set (DICOM PS3.3, section A.19): outlines of the liver, of each lesion and of what else is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from ..core.about import __version__
from ..core.atomic_files import whole_file
from ..core.labels import LESION, LIVER
from ..inference.segment import Segmentation
from . import dicom_common
from .contours import outlines
from .dicom_common import UidMaker, without_validation
from .dicom_seg import EACH_LESION, DicomSegment, list_segments
from .dicom_write import named_values
from .lesions import LesionTable, number_lesions
from .other_structures import layers_of
from .source_frames import reference, references, slice_identity

SERIES_NUMBER = 9003
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management, which is retired but has to be named here (PS3.3, section C.8.8.5)."""

_OF_PATIENT_AND_STUDY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize"),
    *("PatientWeight", "PatientComments", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
    *("StudyDescription", "ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator"),
)


def write(path: Path, found: Segmentation, table: LesionTable, *, made: datetime, overwrite: bool = False) -> None:
    """Write a structure set whose outlines run along the edges of pixels, so that filling them gives these back.

    The liver's outline has its lesions in it. The transfer syntax is Implicit VR, since outlines may be longer than
    the 64 KB of a value in Explicit VR (PS3.5, section 7.1.2).

    Args:
        path: of the file, which appears whole or not at all.
        found: labels on the grid of a volume that was read from a DICOM folder.
        table: its measures.
        made: when, with a time zone.
        overwrite: replace a file that is there.

    Raises:
        UserError: the images lack what the object needs, the file exists, or cannot be written.
    """
    images = dicom_common.read_source_images(found.volume)
    with without_validation():
        content = make_structure_set(images, found, table, made)
        with whole_file(path, overwrite=overwrite) as unfinished:
            content.save_as(unfinished, enforce_file_format=True)


def make_structure_set(
    images: Sequence[Dataset], found: Segmentation, table: LesionTable, made: datetime
) -> FileDataset:
    """Make the object; see :func:`write`.

    Args:
        images: the source, see :func:`.dicom_common.read_source_images`.
        found: labels on their grid.
        table: the measures.
        made: when, with a time zone.
    """
    uids, parts = _uids(images, found, made), list_segments(found, table, EACH_LESION)
    content = _header(images[0], found, uids)
    content.ReferencedFrameOfReferenceSequence = [_referenced(images)]
    content.StructureSetROISequence = [_region(part, images[0]) for part in parts]
    content.ROIContourSequence = [
        _outlined(part, mask, images) for part, mask in zip(parts, _masks(found, parts, table), strict=True)
    ]
    content.RTROIObservationsSequence = [_observed(part) for part in parts]
    dicom_common.complete_objects([content], images[0], made)
    content.StructureSetDate, content.StructureSetTime = content.ContentDate, content.ContentTime
    del content.ContentDate, content.ContentTime  # which this kind of object does not have
    return content


def _uids(images: Sequence[Dataset], found: Segmentation, made: datetime) -> UidMaker:
    return UidMaker(
        "RT Structure Set",
        __version__,
        *(model.weights.sha256 for model in found.models),
        named_values(found.options),
        made.astimezone(timezone.utc).isoformat(),
        *map(slice_identity, images),
    )


def _header(first: Dataset, found: Segmentation, uids: UidMaker) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ImplicitVRLittleEndian, RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = uids("structure set")
    content = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    for name in _OF_PATIENT_AND_STUDY:
        if name in first:
            content[name] = first[name]
    content.setdefault("PositionReferenceIndicator", "")
    content.SOPClassUID, content.SOPInstanceUID = RTStructureSetStorage, meta.MediaStorageSOPInstanceUID
    content.Modality, content.SeriesInstanceUID = "RTSTRUCT", uids("structure set series")
    content.SeriesNumber, content.OperatorsName = SERIES_NUMBER, ""
    content.StructureSetLabel, content.StructureSetName = "LIVER_LESIONS", dicom_common.NOTICE
    content.ApprovalStatus = "UNAPPROVED"
    stated = dicom_common.equipment(found.model)
    content.Manufacturer, content.ManufacturerModelName = stated["manufacturer"], stated["manufacturer_model_name"]
    content.SoftwareVersions, content.DeviceSerialNumber = stated["software_versions"], stated["device_serial_number"]
    content.SeriesDescription, content.InstanceNumber = stated["series_description"], stated["instance_number"]
    return content


def _referenced(images: Sequence[Dataset]) -> Dataset:
    first = images[0]
    series = _item(SeriesInstanceUID=first.SeriesInstanceUID, ContourImageSequence=references(images))
    study = _item(
        ReferencedSOPClassUID=_STUDY_CLASS,
        ReferencedSOPInstanceUID=first.StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    return _item(FrameOfReferenceUID=first.FrameOfReferenceUID, RTReferencedStudySequence=[study])


def _region(part: DicomSegment, first: Dataset) -> Dataset:
    said = "Liver with its lesions" if part.segment is LIVER else part.description
    return _item(
        ROINumber=part.number,
        ReferencedFrameOfReferenceUID=first.FrameOfReferenceUID,
        ROIName=part.name,
        ROIDescription=said,
        ROIGenerationAlgorithm=part.algorithm_type.value,
        ROIGenerationDescription=dicom_common.NOTICE,
    )


def _observed(part: DicomSegment) -> Dataset:
    """No lesion is called a target: who treats decides that."""
    return _item(
        ObservationNumber=part.number,
        ReferencedROINumber=part.number,
        RTROIInterpretedType="" if part.segment is LESION else "ORGAN",
        ROIInterpreter="",
    )


def _masks(found: Segmentation, parts: Sequence[DicomSegment], table: LesionTable) -> Iterator[NDArray[np.bool_]]:
    """``[k, j, i]`` of each part; that of the liver has its lesions in it."""
    numbered = number_lesions(found.labels, found.volume, table)
    layers = layers_of(found)
    for part in parts:
        if part.layer:
            yield layers[part.layer - 1].labels == part.segment.label
        elif part.lesion:
            yield numbered == part.lesion + 1
        else:
            yield found.labels > 0 if part.segment is LIVER else found.labels == LESION.label


def _outlined(part: DicomSegment, mask: NDArray[np.bool_], images: Sequence[Dataset]) -> Dataset:
    outlined = _item(ROIDisplayColor=list(part.segment.rgb), ReferencedROINumber=part.number)
    slices = np.flatnonzero(mask.any((1, 2))).tolist()
    contours = [_contour(polygon, images[k]) for k in slices for polygon in outlines(mask[k])]
    if contours:
        outlined.ContourSequence = contours
    return outlined


def _contour(polygon: NDArray[np.float64], image: Dataset) -> Dataset:
    """A polygon ``[point, (row, column)]`` in patient coordinates, LPS (PS3.3, section C.7.6.2.1.1)."""
    corner = np.array(image.ImagePositionPatient, float)
    along_rows, along_columns = np.reshape(np.array(image.ImageOrientationPatient, float), (2, 3))
    row_mm, column_mm = (float(mm) for mm in image.PixelSpacing)
    points = corner + polygon[:, :1] * row_mm * along_columns + polygon[:, 1:] * column_mm * along_rows
    return _item(
        ContourImageSequence=[reference(image)],
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(points),
        ContourData=[f"{mm:.4f}" for mm in points.ravel()],
    )


def _item(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made
