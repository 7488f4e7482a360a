"""MetaImage headers: lines changed, dropped and moved, and bytes damaged, with the voxels behind them or elsewhere."""

from __future__ import annotations

import zlib
from functools import partial

from ..batches import Batches
from ..text_header_tries import TextFormat, attempt

TRIES = 300_000

_TYPES = {
    "i1": "MET_CHAR", "u1": "MET_UCHAR", "i2": "MET_SHORT", "u2": "MET_USHORT", "i4": "MET_INT", "u4": "MET_UINT",
    "f4": "MET_FLOAT", "f8": "MET_DOUBLE",
}  # fmt: skip


def lines(kind: str, order: str, packing: str, body: bytes, data_file: str | None) -> list[str]:
    """The base's header."""
    return [
        "ObjectType = Image",
        "NDims = 3",
        f"BinaryData = {packing != 'text'}",
        f"BinaryDataByteOrderMSB = {order == '>' and packing != 'text'}",
        f"CompressedData = {packing == 'zlib'}",
        *([f"CompressedDataSize = {len(body)}"] if packing == "zlib" else []),
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        "Offset = -40 -60 -30",
        "CenterOfRotation = 0 0 0",
        "AnatomicalOrientation = RAI",
        "ElementSpacing = 0.75 1.25 2.5",
        "DimSize = 5 4 3",
        f"ElementType = {_TYPES[kind]}",
        f"ElementDataFile = {data_file or 'LOCAL'}",
    ]


FORMAT = TextFormat(
    lines=lines,
    separators=(" = ", "=", ":"),
    packings={
        "raw": lambda voxels: voxels.tobytes(),
        "zlib": lambda voxels: zlib.compress(voxels.tobytes(), 1),
        "text": lambda voxels: " ".join(map(str, voxels.ravel())).encode() + b"\n",
    },
    names=("ct.mha", "ct.mhd"),
    end="\n",
    data="ElementDataFile",
    idle=("Comment = a comment", "Name = ct", "Key = value", "Color = 1 0 0 1", "ID = 3"),
)
BATCHES = Batches("metaimage_headers", partial(attempt, FORMAT))
run, only = BATCHES.run, BATCHES.only
