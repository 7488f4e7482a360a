"""Meaning of the fields of a MetaImage, as ITK has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .raw_image import LPS_TO_RAS
from .text_header import TextHeader
from .voxel_layout import (
    Packing,
    VoxelLayout,
    check_kind,
    check_spacing,
    damaged_header,
    lengths,
    numbers,
    whole_number,
)

_KINDS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
_MOST_DIMENSIONS = 10


def described(header: TextHeader) -> VoxelLayout:
    """Read the fields of a header.

    Raises:
        UserError: one is missing or means nothing, or they describe no volume with one number a voxel.
    """
    fields, count = header.fields, whole_number("ndims", header)
    if not 0 < count <= _MOST_DIMENSIONS or fields.get("objecttype", "Image") != "Image":
        raise damaged_header(header)
    size = lengths("dimsize", count, header)
    check_kind(size, whole_number("elementnumberofchannels", header, "1"), header)
    packing, begin = _packing(header), whole_number("headersize", header, "0")
    if begin < -1 or (begin < 0 and packing is not Packing.RAW):
        raise damaged_header(header)
    if fields.get("elementtype", "") not in _KINDS:
        raise damaged_header(header)
    order = ">" if _is_true(fields.get("msb", "")) else "<"
    return VoxelLayout(
        size=tuple(size[:3]),
        kind=np.dtype(order + _KINDS[fields["elementtype"]]),
        affine=_affine(header, count),
        is_placed="transformmatrix" in fields,
        packing=packing,
        begin=max(0, begin),
        skipped=min(0, begin),
    )


def _packing(header: TextHeader) -> Packing:
    if _is_true(header.fields.get("compresseddata", "")):
        return Packing.DEFLATED
    return Packing.RAW if _is_true(header.fields.get("binarydata", "True")) else Packing.WORDS


def _is_true(value: str) -> bool:
    return value[:1] in ("T", "t", "1")


def _affine(header: TextHeader, count: int) -> NDArray[np.float64]:
    fields = header.fields
    spacing = fields.get("elementspacing", fields.get("elementsize", "1 " * count))
    sizes = numbers(spacing.split(), count, header)[:3]
    check_spacing(sizes, header)
    matrix = fields.get("transformmatrix")
    axes = np.eye(count) if matrix is None else numbers(matrix.split(), count * count, header).reshape(count, count)
    origin = numbers(fields.get("offset", "0 " * count).split(), count, header)
    affine = np.eye(4)
    affine[:3, :3] = LPS_TO_RAS @ axes[:3, :3].T @ np.diag(sizes)
    affine[:3, 3] = LPS_TO_RAS @ origin[:3]
    return affine
