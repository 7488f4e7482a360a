"""What a DICOM image states beside its pixels."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .dicom_nesting import is_too_deep
from .itk import refuse_name

_TAGS = {
    "series": "0020|000e",
    "description": "0008|103e",
    "modality": "0008|0060",
    "image type": "0008|0008",
    "patient": "0010|0020",
    "frame of reference": "0020|0052",
    "position": "0020|0032",
    "orientation": "0020|0037",
    "spacing": "0028|0030",
    "photometric interpretation": "0028|0004",
    "bits stored": "0028|0101",
    "high bit": "0028|0102",
    "intercept": "0028|1052",
    "slope": "0028|1053",
}


LONGEST = 64
"""Letters that a UID or a description has at most (PS3.5, section 6.2); damaged ones may have any number."""

UNREADABLE = "{} ends too early, is damaged, has no pixels or compresses them as is not read here: export it again."


@dataclass(frozen=True)
class Header:
    """What an image file states.

    Args:
        file: where it is.
        size: columns, rows and frames.
        components: numbers a pixel, such as three of colours.
        attributes: text by the names of :data:`_TAGS`, without padding; those that are missing are empty.
    """

    file: Path
    size: tuple[int, ...]
    components: int
    attributes: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    @property
    def frames(self) -> int:
        """Images in the file, more than one in an enhanced CT."""
        return self.size[2] if len(self.size) > 2 else 1

    @property
    def is_localiser(self) -> bool:
        """Whether it is no slice but an overview that slices are planned on (PS3.3, C.8.2.1.1.1)."""
        return "LOCALIZER" in self["image type"].split("\\")

    def numbers(self, name: str, count: int, most: float = sys.float_info.max) -> list[float]:
        """The numbers of an attribute.

        Raises:
            ValueError: it is missing, states another count of them, or one that is not finite or more than the most.
        """
        numbers = [float(part) for part in self[name].split("\\")]
        if len(numbers) != count or not (np.abs(numbers) <= most).all():
            msg = f"{count} numbers wanted: {self[name]!r}"
            raise ValueError(msg)
        return numbers


def shown(text: str) -> str:
    """What a header states as a sentence can hold it."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def read(file: Path) -> Header | None:
    """Read all but the pixels; None where the file holds no image that can be read.

    Raises:
        UserError: its name is not valid Unicode.
    """
    reader = image_reader(file)
    if is_too_deep(file):
        return None
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    attributes = {name: _text(reader, tag) for name, tag in _TAGS.items()}
    return Header(file, reader.GetSize(), reader.GetNumberOfComponents(), attributes)


def image_reader(file: Path) -> sitk.ImageFileReader:
    """What reads a file as DICOM, whatever its name ends in.

    Raises:
        UserError: its name is not valid Unicode.
    """
    refuse_name(file)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(file))
    return reader


def _text(reader: sitk.ImageFileReader, tag: str) -> str:
    """Letters that are no UTF-8, as in the many character sets of DICOM, and those that cannot be printed become �."""
    text = reader.GetMetaData(tag) if reader.HasMetaDataKey(tag) else ""
    readable = text.encode(errors="surrogateescape").decode(errors="replace").strip(" \0")
    return "".join(letter if letter.isprintable() else "�" for letter in readable)
