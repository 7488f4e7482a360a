"""NRRD headers: lines changed, dropped and moved, and bytes damaged, with the voxels behind them or in another file."""

from __future__ import annotations

import gzip
from functools import partial

from ..batches import Batches
from ..text_header_tries import TextFormat, attempt

TRIES = 300_000

_TYPES = {
    "i1": "signed char", "u1": "uchar", "i2": "short", "u2": "unsigned short", "i4": "int", "u4": "uint", "f4": "float",
    "f8": "double",
}  # fmt: skip


def lines(kind: str, order: str, packing: str, body: bytes, data_file: str | None) -> list[str]:
    """The base's header."""
    return [
        "NRRD0004",
        f"type: {_TYPES[kind]}",
        "dimension: 3",
        "space: left-posterior-superior",
        "sizes: 5 4 3",
        "space directions: (0.75,0,0) (0,1.25,0) (0,0,2.5)",
        "kinds: domain domain domain",
        f"endian: {'big' if order == '>' else 'little'}",
        f"encoding: {packing}",
        "space origin: (-40,-60,-30)",
        *([f"data file: {data_file}"] if data_file else []),
    ]


FORMAT = TextFormat(
    lines=lines,
    separators=(": ", ":=", ":"),
    packings={
        "raw": lambda voxels: voxels.tobytes(),
        "gzip": lambda voxels: gzip.compress(voxels.tobytes(), 1),
        "ascii": lambda voxels: " ".join(map(str, voxels.ravel())).encode(),
    },
    names=("ct.nrrd", "ct.nhdr"),
    end="\n\n",
    data="data file",
    idle=("# a comment", "content: ct", "key:=value", "Größe:=12 cm"),
)
BATCHES = Batches("nrrd_headers", partial(attempt, FORMAT))
run, only = BATCHES.run, BATCHES.only
