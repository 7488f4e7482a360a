"""Headers of DICOM files, read through GDCM or pydicom, whatever the files claim to hold.

Sequences nested too deep are refused first: GDCM's time grows without bounds with their depth.
"""

from __future__ import annotations

import re
import sys
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import UserError
from ..core.native_stderr import silence_libraries
from ..core.optional_packages import require_packages
from . import limits
from .limits import voxel_limit
from .raw_image import TOO_LARGE

if TYPE_CHECKING:
    import SimpleITK as sitk
    from pydicom import DataElement, Dataset
    from pydicom.dataelem import RawDataElement

_ITEM = re.compile(rb"\xfe\xff(?:(\x00\xe0)\xff\xff\xff\xff|\x0d\xe0\0\0\0\0)")
"""An item of undefined length begins, or one ends, in little endian."""

_DEEPEST_NESTING, _SEARCHED_BYTES = 50, 1 << 20


def is_nested_too_deep(file: Path) -> bool:
    """Whether items of undefined length lie in one another deeper than in any image, in the first megabyte."""
    depth = 0
    with file.open("rb") as content:
        for found in _ITEM.finditer(content.read(_SEARCHED_BYTES)):
            depth += 1 if found[1] else -1
            if depth > _DEEPEST_NESTING:
                return True
    return False


DAMAGED = "{} ends too early, is damaged or does not keep to the DICOM standard: get or export it again."

_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNDEFINED = 0xFFFFFFFF
_META_START = 144
"""Bytes before those that the length of the file meta information counts (PS3.10, section 7.1)."""

_MOST_BYTES = 1 << 30
"""Most bytes of a deflated data set: a segment of 2048 slices of 2048 x 2048; fewer where fewer voxels are allowed."""


def read_dicom_file(path: Path, until: int | None = None) -> Dataset:
    """Read the elements of a file; their values may still be damaged, which shows where they are used.

    Args:
        path: the file.
        until: tag of the first element that is not wanted; all are read without.

    Raises:
        UserError: the file ends within an element, or pydicom is missing.
    """
    require_packages(f"{path} needs", ("pydicom",), "dicom")
    from pydicom.filereader import read_dataset, read_file_meta_info, read_partial

    def is_behind(tag: int, _kind: str | None, _length: int) -> bool:
        return until is not None and tag >= until

    if is_nested_too_deep(path):
        raise UserError(DAMAGED.format(path))
    content = path.read_bytes()  # lengths that the file claims then take no more memory than it has bytes
    if _DEFLATED.encode() not in content or read_file_meta_info(path).TransferSyntaxUID != _DEFLATED:
        found = read_partial(BytesIO(content), is_behind, force=True)
        if any(map(_is_cut, found.values())):
            raise UserError(DAMAGED.format(path))
        return found
    meta = read_file_meta_info(path)
    packed = content[_META_START + meta.FileMetaInformationGroupLength :]
    deflated = read_dataset(BytesIO(_inflated(packed)), False, True, stop_when=is_behind)
    deflated.file_meta = meta
    return deflated


def _is_cut(element: DataElement | RawDataElement) -> bool:
    """Whether an element says that it is longer than what there is of it, of which pydicom takes no notice."""
    length, value = getattr(element, "length", 0), element.value
    return isinstance(value, bytes) and length != _UNDEFINED and len(value) < length


