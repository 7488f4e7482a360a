"""The images that were segmented, as DICOM data sets without pixels."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import CTImageStorage
from pydicom.valuerep import DS, validate_value

from ..errors import UserError
from ..files import dicom_dataset
from ..volume import Volume
from .validation import as_stated

_PIXELS = 0x7FE00010
_NEEDED = {
    "SOPInstanceUID": "SOP Instance UID",
    "SeriesInstanceUID": "Series Instance UID",
    "StudyInstanceUID": "Study Instance UID",
    "FrameOfReferenceUID": "Frame of Reference UID",
}
_OF_ALL = ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
_PLACE = ("SOPClassUID", "Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
_SEXES = ("", "M", "F", "O")
_PATIENT = 0x0010
_FORMED = ("StudyDate", "StudyTime", "ReferringPhysicianName", "SliceThickness")
_FORMS = ("AS", "CS", "DA", "DS", "IS", "TM")
"""Kinds of values that programs calculate with or choose by; of texts, those that are too long do no harm."""


def read(volume: Volume) -> tuple[Dataset, ...]:
    """Read what the images of a volume state beside their pixels: of the first all, of the others identity and place.

    What DICOM lets be empty (type 2 of PS3.5, section 7.4.3) and is missing, or no value of its kind, is empty in the
    first one; slices of no stated thickness are as thick as they are apart.

    Returns:
        One for each index ``k``.

    Raises:
        UserError: the volume was not read from a DICOM folder, or its images lack what objects about them need.
    """
    if not volume.images:
        msg = "DICOM objects are about DICOM images (--dicom): give the folder of a DICOM series."
        raise UserError(msg)
    images = [_stated(file, whole=not number) for number, file in enumerate(volume.images)]
    _refuse_mixed(images, volume.images)
    if not images[0].get("SliceThickness"):
        images[0].SliceThickness = DS(volume.spacing[0], auto_format=True)
    return tuple(images)


def _stated(file: Path, *, whole: bool) -> Dataset:
    with dicom_dataset.damage_in_words(file), as_stated():
        found = dicom_dataset.read(file, _PIXELS)
        for name in ("SOPClassUID", "SOPInstanceUID"):
            if not found.get(name):  # what anonymising empties still stands before the data set (PS3.10, section 7.1)
                setattr(found, name, found.file_meta.get(f"MediaStorage{name}"))
        if not whole:
            found = _some(found, (*_NEEDED, *_PLACE))
        _refuse_incomplete(found, file)
        if whole:
            _mend(found)
        return found


def _some(found: Dataset, names: Sequence[str]) -> Dataset:
    chosen = Dataset()
    for name in names:
        if name in found:
            chosen.add(found[name])
    return chosen


def _refuse_incomplete(found: Dataset, file: Path) -> None:
    if found.get("SOPClassUID") != CTImageStorage:
        msg = f"{file} is not stored as a CT image (CT Image Storage), which --dicom needs: give a CT series."
        raise UserError(msg)
    for name, words in _NEEDED.items():
        if not found.get(name):
            msg = f"{file} states no {words}, which DICOM objects about it need: export the series again."
            raise UserError(msg)


def _mend(found: Dataset) -> None:
    """Drop what cannot be understood, or has not the form of its kind, and add as empty what has to be there."""
    for tag in list(found.keys()):
        if not (_is_understood(found, tag) and _is_formed(found[tag])):
            del found[tag]
    if found.get("PatientSex") not in _SEXES:
        found.PatientSex = ""
    for name in _EMPTY:
        found.setdefault(name, "")


def _is_understood(found: Dataset, tag: BaseTag) -> bool:
    """Whether its values, however deep, can be turned into what they are, as they are when they are written again."""
    try:
        element = found[tag]
        for item in element.value if element.VR == "SQ" else ():
            deque(item.iterall(), maxlen=0)
    except Exception:  # noqa: BLE001 pydicom has no kind of error for damage
        return False
    return True


def _is_formed(element: DataElement) -> bool:
    """Whether what is carried over has the form that PS3.5, section 6.2, gives to its kind, such as “065Y” to ages."""
    if element.tag.group != _PATIENT and element.keyword not in _FORMED:
        return True
    if element.VR == "PN":
        return element.VM <= 1
    if element.VR not in _FORMS:
        return True
    try:
        for value in element.value if element.VM > 1 else [element.value or ""]:
            validate_value(element.VR, str(value), config.RAISE)
    except ValueError:
        return False
    return True


def _refuse_mixed(images: Sequence[Dataset], files: Sequence[Path]) -> None:
    first = images[0]
    for image, file in zip(images, files, strict=True):
        for name in _OF_ALL:
            if image[name].value != first[name].value:
                msg = f"{file} states another {_NEEDED[name]} than {files[0]}: export the series again."
                raise UserError(msg)
    if len({image.SOPInstanceUID for image in images}) < len(images):
        msg = f"{files[0].parent} holds two images with one {_NEEDED['SOPInstanceUID']}: export the series again."
        raise UserError(msg)
