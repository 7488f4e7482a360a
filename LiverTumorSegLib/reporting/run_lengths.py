"""DICOM's RLE Lossless (PS3.5, annex G) of label maps: whole rows of one number are encoded once.

pydicom's own encoder goes through every byte in Python.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_MOST_SEGMENTS, _LONGEST_RUN = 15, 128
_KEPT_ROWS = 4096


def encode_frame(plane: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Encode a frame, each byte of its numbers in a segment of its own, the highest first.

    Args:
        plane: ``[row, column]``.

    Returns:
        The header of 64 bytes and the segments, of an even length each.
    """
    width = plane.dtype.itemsize
    pixels = np.ascontiguousarray(plane, plane.dtype.newbyteorder(">")).view(np.uint8).reshape(*plane.shape, width)
    segments = [_even(b"".join(_encode_row(row.tobytes()) for row in pixels[:, :, at])) for at in range(width)]
    starts = [4 * (1 + _MOST_SEGMENTS)]
    for segment in segments:
        starts.append(starts[-1] + len(segment))
    header = [width, *starts[:-1], *[0] * (_MOST_SEGMENTS - width)]
    return struct.pack(f"<{1 + _MOST_SEGMENTS}I", *header) + b"".join(segments)


def _even(segment: bytes) -> bytes:
    return segment + b"\0" * (len(segment) % 2)


@lru_cache(_KEPT_ROWS)
def _encode_row(row: bytes) -> bytes:
    """Runs of a row (section G.3.1): of equal bytes the count and the byte, of others the count and all of them."""
    values = np.frombuffer(row, np.uint8)
    bounds = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(row)]
    made, others = bytearray(), bytearray()
    for start, stop in pairwise(bounds):
        if stop - start == 1:
            others += row[start:stop]
            continue
        _add_others(made, others)
        _add_run(made, row[start], stop - start)
    _add_others(made, others)
    return bytes(made)


def _add_run(made: bytearray, value: int, length: int) -> None:
    for begin in range(0, length, _LONGEST_RUN):
        part = min(_LONGEST_RUN, length - begin)
        made += bytes([(1 - part) % 256 if part > 1 else 0, value])


def _add_others(made: bytearray, others: bytearray) -> None:
    for begin in range(0, len(others), _LONGEST_RUN):
        part = others[begin : begin + _LONGEST_RUN]
        made += bytes([len(part) - 1]) + part
    others.clear()
