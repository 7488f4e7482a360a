"""Parts that both DICOM objects share: source images, software, times and UIDs.

Nothing of the machine or its user is named.
"""

from __future__ import annotations

import logging
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.tag import BaseTag
from pydicom.uid import CTImageStorage
from pydicom.valuerep import DS, validate_value

from ..core.about import __version__
from ..core.errors import UserError
from ..core.volume import Volume
from ..io import dicom_header
from ..io.dicom_frames import ENHANCED_KINDS, read_root
from ..models.description import Description
from . import source_frames
from .lesion_origins import LesionOrigin

_OURS = UUID("5b0f1d0e-3c55-4a0c-9d0a-6f6d1f2f8a41")
"""The name space of all these; a random one."""


class UidMaker:
    """Equal for equal content: objects that are made again have the UIDs of the first ones.

    An archive then holds them once. They are UUIDs of names (RFC 9562, section 5.5) under the root 2.25 (PS3.5,
    section B.2).

    Args:
        content: what the objects are made from, as text.
    """

    def __init__(self, *content: str) -> None:
        self._space = uuid5(_OURS, "\n".join(content))

    def __call__(self, of: str) -> str:
        """The UID of one thing among those that are made from this content."""
        return f"2.25.{uuid5(self._space, of).int}"


SOFTWARE = "LiverTumorSeg"
NOTICE = "Research only, not a medical device"
_FAMILY = codes.DCM.ArtificialIntelligence


def equipment(model: Description) -> dict[str, Any]:
    """Arguments of highdicom's objects; the serial number is that of the weights, which are what differs."""
    return {
        "manufacturer": SOFTWARE,
        "manufacturer_model_name": model.name,
        "software_versions": __version__,
        "device_serial_number": serial_number(model),
        "series_description": f"{SOFTWARE}: {NOTICE[0].lower()}{NOTICE[1:]}",
        "instance_number": 1,
        "specific_character_set": None,  # highdicom takes none that begins empty, as Japanese ones do: see complete
    }


def serial_number(model: Description) -> str:
    """The beginning of the weights' checksum."""
    return model.weights.sha256[:16]


def observer_uid(models: Sequence[Description]) -> str:
    """The same wherever this version runs with the weights of these models: it names no machine."""
    return UidMaker(__version__, *(model.weights.sha256 for model in models))("device")


def algorithm(model: Description, origin: LesionOrigin | None = None) -> AlgorithmIdentificationSequence:
    """Identification of the algorithm, as a segment names it; clicks were another model's, whose weights are not known.

    Args:
        model: that segmented the CT.
        origin: of what is segmented; None where it is not known.
    """
    weights = {"weights_sha256": model.weights.sha256} if _is_of_model(origin) else None
    return AlgorithmIdentificationSequence(_algorithm_name(model, origin), _FAMILY, __version__, SOFTWARE, weights)


def algorithm_for_report(model: Description, origin: LesionOrigin | None = None) -> AlgorithmIdentification:
    """Identification of the algorithm for a report: dcmqi would take its family and maker for findings."""
    return AlgorithmIdentification(_algorithm_name(model, origin), __version__)


def _algorithm_name(model: Description, origin: LesionOrigin | None) -> str:
    if origin is None or _is_of_model(origin):
        return f"{SOFTWARE} {model.name}"[:64]
    return f"{SOFTWARE}{'' if origin.painted else ' clicks'}"  # which has measured what was painted


def _is_of_model(origin: LesionOrigin | None) -> bool:
    return origin is None or origin.automatic


def complete_objects(objects: Sequence[Dataset], source: Dataset, made: datetime) -> None:
    """Give objects the time they were made, and the character set that the source's texts are in.

    Args:
        objects: changed in place.
        source: an image.
        made: with a time zone; it is written on the clock that the source states, else on this machine's, which is
            the one that times without an offset are supposed to be on. No offset is added to those of the study.
    """
    offset = _offset(source.get("TimezoneOffsetFromUTC"))
    local = made.astimezone(offset)
    for one in objects:
        for name in ("InstanceCreation", "Series", "Content"):
            setattr(one, f"{name}Date", local.strftime("%Y%m%d"))
            setattr(one, f"{name}Time", local.strftime("%H%M%S.%f"))
        for name in ("SpecificCharacterSet", *(("TimezoneOffsetFromUTC",) if offset else ())):
            if name in source:
                one[name] = source[name]
        one.pop("ContributingEquipmentSequence", None)  # it names the scanner and where it stands


