"""The header of a received file, checked against what a CT image has to state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import uid

from ...core.sanitize import to_one_line
from ...io.dicom_frames import ENHANCED_KINDS, read_root
from ...io.dicom_functional_groups import FunctionalGroups
from .rules import SeriesFacts

OUT_OF_RESOURCES, NO_CT, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000
"""Status of a C-STORE that failed (PS3.4, table B.2-1): may be tried again later; another kind; never this way."""

CT_KINDS = ENHANCED_KINDS | {uid.CTImageStorage}
"""SOP classes of CT images (PS3.4, annex B.5)."""

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
_DIGITS = 10
"""No number of frames has as many."""


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
        frames: slices that it holds.
        is_enhanced: whether it is of a kind that holds many.
    """

    image: str
    series: str
    study: str
    frames: int = 1
    is_enhanced: bool = False


def read(file: Path) -> ImageHeader:
    """Read and check an image.

    Args:
        file: of PS3.10, not larger than images may be.

    Raises:
        Refused: it is damaged, or no CT image.
    """
    header = _read(file)
    _refuse_other_kinds(header)
    found = [_text(header, keyword) for keyword in _IDENTIFIERS]
    for name, value in zip(_IDENTIFIERS.values(), found, strict=True):
        if not uid.UID(value).is_valid:  # PS3.5, section 9.1
            raise Refused(NOT_UNDERSTOOD, f"its {name} UID is missing or not valid.")
    _refuse_cut_pixels(file, header)
    image, series, study = found
    return ImageHeader(image, series, study, _frames(header), _is_enhanced(header))


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


def series_facts(files: Sequence[Path]) -> SeriesFacts:
    """The facts that rules go by, as the first of a series' images states them; slices of an enhanced CT are images.

    Args:
        files: of all its images, which :func:`read` did not refuse.

    Raises:
        Refused: a file has been damaged since.
    """
    header = _read(files[0])
    is_enhanced = _is_enhanced(header)
    return SeriesFacts(
        images=sum(_frames(_read(file)) for file in files) if is_enhanced else len(files),
        modality=_text(header, "Modality"),
        body_part=_text(header, "BodyPartExamined"),
        description=_text(header, "SeriesDescription"),
        thickness_mm=_positive(_thickness_of_frames(files[0]) if is_enhanced else _text(header, "SliceThickness")),
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
        raise Refused(NOT_UNDERSTOOD, "it is deflated, which is not read here: have it sent without that compression.")


def _refuse_other_kinds(header: pydicom.Dataset) -> None:
    kind = _text(header, "SOPClassUID")
    if not kind:
        raise Refused(NOT_UNDERSTOOD, "it is damaged, or does not say what kind of image it is.")
    if kind not in CT_KINDS or _text(header, "Modality") != "CT":
        raise Refused(NO_CT, "it is not a CT image.")


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
        counts = [int(header.get(name, 0) or 0) for name in ("Rows", "Columns", "BitsAllocated")] + [_frames(header)]
    except (TypeError, ValueError):
        counts = [0]
    if min(counts) <= 0:
        raise Refused(NOT_UNDERSTOOD, "it does not state its size.")
    return math.prod(counts) // 8


def _is_enhanced(header: pydicom.Dataset) -> bool:
    return _text(header, "SOPClassUID") in ENHANCED_KINDS


def _frames(header: pydicom.Dataset) -> int:
    """Slices that an image states; 0 where an enhanced CT does not say so in a number."""
    if not _is_enhanced(header):
        return 1
    stated = _text(header, "NumberOfFrames")
    return int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < _DIGITS else 0


def _thickness_of_frames(file: Path) -> str:
    """The thickness of an enhanced CT's first slice; empty where it is not stated."""
    try:
        groups = FunctionalGroups(read_root(file)[0])
        return str(next(filter(None, groups.values("PixelMeasuresSequence", "SliceThickness")), ""))
    except OSError:
        raise
    except Exception as error:  # a file from elsewhere may hold anything
        raise Refused(NOT_UNDERSTOOD, "its header is damaged and cannot be read.") from error


def _positive(text: str) -> float | None:
    try:
        value = float(text)
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
