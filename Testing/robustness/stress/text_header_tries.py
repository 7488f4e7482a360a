"""Tries with headers in lines of text, NRRD's and MetaImage's, their voxels behind them or in another file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from LiverTumorSegLib.core.volume import Volume

from .canary import ATTACKS, unopened
from .mutations import as_bytes, changed_lines, damaged
from .volume_tries import base, options, read

KINDS = ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8")
BESIDE, OUTSIDE = "voxels.raw", "outside.raw"
_SECRET = 0x11
_ELSEWHERE = (
    "../outside.raw", "{above}/outside.raw", "x/../../outside.raw", "~/outside.raw", "/dev/zero", "/dev/stdin", "pipe",
    "/etc/passwd", "LIST", "LIST\n../outside.raw\n", "LIST 3\nvoxels.raw\n", "LIST\nvoxels.raw\nvoxels.raw\n/dev/zero",
    "%d.raw 0 2 1", "../out%s.raw", "%n%n%n.raw", "missing.raw", ".", "", "self.nhdr", "link.raw", "voxels.raw/x",
    " voxels.raw ", "./voxels.raw", "voxels.raw\0.txt", "local", "x" * 5000,
)  # fmt: skip


@dataclass(frozen=True)
class TextFormat:
    """A format whose headers are lines of text.

    Args:
        lines: of the base's header, from a type, a byte order, how its voxels are packed, their bytes, and the file
            that holds them, None where they follow.
        separators: between a key and its value.
        packings: how the voxels may be packed: what turns an array into bytes.
        names: of a file with its voxels, and of one without.
        end: of a header with voxels behind it.
        data: name of the field that says where voxels are.
        idle: lines that say nothing about the voxels.
    """

    lines: Callable[[str, str, str, bytes, str | None], list[str]]
    separators: tuple[str, ...]
    packings: dict[str, Callable[[np.ndarray], bytes]]
    names: tuple[str, str]
    end: str
    data: str
    idle: tuple[str, ...]


def stored(kind: str) -> np.ndarray:
    """The base in a type that may be too small for it, or without negative numbers."""
    voxels = base().voxels // (4 if kind.endswith("1") else 1)
    return (voxels - voxels.min() if kind[0] == "u" else voxels).astype(kind)


def attempt(form: TextFormat, random: Random, folder: Path) -> bool:
    """Write a file of a format and read it."""
    kind, order, packing = random.choice(KINDS), random.choice("<>"), random.choice(list(form.packings))
    body = form.packings[packing](stored(kind).astype(order + kind))
    beside, sound = random.random() < 0.35, random.random() < 0.15
    _surround(folder, body)
    lines = form.lines(kind, order, packing, body, BESIDE if beside else None)
    header = _sound(random, lines, form) if sound else _damaged(random, lines, form, folder)
    path = folder / form.names[beside]
    path.write_bytes(header + (b"" if beside else body))
    expected = Volume(stored(kind).astype(np.int16), base().affine) if sound else None
    with unopened(folder.parent / OUTSIDE):
        volume = read(path, expected, **options(random) | ({"force": True} if sound else {}))
    if volume is not None and volume.voxels.size > 8:
        assert not np.isin(volume.voxels, (_SECRET, _SECRET * 257)).all(), "voxels from outside the header's folder"
    return volume is not None


def _surround(folder: Path, body: bytes) -> None:
    """What headers may name."""
    (folder / BESIDE).write_bytes(body)
    (folder.parent / OUTSIDE).write_bytes(bytes([_SECRET]) * 4096)
    os.mkfifo(folder / "pipe")


def _sound(random: Random, lines: list[str], form: TextFormat) -> bytes:
    at = random.randrange(1, len(lines))
    return as_bytes("\n".join([*lines[:at], random.choice(form.idle), *lines[at:]]) + form.end)


def _damaged(random: Random, lines: list[str], form: TextFormat, folder: Path) -> bytes:
    attacked, misled = random.random() < 0.1, random.random() < 0.15
    if attacked:
        lines = _attacked(random, lines, form, folder)
    elif misled:
        lines = [
            *lines[:-1],
            lines[-1].partition(form.separators[0])[0] + form.separators[0] + _elsewhere(random, folder),
        ]
    if random.random() < (0.3 if attacked or misled else 0.8):
        lines = changed_lines(random, lines, form.separators)
    header = as_bytes(
        random.choice(("\n", "\n", "\n", "\r\n", "\r")).join(lines) + random.choice((form.end, form.end, ""))
    )
    return damaged(random, header, header) if random.random() < 0.3 else header


def _attacked(random: Random, lines: list[str], form: TextFormat, folder: Path) -> list[str]:
    here = [line for line in lines if line.startswith(form.data)]
    others = [line for line in lines if line not in here]
    file = random.choice((f"../{OUTSIDE}", str(folder.parent / OUTSIDE)))
    name = random.choice(list(ATTACKS))
    if name == "a header longer than is read" and random.random() < 0.9:  # which takes as long as a hundred others
        name = "two names"
    return [*others, *ATTACKS[name](form.data, form.separators[0], file, here)]


def _elsewhere(random: Random, folder: Path) -> str:
    return random.choice(_ELSEWHERE).replace("{above}", str(folder.parent))
