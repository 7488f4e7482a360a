"""What DICOM objects say of the software that made them, and of when: nothing of the machine or its user."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from .. import __version__
from ..description import Description
from .uids import Uids

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


def observer_uid(model: Description) -> str:
    """The same wherever this version runs with these weights: it names no machine."""
    return Uids(__version__, model.weights.sha256)("device")


def algorithm(model: Description) -> AlgorithmIdentificationSequence:
    """As a segment names it."""
    weights = {"weights_sha256": model.weights.sha256}
    return AlgorithmIdentificationSequence(_name(model), _FAMILY, __version__, SOFTWARE, weights)


def algorithm_items(model: Description) -> AlgorithmIdentification:
    """As a report names it: dcmqi takes its family and maker, which the observer states, for findings."""
    return AlgorithmIdentification(_name(model), __version__)


def _name(model: Description) -> str:
    return f"{SOFTWARE} {model.name}"[:64]


def complete(objects: Sequence[Dataset], source: Dataset, made: datetime) -> None:
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
