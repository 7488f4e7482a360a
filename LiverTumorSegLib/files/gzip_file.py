"""What a gzip file holds, if it is whole: readers stop at the last voxel and never get to the checksum behind it."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

DENSEST = 1032
"""Bytes that a compressed one stands for at most (zlib's own figure for deflate, RFC 1951)."""

_BLOCK, _MORE = 1 << 20, 1 << 24


def unpacked(path: Path, needed: int) -> bytearray | None:
    """Unpack a file to its end.

    Args:
        path: of the file.
        needed: bytes that are wanted of it; some more may follow, but not without end.

    Returns:
        The bytes wanted; None where the file is damaged, or holds fewer or far more.

    Raises:
        MemoryError: there is not enough for the bytes wanted.
    """
    made = bytearray(needed)
    try:
        with gzip.open(path) as content:
            if content.readinto(made) < needed:
                return None
            more = 0
            while block := content.read(_BLOCK):
                more += len(block)
                if more > _MORE:
                    return None
    except (OSError, EOFError, zlib.error):
        return None
    return made
