"""Content compressed by gzip or zlib, unpacked to its end with the checksum that stands there.

Other readers stop at the last voxel. ISA-L unpacks a CT in half of zlib's time; where there is no build of it, Python's
own zlib does the same.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

try:
    from isal import igzip, isal_zlib
except ImportError:
    _open_gzip: Any = gzip.open
    _unpacker: Any = zlib.decompressobj
    DEFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error, EOFError)
else:
    _open_gzip, _unpacker = igzip.open, isal_zlib.decompressobj
    DEFLATE_ERRORS = (cast("type[Exception]", isal_zlib.error), zlib.error, EOFError)
"""What is raised where compressed content is damaged or ends too early."""

_UNREADABLE: tuple[type[Exception], ...] = (OSError, *DEFLATE_ERRORS)

HIGHEST_RATIO = 1032
"""Bytes that a compressed one stands for at most (zlib's own figure for deflate, RFC 1951)."""

_GZIP_BEGINS, _ANY_HEADER = b"\x1f\x8b", zlib.MAX_WBITS | 32
_PIECE, _BLOCK, _MORE = 1 << 16, 1 << 20, 1 << 24


def read_gzip(path: Path, needed: int) -> bytearray | None:
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
        with _open_gzip(path) as content:
            if content.readinto(made) < needed:
                return None
            more = 0
            while block := content.read(_BLOCK):
                more += len(block)
                if more > _MORE:
                    return None
    except _UNREADABLE:
        return None
    return made


def unpacked_blocks(content: BinaryIO) -> Iterator[bytes]:
    """Unpacked blocks of the gzip or zlib members that follow in a file.

    Raises:
        Exception: of :data:`DEFLATE_ERRORS`; they are damaged or end too early.
    """
    rest = content.read(_PIECE)
    while True:
        unpacking = _unpacker(_ANY_HEADER)
        while not unpacking.eof:
            block = unpacking.decompress(rest, _PIECE)
            if not (rest or block):
                raise EOFError
            yield block
            rest = unpacking.unconsumed_tail or (b"" if unpacking.eof else content.read(_PIECE))
        rest = unpacking.unused_data
        if len(rest) < len(_GZIP_BEGINS):
            rest += content.read(_PIECE)
        if not rest.startswith(_GZIP_BEGINS):
            return
