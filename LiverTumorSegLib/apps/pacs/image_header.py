"""The header of a received file, checked against what a CT image has to state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import uid

from ...core.sanitize import to_one_line
from .rules import SeriesFacts

OUT_OF_RESOURCES, NO_CT, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000
"""Status of a C-STORE that failed (PS3.4, table B.2-1): may be tried again later; another kind; never this way."""

_TAGS = [
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "SeriesDescription",
    "BodyPartExamined",
    "SliceThickness",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "PixelData",
]
_IDENTIFIERS = {"SOPInstanceUID": "SOP instance", "SeriesInstanceUID": "series", "StudyInstanceUID": "study"}
_LARGEST_VALUE = 1 << 14
"""Bytes of a value that is read at once; pixels, and anything else as large, stay in the file."""

_NAMES, _LONGEST_NAME = ("AccessionNumber", "PatientID"), 64
_UNDEFINED_LENGTH = 0xFFFFFFFF


class Refused(Exception):
    """An image that is not taken.

    Args:
        status: of the C-STORE (PS3.4, table B.2-1).
        sentence: why it is not, without identifiers, to follow a colon.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True)
class ImageHeader:
    """A CT image's identifiers.

    Args:
        image: SOP instance UID.
        series: series instance UID.
        study: study instance UID.
    """

    image: str
    series: str
    study: str


def read(file: Path) -> ImageHeader:
    """Read and check an image.

    Args:
        file: of PS3.10, not larger than images may be.

    Raises:
        Refused: it is damaged, or no plain CT image.
    """
    header = _read(file)
    _refuse_other_kinds(header)
    found = [_text(header, keyword) for keyword in _IDENTIFIERS]
    for name, value in zip(_IDENTIFIERS.values(), found, strict=True):
        if not uid.UID(value).is_valid:  # PS3.5, section 9.1
            raise Refused(NOT_UNDERSTOOD, f"its {name} UID is missing or no UID.")
    _refuse_cut_pixels(file, header)
    return ImageHeader(*found)


def names(file: Path) -> tuple[str, str]:
    """The accession number and the patient's ID that an image states, 64 signs of each at most.

    Args:
        file: that :func:`read` did not refuse.
    """
    try:
        header = pydicom.dcmread(file, defer_size=_LARGEST_VALUE, specific_tags=["SpecificCharacterSet", *_NAMES])
    except Exception:  # noqa: BLE001 a file from elsewhere may hold anything, and these are for people alone
        return "", ""
    accession, patient = (to_one_line(_text(header, keyword))[:_LONGEST_NAME] for keyword in _NAMES)
    return accession, patient


def series_facts(file: Path, images: int) -> SeriesFacts:
    """The facts that rules go by, as one of a series' images states them.

    Args:
        file: that :func:`read` did not refuse.
        images: of the series.

    Raises:
        Refused: the file has been damaged since.
    """
    header = _read(file)
    return SeriesFacts(
        images=images,
        modality=_text(header, "Modality"),
        body_part=_text(header, "BodyPartExamined"),
        description=_text(header, "SeriesDescription"),
        thickness_mm=_thickness(header),
        is_localiser="LOCALIZER" in _text(header, "ImageType").split("\\"),  # PS3.3, C.8.2.1.1.1
    )


def _read(file: Path) -> pydicom.Dataset:
    try:
        _refuse_deflated(file)
        return pydicom.dcmread(file, defer_size=_LARGEST_VALUE, specific_tags=_TAGS)
    except OSError:
        raise
    except Refused:
        raise
    except Exception as error:  # a file from elsewhere may hold anything
        raise Refused(NOT_UNDERSTOOD, "its header is damaged and cannot be read.") from error


def _refuse_deflated(file: Path) -> None:
    """A few bytes that are deflated may become more than the memory holds."""
    meta = pydicom.filereader.read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian:
        raise Refused(NOT_UNDERSTOOD, "it is deflated, which is not read here: have it sent without.")


def _refuse_other_kinds(header: pydicom.Dataset) -> None:
    kind = _text(header, "SOPClassUID")
    if not kind:
        raise Refused(NOT_UNDERSTOOD, "it is damaged, or does not say what kind of image it is.")
    if kind in (uid.EnhancedCTImageStorage, uid.LegacyConvertedEnhancedCTImageStorage):
        raise Refused(NO_CT, "it is of enhanced CT, which is not read here: have it sent as plain CT images.")
    if kind != uid.CTImageStorage or _text(header, "Modality") != "CT":
        raise Refused(NO_CT, "it is not of CT.")


def _refuse_cut_pixels(file: Path, header: pydicom.Dataset) -> None:
    """Refuse an image whose pixels are missing, end too early, or are fewer than it states."""
    pixels: Any = header.get_item("PixelData", keep_deferred=True)
    if pixels is None:
        raise Refused(NOT_UNDERSTOOD, "it is damaged: it has no pixels, or ends before them.")
    if pixels.length == _UNDEFINED_LENGTH or getattr(pixels, "is_undefined_length", False):
        return  # compressed: read_undefined_length_value has found their end
    ends = getattr(pixels, "value_tell", 0) + pixels.length
    if pixels.length < _stated_bytes(header) or ends > file.stat().st_size:
        raise Refused(NOT_UNDERSTOOD, "it is damaged: its pixels end too early.")


def _stated_bytes(header: pydicom.Dataset) -> int:
    try:
        counts = [int(header.get(name, 0) or 0) for name in ("Rows", "Columns", "BitsAllocated")]
    except (TypeError, ValueError):
        counts = [0]
    if min(counts) <= 0:
        raise Refused(NOT_UNDERSTOOD, "it does not state its size.")
    return math.prod(counts) // 8


def _thickness(header: pydicom.Dataset) -> float | None:
    try:
        value = float(_text(header, "SliceThickness"))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _text(header: pydicom.Dataset, keyword: str) -> str:
    """A value as text, values of several joined by backslashes; empty where it is missing or cannot be read."""
    try:
        value = header.get(keyword)
    except Exception:  # noqa: BLE001 pydicom reads a value when it is asked for, and it may be anything
        return ""
    parts = value if isinstance(value, (list, pydicom.multival.MultiValue)) else [value]
    return "\\".join("" if part is None else str(part).strip(" \0") for part in parts)
