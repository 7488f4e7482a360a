"""A DICOM file as pydicom reads it, whatever the file claims to hold."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..quiet import quiet_libraries
from .dicom_nesting import is_too_deep
from .stored import TOO_LARGE

if TYPE_CHECKING:
    from pydicom import Dataset

DAMAGED = "{} ends too early, is damaged or does not keep to the DICOM standard: get or export it again."

_DEFLATED = "1.2.840.10008.1.2.1.99"
_META_START = 144
"""Bytes before those that the length of the file meta information counts (PS3.10, section 7.1)."""

_MOST_BYTES = 1 << 30
"""Of a deflated data set: a segment of 2048 slices of 2048 x 2048."""


def read(path: Path, until: int | None = None) -> Dataset:
    """Read the elements of a file; their values may still be damaged, which shows where they are used.

    Args:
        path: the file.
        until: tag of the first element that is not wanted; all are read without.

    Raises:
        UserError: pydicom is missing.
    """
    if find_spec("pydicom") is None:
        msg = f"{path} needs pydicom to be read, which is not here: pip install 'livertumorseg[dicom]'."
        raise UserError(msg)
    from pydicom.filereader import read_dataset, read_file_meta_info, read_partial

    def is_behind(tag: int, _kind: str | None, _length: int) -> bool:
        return until is not None and tag >= until

    if is_too_deep(path):
        raise UserError(DAMAGED.format(path))
    content = path.read_bytes()  # lengths that the file claims then take no more memory than it has bytes
    if _DEFLATED.encode() not in content or read_file_meta_info(path).TransferSyntaxUID != _DEFLATED:
        return read_partial(BytesIO(content), is_behind, force=True)
    meta = read_file_meta_info(path)
    packed = content[_META_START + meta.FileMetaInformationGroupLength :]
    deflated = read_dataset(BytesIO(_inflated(packed)), False, True, stop_when=is_behind)
    deflated.file_meta = meta
    return deflated


@contextmanager
def damage_in_words(path: Path) -> Iterator[None]:
    """Say in one sentence whatever goes wrong with a file: pydicom has no kind of error for damage.

    Raises:
        UserError: as it was raised within, or for anything else.
    """
    try:
        with quiet_libraries(), warnings.catch_warnings():
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
    content = unpacker.decompress(packed, _MOST_BYTES)
    if not unpacker.eof:
        msg = "not whole"
        raise ValueError(msg)
    return content
