"""Are the voxels that ITK read those that the file holds? Where they are damaged, it hands out memory as it is."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import text_header
from .detached import voxel_place

_BLOCK = 1 << 20
_GZIP, _TEXT = (b"gzip", b"gz"), (b"ascii", b"text", b"txt")


def is_whole(path: Path, voxels: NDArray) -> bool:
    """Hold what ITK read against the file, where that is compressed or text; the rest ITK checks itself.

    Args:
        path: an NRRD or MetaImage header.
        voxels: what ITK read.

    Raises:
        UserError: the voxels are in no file that is read here.
    """
    place, start = voxel_place(path)
    is_packed, is_text = _encoding(path)
    if is_packed:
        return _unpacks_to(voxels, place, start) or _unpacks_to(voxels.byteswap(), place, start)
    return not is_text or _reads(voxels, place, start)


def _encoding(path: Path) -> tuple[bool, bool]:
    """Whether the voxels are compressed, and whether they are text."""
    lines, _ = text_header.read(path)
    parts = [line.replace(b":", b"=", 1).partition(b"=") for line in lines]
    fields = {key.strip(): value.strip() for key, _, value in parts}
    if text_header.is_metaimage(path):
        return _is_true(fields.get(b"CompressedData", b"")), not _is_true(fields.get(b"BinaryData", b"True"))
    encoding = fields.get(b"encoding", b"").lower()
    return encoding in _GZIP, encoding in _TEXT


def _is_true(value: bytes) -> bool:
    return value[:1] in (b"T", b"t", b"1")


def _unpacks_to(voxels: NDArray, place: Path, start: int) -> bool:
    wanted = np.ascontiguousarray(voxels).data.cast("B")
    unpacking, at = zlib.decompressobj(zlib.MAX_WBITS | 32), 0
    with place.open("rb") as content:
        content.seek(start)
        try:
            while not unpacking.eof and at <= len(wanted):
                packed = unpacking.unconsumed_tail or content.read(_BLOCK)
                block = unpacking.decompress(packed, _BLOCK)
                if not (packed or block) or block != wanted[at : at + len(block)]:
                    return False
                at += len(block)
        except zlib.error:
            return False
    return unpacking.eof and at == len(wanted)


def _reads(voxels: NDArray, place: Path, start: int) -> bool:
    with place.open("rb") as content:
        content.seek(start)
        words = content.read().split(maxsplit=voxels.size)[: voxels.size]
    try:
        return np.array_equal(np.array(words, np.float64).astype(voxels.dtype), voxels.reshape(-1))
    except ValueError:
        return False
