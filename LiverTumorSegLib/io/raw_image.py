"""An image as its file holds it, before its numbers become Hounsfield units, and its place on another grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
TOO_LARGE = "{} takes more memory than there is: crop it, or close other programs."
UNPLACED = "The file does not say how the patient lies; left, right, front and back may be mistaken."


@dataclass(frozen=True)
class RawImage:
    """One number a voxel, and its place.

    Args:
        values: ``[k, j, i]`` of any real type.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.
        slope: what the values are multiplied by to give HU.
        intercept: what is then added.
        warnings: what is suspicious about the file, a sentence each.
        images: files of a DICOM series, one for each index ``k``; none of other files.
        frames: of an enhanced CT the number, from 1, of each one's frame in its file; none of other images.
        omits_empty: whether slices without a label are left out at both ends, so that the grid may be a part of the
            image's, as in DICOM segmentations.
    """

    values: NDArray
    affine: NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0
    warnings: tuple[str, ...] = ()
    images: tuple[Path, ...] = ()
    frames: tuple[int, ...] = ()
    omits_empty: bool = False


GRID_TOLERANCE = 0.1
"""Grids are one where no corner lies further off than this share of the smallest spacing, so that headers may round."""

GridIndex = NDArray[np.int64]
"""``(k, j, i)``, at which a grid begins on a lattice; may be negative."""


_UNEVEN_TOLERANCE = 1 / 3
"""Share of a slice by which slices of two stacks may be apart that are made even, each by its own slices."""


def align_to_grid(stored: RawImage, affine: NDArray[np.float64]) -> tuple[NDArray, GridIndex] | None:
    """See values along the axes of a lattice that they lie on.

    Args:
        stored: of any order and sense of axes; where it omits empty slices, as DICOM does, it need not be as even as
            the CT is from slice to slice, ``k``.
        affine: 4x4 of the lattice, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.

    Returns:
        The values ``[k, j, i]`` along the lattice's axes and where they begin; None where directions or spacings are
        others, or the voxels lie between those of the lattice.
    """
    back = np.linalg.inv(affine) @ stored.affine
    turn = np.rint(back[:3, :3])
    if not np.array_equal(np.abs(turn).sum(axis=0), np.ones(3)) or not np.abs(turn).any(axis=1).all():
        return None
    ends = np.array(list(product(*((0, size - 1) for size in reversed(stored.values.shape)))))
    exact = ends @ back[:3, :3].T + back[:3, 3]
    whole = ends @ turn.T + np.rint(back[:3, 3])
    apart, smallest = exact - whole, np.linalg.norm(affine[:3, :3], axis=0).min()
    if stored.omits_empty and np.abs(apart[:, 2]).max() < _UNEVEN_TOLERANCE:
        apart[:, 2] = 0
    if np.linalg.norm(apart @ affine[:3, :3].T, axis=1).max() > GRID_TOLERANCE * smallest:
        return None
    turned = turn[::-1, ::-1]  # rows: the lattice's k, j, i; columns: the own ones
    values = stored.values.transpose(np.abs(turned).argmax(axis=1))
    values = np.flip(values, tuple(np.flatnonzero(turned.sum(axis=1) < 0).tolist()))
    return values, whole.min(axis=0)[::-1].astype(np.int64)


def fill_grid(values: NDArray, start: GridIndex, shape: tuple[int, ...]) -> NDArray:
    """Values that begin at a voxel of a grid, on all of it: zeros elsewhere, without those that lie outside."""
    made = np.zeros(shape, values.dtype)
    first, end = np.maximum(start, 0), np.clip(start + values.shape, 0, shape)
    into, out_of = (tuple(map(slice, first - by, end - by)) for by in (0, start))
    made[into] = values[out_of]
    return made


def is_within_grid(values: NDArray, start: GridIndex, shape: tuple[int, ...]) -> bool:
    """Whether values that begin at a voxel of a grid lie in it with none outside."""
    return bool((start >= 0).all() and (start + values.shape <= shape).all())


def shift_affine(affine: NDArray[np.float64], start: GridIndex) -> NDArray[np.float64]:
    """The affine of a grid that begins at another voxel."""
    found = affine.copy()
    found[:3, 3] += affine[:3, :3] @ start[::-1]
    return found
