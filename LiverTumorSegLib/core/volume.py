"""CT voxels with their place in the patient, and the view of them as axial slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TOWARDS = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Directions in RAS of slices, rows and columns in an axial view: towards head, back and patient's left."""

_DIGITS = 6

Box = tuple[slice, slice, slice]
"""Of voxels along three axes; start and stop of each are known."""


@dataclass(frozen=True)
class AxialView:
    """An array seen as axial slices: upwards, rows to the patient's back, columns to the patient's left.

    Args:
        axes: the array axes that become slice, row and column.
        flips: which of them run the other way.
        spacing: millimetres between slices, rows and columns.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    spacing: tuple[float, float, float]

    def of(self, array: NDArray) -> NDArray:
        """View ``[k, j, i]`` as ``[slice, row, column]``; no voxel is copied."""
        return array.transpose(self.axes)[self._steps]

    def back(self, seen: NDArray) -> NDArray:
        """View ``[slice, row, column]`` as ``[k, j, i]``, the inverse of :meth:`of`."""
        return seen[self._steps].transpose(np.argsort(self.axes))

    def box(self, box: Box, shape: tuple[int, ...]) -> Box:
        """Slices, rows and columns of a box ``(k, j, i)`` of an array of this shape."""
        return _three(_turned(box[axis], shape[axis], flip) for axis, flip in zip(self.axes, self.flips, strict=True))

    def array_box(self, box: Box, shape: tuple[int, ...]) -> Box:
        """The inverse of :meth:`box`."""
        sides = dict(zip(self.axes, zip(box, self.flips, strict=True), strict=True))
        return _three(_turned(sides[axis][0], shape[axis], sides[axis][1]) for axis in range(3))

    def place(self, point: Sequence[int], shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Indices ``(k, j, i)`` in an array of this shape of a slice, row and column of the view."""
        found = [0, 0, 0]
        for index, axis, flip in zip(point, self.axes, self.flips, strict=True):
            found[axis] = shape[axis] - 1 - index if flip else index
        return found[0], found[1], found[2]

    def affine(self, affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The affine of the view, from ``(column, row, slice)`` to RAS, of an array with this affine and shape."""
        columns = affine[:3, :3][:, [2 - axis for axis in self.axes]]
        signs = np.where(self.flips, -1.0, 1.0)
        last = np.array([shape[axis] - 1 for axis in self.axes])
        origin = affine[:3, 3] + columns @ np.where(self.flips, last, 0)
        placed = np.eye(4)
        placed[:3, :3], placed[:3, 3] = (columns * signs)[:, ::-1], origin
        return placed

    @property
    def _steps(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)


@dataclass(frozen=True)
class Volume:
    """A CT.

    Args:
        voxels: int16 ``[k, j, i]`` in HU.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS (right, anterior and superior positive).
        warnings: what is suspicious about the file, a sentence each.
        images: files of the DICOM series it was read from, one for each index ``k``; none where it was not. The slices
            of an enhanced CT have one file together.
        frames: of an enhanced CT the number, from 1, of each slice's frame in its file; none of any other.

    Example:
        >>> import numpy as np
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.Volume(np.zeros((30, 64, 64), np.int16), np.diag([-0.8, -0.8, 2.5, 1.0]))
        >>> volume.spacing
        (2.5, 0.8, 0.8)
    """

    voxels: NDArray[np.int16]
    affine: NDArray[np.float64]
    warnings: tuple[str, ...] = field(default=())
    images: tuple[Path, ...] = field(default=())
    frames: tuple[int, ...] = field(default=())

    @cached_property
    def axial(self) -> AxialView:
        """This volume as axial slices, decided by its affine alone."""
        return axial_view(self.affine)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between voxels along k, j and i."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(k), float(j), float(i)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    @property
    def is_sheared(self) -> bool:
        """True where the axes are not at right angles, as after gantry tilt."""
        directions = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return not np.allclose(directions.T @ directions, np.eye(3), atol=1e-3)


def axial_view(affine: NDArray[np.float64]) -> AxialView:
    """Choose slice, row and column axes so that each runs as nearly as possible as a radiologist expects.

    The choice depends on the lines along which the axes run, never on their order or sense in the file: any flip or
    permutation of an array, with its affine, gives the same view of the patient, also where two choices are equal.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    directions = np.round((affine[:3, :3] / spacing[::-1]).T[::-1], _DIGITS)

    def rank(axes: tuple[int, ...]) -> tuple[float, ...]:
        chosen = directions[list(axes)]
        fit = np.abs((chosen * _TOWARDS).sum(axis=1)).sum()
        lines = np.concatenate([_sense(d, t) * d for d, t in zip(chosen, _TOWARDS, strict=True)])
        return (round(float(fit), _DIGITS - 1), *(float(x) + 0.0 for x in lines))

    axes = max(permutations(range(3)), key=rank)
    senses = [_sense(directions[axis], towards) for axis, towards in zip(axes, _TOWARDS, strict=True)]
    first, second, third = axes
    return AxialView(
        (first, second, third),
        (senses[0] < 0, senses[1] < 0, senses[2] < 0),
        (float(spacing[first]), float(spacing[second]), float(spacing[third])),
    )


def _turned(side: slice, length: int, flip: bool) -> slice:
    return slice(length - side.stop, length - side.start) if flip else side


def _three(sides: Iterable[slice]) -> Box:
    first, second, third = sides
    return first, second, third


def _sense(direction: NDArray[np.float64], towards: NDArray[np.float64]) -> int:
    along = float(direction @ towards)
    if along:
        return 1 if along > 0 else -1
    return 1 if tuple(direction) > tuple(-direction) else -1


def stack_offsets(count: int, spacing_mm: float, slice_mm: float) -> list[int]:
    """Where slices of a stack lie that should be so far apart, from below to above, counted in slices of a CT.

    Args:
        count: of the slices, odd.
        spacing_mm: that they should have.
        slice_mm: that the CT's slices have; each is the nearest to its distance, 0 where all others are further.
    """
    return [round(n * spacing_mm / slice_mm) for n in range(-(count // 2), count // 2 + 1)]
