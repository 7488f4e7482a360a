"""Are the voxels that ITK read those that the file holds? Where they are damaged, it hands out memory as it is."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .detached import voxel_place
from .text_header import TextHeader

_GZIP_BEGINS, _ANY_HEADER = b"\x1f\x8b", zlib.MAX_WBITS | 32
_BLOCK = 1 << 16
_GZIP, _TEXT = ("gzip", "gz"), ("ascii", "text", "txt")


def is_whole(header: TextHeader, voxels: NDArray) -> bool:
    """Hold what ITK read against the file, where that is compressed or text; the rest ITK checks itself.

    Args:
        header: of an NRRD or MetaImage.
        voxels: what ITK read.

    Raises:
        UserError: the voxels are in no file that is read here.
    """
    is_packed, is_text = _encoding(header)
    if is_packed:
        return _is_packed_in(header, voxels) or _is_packed_in(header, voxels.byteswap())
    return not is_text or _reads(voxels, *voxel_place(header))


def _encoding(header: TextHeader) -> tuple[bool, bool]:
    """Whether the voxels are compressed, and whether they are text."""
    fields = header.fields
    if header.is_metaimage:
        return _is_true(fields.get("compresseddata", "")), not _is_true(fields.get("binarydata", "True"))
    encoding = fields.get("encoding", "").lower()
    return encoding in _GZIP, encoding in _TEXT


def _is_true(value: str) -> bool:
    return value[:1] in ("T", "t", "1")


def _is_packed_in(header: TextHeader, voxels: NDArray) -> bool:
    place, start = voxel_place(header)
    wanted = np.frombuffer(np.ascontiguousarray(voxels), np.uint8)
    if _ends_with_sum(place, wanted):
        return True
    lines, skipped = (_count(header.fields.get(name, "")) for name in ("lineskip", "byteskip"))
    try:
        if skipped < 0:  # all but the end
            skipped = sum(map(len, _unpacked(place, start, lines))) - len(wanted)
        return _are_same(_unpacked(place, start, lines), wanted, skipped)
    except zlib.error:
        return False


def _count(stated: str) -> int:
    found = re.match(r"[-+]?\d+", stated)
    return int(found[0]) if found else 0


def _ends_with_sum(place: Path, wanted: NDArray[np.uint8]) -> bool:
    """Whether the file ends with the checksum of these bytes, which is quicker to find than to unpack them again."""
    with place.open("rb") as content:
        content.seek(max(0, place.stat().st_size - 8))
        end = content.read()
    gzip_end = zlib.crc32(wanted.data).to_bytes(4, "little") + (len(wanted) % 2**32).to_bytes(4, "little")
    return end == gzip_end or end[4:] == zlib.adler32(wanted.data).to_bytes(4, "big")


def _are_same(blocks: Iterable[bytes], wanted: NDArray[np.uint8], skipped: int) -> bool:
    """Whether the blocks are the bytes wanted, behind those skipped."""
    at = -skipped
    for block in blocks:
        seen = np.frombuffer(block, np.uint8)[max(0, -at) :]
        end = at + len(block)
        if not np.array_equal(seen, wanted[max(0, at) : max(0, end)]):
            return False
        at = end
    return at == len(wanted)


def _unpacked(place: Path, start: int, lines: int) -> Iterator[bytes]:
    """What the gzip or zlib members hold that follow so many lines behind the start.

    Raises:
        zlib.error: they are damaged, or end too early.
    """
    with place.open("rb") as content:
        content.seek(start)
        while lines > 0 and content.readline():
            lines -= 1
        rest = content.read(_BLOCK)
        while True:
            unpacking = zlib.decompressobj(_ANY_HEADER)
            while not unpacking.eof:
                block = unpacking.decompress(rest, _BLOCK)
                if not (rest or block):
                    msg = "ends too early"
                    raise zlib.error(msg)
                yield block
                rest = unpacking.unconsumed_tail or (b"" if unpacking.eof else content.read(_BLOCK))
            rest = unpacking.unused_data
            if len(rest) < len(_GZIP_BEGINS):
                rest += content.read(_BLOCK)
            if not rest.startswith(_GZIP_BEGINS):
                return


def _reads(voxels: NDArray, place: Path, start: int) -> bool:
    with place.open("rb") as content:
        content.seek(start)
        words = content.read().split(maxsplit=voxels.size)[: voxels.size]
    try:
        return np.array_equal(np.array(words, np.float64).astype(voxels.dtype), voxels.reshape(-1))
    except ValueError:
        return False
