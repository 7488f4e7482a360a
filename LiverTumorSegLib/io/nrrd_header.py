"""Meaning of the fields of an NRRD, as teem and ITK have it (https://teem.sourceforge.net/nrrd/format.html)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from .limits import refuse_too_many_voxels
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
    unreadable_header,
    whole_number,
)

_KINDS = {
    word: kind
    for kind, words in {
        "i1": ("signed char", "int8", "int8_t"),
        "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
        "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
        "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
        "i4": ("int", "signed int", "int32", "int32_t"),
        "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
        "i8": (
            "longlong",
            "long long",
            "long long int",
            "signed long long",
            "signed long long int",
            "int64",
            "int64_t",
        ),
        "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
        "f4": ("float",),
        "f8": ("double",),
    }.items()
    for word in words
}
_PACKINGS = {
    "raw": Packing.RAW, "gzip": Packing.DEFLATED, "gz": Packing.DEFLATED, "ascii": Packing.WORDS,
    "text": Packing.WORDS, "txt": Packing.WORDS, "hex": Packing.HEX,
}  # fmt: skip
_MOST_DIMENSIONS = 16
_FIRST_SEGMENT = "Segment0_Name"
_IN_PLACE = ("domain", "space", "time", "???", "none")
"""Kinds of axes along which voxels lie; along those of other kinds lie the numbers of a voxel."""

_TO_RAS = {
    "leftposteriorsuperior": (-1, -1, 1), "lps": (-1, -1, 1), "rightanteriorsuperior": (1, 1, 1), "ras": (1, 1, 1),
    "leftanteriorsuperior": (-1, 1, 1), "las": (-1, 1, 1),
}  # fmt: skip
_DIMENSIONS = {"scannerxyz": 3, "3drighthanded": 3, "3dlefthanded": 3} | dict.fromkeys(_TO_RAS, 3)
_MM = {"", "mm", "millimeter", "millimeters", "millimetre", "millimetres", "none", "???"}
_VECTOR = re.compile(r"\(([^()]*)\)|(none)", re.IGNORECASE)


@dataclass(frozen=True)
class _Space:
    """The space of a volume.

    Args:
        count: of its dimensions, 0 where there is none.
        to_ras: what coordinates are multiplied by; those of spaces without anatomical axes are taken for LPS.
        is_placed: whether it has anatomical axes.
    """

    count: int
    to_ras: tuple[int, int, int]
    is_placed: bool


def described(header: TextHeader) -> VoxelLayout:
    """Read the fields of a header.

    Raises:
        UserError: one is missing or means nothing, they describe no volume with one number a voxel, or lengths are in
            other units than mm.
    """
    fields, count = header.fields, whole_number("dimension", header)
    if not 0 < count <= _MOST_DIMENSIONS:
        raise damaged_header(header)
    sizes, directions, kinds = lengths("sizes", count, header), _directions(header, count), _kinds(header, count)
    axes = _axes_in_place(kinds, directions)
    components = prod(size for axis, size in enumerate(sizes) if axis not in axes)
    layers = components if axes == [1, 2, 3] and count == 4 and _FIRST_SEGMENT in header.pairs else 1
    check_kind([sizes[axis] for axis in axes], components // max(layers, 1), header)
    refuse_too_many_voxels((layers, *(sizes[axis] for axis in axes[:3])), header.path)
    _refuse_units(header)
    packing = _PACKINGS.get(fields.get("encoding", "").lower())
    if packing is None:
        raise damaged_header(header)
    space = _space(header)
    return VoxelLayout(
        size=tuple(sizes[axis] for axis in axes[:3]),
        kind=_kind(header, packing),
        affine=_affine(header, space, axes[:3], directions),
        is_placed=space.is_placed,
        packing=packing,
        lines=whole_number("lineskip", header, "0"),
        skipped=whole_number("byteskip", header, "0"),
        layers=layers,
    )


def _kind(header: TextHeader, packing: Packing) -> np.dtype:
    kind = _KINDS.get(" ".join(header.fields.get("type", "").lower().split()))
    order = {"little": "<", "big": ">"}.get(header.fields.get("endian", "").lower())
    if kind is None:
        raise damaged_header(header)
    if order is None and not kind.endswith("1") and packing is not Packing.WORDS:
        raise damaged_header(header)
    return np.dtype((order or "<") + kind)


def _kinds(header: TextHeader, count: int) -> list[str]:
    kinds = header.fields.get("kinds", "??? " * count).lower().split()
    if len(kinds) != count:
        raise damaged_header(header)
    return kinds


def _directions(header: TextHeader, count: int) -> list[str] | None:
    """A vector without its brackets for each axis, empty for one that has none; None where none are stated."""
    stated = header.fields.get("spacedirections")
    if stated is None:
        return None
    if _VECTOR.sub("", stated).strip() or len(found := _VECTOR.findall(stated)) != count:
        raise unreadable_header(header)
    return [inside for inside, _ in found]


def _axes_in_place(kinds: list[str], directions: list[str] | None) -> list[int]:
    axes = [axis for axis, kind in enumerate(kinds) if kind in _IN_PLACE]
    directed = [axis for axis in axes if directions and directions[axis]]
    return directed if 3 <= len(directed) < len(axes) else axes


def _space(header: TextHeader) -> _Space:
    fields = header.fields
    name = fields.get("space", "").lower().replace("-", "").replace(" ", "")
    timed = name.endswith("time") or (len(name) == 4 and name.endswith("t"))
    name = name.removesuffix("time").removesuffix("t") if timed else name
    stated = "space" in fields
    if stated and (name not in _DIMENSIONS or "spacedimension" in fields):
        raise damaged_header(header)
    count = _DIMENSIONS[name] + timed if stated else whole_number("spacedimension", header, "0")
    return _Space(count, _TO_RAS.get(name, (-1, -1, 1)), name in _TO_RAS)


def _refuse_units(header: TextHeader) -> None:
    stated = header.fields.get("spaceunits", header.fields.get("units", ""))
    other = next((unit for unit in re.findall(r'"([^"]*)"', stated) if unit.strip().lower() not in _MM), None)
    if other is not None:
        msg = f"{header.path} states lengths in {other[:20]!a}, not in mm: export it in mm."
        raise UserError(msg)


def _affine(header: TextHeader, space: _Space, axes: list[int], directions: list[str] | None) -> NDArray[np.float64]:
    spacing = _of_axes("spacings", header, axes)
    origin = _origin(header, space, axes, spacing)
    if directions is None:
        steps = np.diag(np.ones(3) if spacing is None else spacing)
        check_spacing(np.diag(steps), header)
        steps = LPS_TO_RAS @ steps
    elif spacing is not None or space.count not in (3, 4):
        raise unreadable_header(header)
    else:
        words = [re.split(r"[\s,]+", directions[axis].strip()) for axis in axes]
        steps = np.transpose([numbers(each, space.count, header)[:3] for each in words])
        check_spacing(np.linalg.norm(steps, axis=0), header)
        steps = np.diag(space.to_ras) @ steps
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps, origin
    return affine


def _of_axes(name: str, header: TextHeader, axes: list[int]) -> NDArray[np.float64] | None:
    """A number for each axis; None where none is stated for them."""
    words = header.fields.get(name, "").split()
    if not words:
        return None
    if len(words) <= max(axes):
        raise unreadable_header(header)
    chosen = [words[axis] for axis in axes]
    if all(word.lower() == "nan" for word in chosen):
        return None
    return numbers(chosen, len(axes), header)


def _origin(
    header: TextHeader, space: _Space, axes: list[int], spacing: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Place of the first voxel in RAS."""
    if space.count:
        words = header.fields.get("spaceorigin", f"({'0,' * (space.count - 1)}0)").strip()
        if not (words.startswith("(") and words.endswith(")")):
            raise unreadable_header(header)
        stated = numbers(re.split(r"[\s,]+", words[1:-1].strip()), space.count, header)
        return np.array(space.to_ras) * stated[:3]
    least = _of_axes("axismins", header, axes)
    if least is None or spacing is None:
        return np.zeros(3)
    centers = header.fields.get("centers", header.fields.get("centerings", "")).lower().split()
    half = [0.0 if centers[axis : axis + 1] == ["node"] else 0.5 for axis in axes]
    return LPS_TO_RAS @ (least + half * spacing)
