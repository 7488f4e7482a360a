"""Is a gzip file whole? Readers stop at the last voxel and never get to the checksum behind it."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

DENSEST = 1032
"""Bytes that a compressed one stands for at most (zlib's own figure for deflate, RFC 1951)."""

_BLOCK, _MORE = 1 << 20, 1 << 24


def is_whole(path: Path, needed: int) -> bool:
    """Unpack a file to its end, a block at a time.

    Args:
        path: of the file.
        needed: bytes that are wanted of it; some more may follow, but not without end.
    """
    unpacked = 0
    try:
        with gzip.open(path) as content:
            while block := content.read(_BLOCK):
                unpacked += len(block)
                if unpacked > needed + _MORE:
                    return False
    except (OSError, EOFError, zlib.error):
        return False
    return unpacked >= needed