def _offset(stated: str | None) -> timezone | None:
    try:
        at = datetime.strptime(stated or "", "%z")
    except (TypeError, ValueError):  # several values, or none of this kind
        return None
    return timezone(at.utcoffset() or timedelta())


_LOGGERS = ("pydicom", "highdicom")


@contextmanager
def without_validation() -> Iterator[None]:
    """Carry what the source states over as it is, silently: what libraries say of it names the patient."""
    with ExitStack() as stack:
        stack.enter_context(config.disable_value_validation())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        yield


_PIXELS = 0x7FE00010
_NEEDED = {
    "SOPInstanceUID": "SOP Instance UID",
    "SeriesInstanceUID": "Series Instance UID",
    "StudyInstanceUID": "Study Instance UID",
    "FrameOfReferenceUID": "Frame of Reference UID",
}
_OF_ALL = ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
_PLACE = (
    *("SOPClassUID", "Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *(source_frames.FRAME, source_frames.FRAMES),
)
_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
_SEXES = ("", "M", "F", "O")
_PATIENT = 0x0010
_FORMED = ("StudyDate", "StudyTime", "ReferringPhysicianName", "SliceThickness")
_FORMS = ("AS", "CS", "DA", "DS", "IS", "TM")
"""Kinds of values that programs calculate with or choose by; of texts, those that are too long do no harm."""


def read_source_images(volume: Volume) -> tuple[Dataset, ...]:
    """Read what the images of a volume state beside their pixels: of the first all, of the others identity and place.

    What DICOM lets be empty (type 2 of PS3.5, section 7.4.3) and is missing, or no value of its kind, is empty in the
    first one; slices of no stated thickness are as thick as they are apart.

    Returns:
        One for each index ``k``; those of an enhanced CT have the number of their frame as well, see
        :mod:`.source_frames`.

    Raises:
        UserError: the volume was not read from a DICOM folder, or its images lack what objects about them need.
    """
    if not volume.images:
        msg = "DICOM objects can be made of DICOM images alone: give the folder of a DICOM series."
        raise UserError(msg)
    images = list(_read_slices(volume))
    _refuse_mixed(images, volume.images)
    if not images[0].get("SliceThickness"):
        images[0].SliceThickness = DS(volume.spacing[0], auto_format=True)
    return tuple(images)


def _read_slices(volume: Volume) -> Iterator[Dataset]:
    enhanced: dict[Path, source_frames.EnhancedSource] = {}
    frames = volume.frames or (0,) * len(volume.images)
    for number, (file, frame) in enumerate(zip(volume.images, frames, strict=True)):
        with dicom_header.explain_damage(file), without_validation():
            if frame and file not in enhanced:
                enhanced[file] = source_frames.EnhancedSource(_with_identity(read_root(file)[0]))
            found = enhanced[file].slice(frame) if frame else _read_single(file)
            found = _as_stated(found, file, whole=not number)
        yield found


def _read_single(file: Path) -> Dataset:
    found = _with_identity(dicom_header.read_dicom_file(file, _PIXELS))
    for name in (source_frames.FRAME, source_frames.FRAMES):
        found.pop(name, None)
    return found


def _with_identity(found: Dataset) -> Dataset:
    for name in ("SOPClassUID", "SOPInstanceUID"):
        if not found.get(name):  # what anonymising empties still stands before the data set (PS3.10, section 7.1)
            setattr(found, name, found.file_meta.get(f"MediaStorage{name}"))
    return found


def _as_stated(found: Dataset, file: Path, *, whole: bool) -> Dataset:
    if not whole:
        found = _selected(found, (*_NEEDED, *_PLACE))
    _refuse_incomplete(found, file)
    if whole:
        _mend(found)
    return found


def _selected(found: Dataset, names: Sequence[str]) -> Dataset:
    chosen = Dataset()
    for name in names:
        if name in found:
            chosen.add(found[name])
    return chosen


def _refuse_incomplete(found: Dataset, file: Path) -> None:
    kinds = ENHANCED_KINDS if found.get(source_frames.FRAME) else (CTImageStorage,)
    if found.get("SOPClassUID") not in kinds:
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
    if len(set(map(source_frames.slice_identity, images))) < len(images):
        msg = f"{files[0].parent} holds two images with one {_NEEDED['SOPInstanceUID']}: export the series again."
        raise UserError(msg)