def read_elements(path: Path, names: Sequence[str]) -> Dataset:
    """Read some elements of a file, by their keywords; it may lack the preamble.

    Raises:
        UserError: the file is damaged, or pydicom is missing.
    """
    require_packages(f"{path} needs", ("pydicom",), "dicom")
    from pydicom import dcmread

    with explain_damage(path):
        return dcmread(path, stop_before_pixels=True, specific_tags=list(names), force=True)


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Say in one sentence whatever goes wrong with a file: pydicom has no kind of error for damage.

    Raises:
        UserError: as it was raised within, or for anything else.
    """
    try:
        with silence_libraries(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(TOO_LARGE.format(path)) from error
    except Exception as error:
        raise UserError(DAMAGED.format(path)) from error


def _inflated(packed: bytes) -> bytes:
    """Unpack up to a bound, which pydicom knows none of.

    Raises:
        ValueError: it ends too early or goes on beyond the bound.
    """
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacker.decompress(packed, min(_MOST_BYTES, voxel_limit()))
    if not unpacker.eof:
        msg = "not whole"
        raise ValueError(msg)
    return content


_DEFLATED_SYNTAX = b"1.2.840.10008.1.2.1.99"
_FIRST, _SYNTAX, _META = 132, b"\x02\x00\x10\x00", b"\x02\x00"
_LONG_VRS = (b"OB", b"OW", b"SQ", b"UN", b"UT")
_META_BYTES, _BLOCK = 1 << 16, 1 << 16
_MOST_UNPACKED = 1 << 27
"""Most bytes of an image: 8192 x 8192 pixels of 16 bits."""


def unpacks_too_far(file: Path) -> bool:
    """Whether a file is deflated, and unpacks to more than an image has or does not say where it begins."""
    with limits.open_regular(file) as content:
        meta = content.read(_META_BYTES)
        syntax, end = _walked(meta)
        if syntax != _DEFLATED_SYNTAX:
            return syntax is None and _DEFLATED_SYNTAX in meta
        if end != _FIRST + 12 + int.from_bytes(meta[140:144], "little"):  # readers would begin at different places
            return True
        content.seek(end)
        unpacking, unpacked = zlib.decompressobj(-zlib.MAX_WBITS), 0
        try:
            while unpacked <= _MOST_UNPACKED and not unpacking.eof:
                packed = unpacking.unconsumed_tail or content.read(_BLOCK)
                if not packed:
                    break
                unpacked += len(unpacking.decompress(packed, _BLOCK))
        except zlib.error:
            return True
    return unpacked > _MOST_UNPACKED


def _walked(start: bytes) -> tuple[bytes | None, int]:
    """The transfer syntax, None without one, and where the file meta information ends (PS3.10, section 7.1)."""
    syntax, at = None, _FIRST
    while start[at : at + 2] == _META:
        is_long = start[at + 4 : at + 6] in _LONG_VRS
        value = at + (12 if is_long else 8)
        length = int.from_bytes(start[at + 8 : value] if is_long else start[at + 6 : value], "little")
        if start[at : at + 4] == _SYNTAX:
            syntax = start[value : value + length].rstrip(b" \0")
        at = value + length
    return syntax, at


_TAGS = {
    "series": "0020|000e",
    "description": "0008|103e",
    "modality": "0008|0060",
    "image type": "0008|0008",
    "patient": "0010|0020",
    "frame of reference": "0020|0052",
    "instance number": "0020|0013",
    "position": "0020|0032",
    "orientation": "0020|0037",
    "spacing": "0028|0030",
    "photometric interpretation": "0028|0004",
    "bits stored": "0028|0101",
    "high bit": "0028|0102",
    "intercept": "0028|1052",
    "slope": "0028|1053",
}


LONGEST_VALUE = 64
"""Letters that a UID or a description has at most (PS3.5, section 6.2); damaged ones may have any number."""

UNREADABLE = (
    "{} ends too early, is damaged, has no pixels or compresses them in a way that cannot be read: export it again."
)


@dataclass(frozen=True)
class Header:
    """Header of an image file.

    Args:
        file: where it is.
        size: columns, rows and frames.
        components: numbers a pixel, such as three of colours.
        attributes: text by the names of :data:`_TAGS`, without padding; those that are missing are empty.
        problem: why the file cannot be used, a sentence; empty where it may be.
    """

    file: Path
    size: tuple[int, ...]
    components: int
    attributes: Mapping[str, str]
    problem: str = ""

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    @property
    def frames(self) -> int:
        """Images in the file, which may be more than one."""
        return self.size[2] if len(self.size) > 2 else 1

    @property
    def frame(self) -> int:
        """Number, from 1, of the frame of an enhanced CT that this is the header of; 0 of a file with one image."""
        return 0

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


def shorten_value(text: str) -> str:
    """A header's value, no longer than a sentence can hold."""
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def read_header(file: Path) -> Header | None:
    """Read all but the pixels; None where the file holds no image that can be read.

    Raises:
        UserError: its name is not valid Unicode.
    """
    reader = make_image_reader(file)
    if is_nested_too_deep(file) or unpacks_too_far(file):
        return None
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    attributes = {name: _text(reader, tag) for name, tag in _TAGS.items()}
    return Header(file, reader.GetSize(), reader.GetNumberOfComponents(), attributes)


def make_image_reader(file: Path) -> sitk.ImageFileReader:
    """A reader that takes a file for DICOM, whatever its name ends in.

    Raises:
        UserError: its name is not valid Unicode.
    """
    import SimpleITK as sitk  # takes as much memory as a CT

    from .itk import refuse_invalid_name

    refuse_invalid_name(file)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(file))
    return reader


def _text(reader: sitk.ImageFileReader, tag: str) -> str:
    return printable_text(reader.GetMetaData(tag) if reader.HasMetaDataKey(tag) else "")


def printable_text(text: str) -> str:
    """Letters that are no UTF-8, as in the many character sets of DICOM, and those that cannot be printed become �."""
    readable = text.encode(errors="surrogateescape").decode(errors="replace").strip(" \0")
    return "".join(letter if letter.isprintable() else "�" for letter in readable)
