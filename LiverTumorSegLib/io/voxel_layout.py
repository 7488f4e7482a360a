"""Voxels as an NRRD or MetaImage header describes them, in the words of neither."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from .limits import refuse_too_many_voxels
from .text_header import DAMAGED, TextHeader

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_ENDLESS = re.compile(r"[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(r"[-+]?\d{1,18}", re.ASCII)
_LARGEST = 1e6
"""Far beyond any patient in mm."""


class Packing(Enum):
    """Encodings of voxels: as they are, by gzip or zlib, in words, or in hexadecimal digits."""

    RAW = auto()
    DEFLATED = auto()
    WORDS = auto()
    HEX = auto()


@dataclass(frozen=True)
class VoxelLayout:
    """A three-dimensional volume with one number a voxel, or one a layer of a segmentation.

    Args:
        size: voxels along i, j and k.
        kind: type of a voxel, with its byte order.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.
        is_placed: whether it says how the patient lies.
        packing: of the voxels.
        begin: byte of the file at which they begin; 0 where that follows from the header's end.
        lines: to be skipped behind that.
        skipped: bytes to be skipped behind the lines, unpacked; with -1 they are the last of the file, and so on.
        layers: numbers a voxel, side by side, of a segmentation whose segments overlap.
    """

    size: tuple[int, ...]
    kind: np.dtype
    affine: NDArray[np.float64]
    is_placed: bool
    packing: Packing
    begin: int = 0
    lines: int = 0
    skipped: int = 0
    layers: int = 1

    @property
    def count(self) -> int:
        """Numbers that the file holds."""
        return prod(self.size) * self.layers


def check_kind(size: Sequence[int], components: int, header: TextHeader) -> None:
    """Refuse what is no single volume of numbers, by the lengths of its axes.

    Raises:
        UserError: it is not three-dimensional, holds several numbers a voxel, no voxels, or more than are allowed.
    """
    path, stated = header.path, " x ".join(map(str, size))
    if len(size) < 3 or any(extra != 1 for extra in size[3:]):
        msg = f"{path} has {len(size)} dimensions ({stated}): give one three-dimensional volume."
        raise UserError(msg)
    if components != 1:
        msg = f"{path} holds {components} numbers a voxel, such as colours: export a volume with one number a voxel."
        raise UserError(msg)
    if 0 in size:
        msg = f"{path} has no voxels ({stated}): export it again."
        raise UserError(msg)
    refuse_too_many_voxels(size[:3], path)


def check_spacing(spacing: NDArray[np.float64], header: TextHeader) -> None:
    """Refuse lengths of voxels that are not positive.

    Raises:
        UserError: one is not.
    """
    if not (spacing > 0).all():
        msg = f"{header.path} states a spacing of {' x '.join(f'{mm:g}' for mm in spacing)} mm: correct its header."
        raise UserError(msg)


def unreadable_header(header: TextHeader) -> UserError:
    """The error of numbers that are none, or of another count than there are axes."""
    return UserError(f"{header.path} states sizes or a geometry that cannot be read as numbers: correct its header.")


def damaged_header(header: TextHeader) -> UserError:
    """The error of a header that lacks what it needs, or has it in words that mean nothing."""
    return UserError(DAMAGED.format(header.path))


def whole_number(name: str, header: TextHeader, default: str = "") -> int:
    """The whole number of a field.

    Raises:
        UserError: it is none.
    """
    stated = header.fields.get(name, default)
    if not _WHOLE.fullmatch(stated):
        raise damaged_header(header)
    return int(stated)


def lengths(name: str, count: int, header: TextHeader) -> list[int]:
    """The lengths of so many axes.

    Raises:
        UserError: they are others, no whole numbers, or negative.
    """
    words = header.fields.get(name, "").split()
    if len(words) != count or not all(map(_WHOLE.fullmatch, words)) or any(int(word) < 0 for word in words):
        raise unreadable_header(header)
    return [int(word) for word in words]


def numbers(words: Sequence[str], count: int, header: TextHeader) -> NDArray[np.float64]:
    """A number of values of a geometry, read from its text.

    Raises:
        UserError: they are more or fewer, no numbers, huge or not finite.
    """
    if len(words) != count or not all(_NUMBER.fullmatch(word) or _ENDLESS.fullmatch(word) for word in words):
        raise unreadable_header(header)
    found = np.array([float(word) for word in words])
    if not (abs(found) <= _LARGEST).all():
        path = header.path
        msg = f"{path} states an impossible geometry, with numbers that are huge or not finite: correct its header."
        raise UserError(msg)
    return found
