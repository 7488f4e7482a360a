"""Where voxels lie: axial order, whether two grids are one, and the way from one to another.

What is seen axially is a ``Stored`` as any other, its values ``[slice, row, column]`` and its affine from
``(column, row, slice, 1)`` to the patient.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...files.lattice import SHARE
from ...files.stored import Stored
from ...volume import AxialView, axial_view

_SAME_SPACING, _SAME_DEGREES = 1e-3, 0.05


def axial(stored: Stored) -> Stored:
    """What is stored, seen as axial slices by its own affine."""
    return _seen(stored, axial_view(stored.affine))


def along(stored: Stored, affine: NDArray[np.float64]) -> Stored:
    """What is stored, its axes ordered and flipped to run as nearly as possible as those of another affine.

    On grids that are one this is the axial view, also where rounding in a header would turn that to another axis of
    an oblique grid.
    """
    along_own, along_other = _directions(stored.affine), _directions(affine)
    fit = (along_own.T @ along_other)[::-1, ::-1]  # rows: own k, j, i; columns: the other's
    axes = max(permutations(range(3)), key=lambda axes: float(np.abs(fit[axes, range(3)]).sum()))
    first, second, third = axes
    flips = fit[axes, range(3)] < 0
    z, y, x = np.linalg.norm(stored.affine[:3, :3], axis=0)[::-1][list(axes)].tolist()
    return _seen(stored, AxialView((first, second, third), (bool(flips[0]), bool(flips[1]), bool(flips[2])), (z, y, x)))


def differences(stored: Stored, shape: tuple[int, ...], affine: NDArray[np.float64]) -> str:
    """How a grid differs from another, with figures, both along the same axes; nothing where they are one.

    Args:
        stored: of the first grid.
        shape: ``[slice, row, column]`` of the other.
        affine: of the other.
    """
    tolerance = SHARE * float(np.linalg.norm(affine[:3, :3], axis=0).min())
    off = float(np.linalg.norm(_corners(shape, stored.affine) - _corners(shape, affine), axis=1).max())
    if stored.values.shape == shape and off <= tolerance:
        return ""
    own_mm, other_mm = (np.linalg.norm(each[:3, :3], axis=0) for each in (stored.affine, affine))
    cosines = (_directions(stored.affine) * _directions(affine)).sum(axis=0)
    degrees = float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())
    start = float(np.linalg.norm(stored.affine[:3, 3] - affine[:3, 3]))
    faults = {
        f"size {_sizes(stored.values.shape)} and not {_sizes(shape)}": stored.values.shape != shape,
        f"spacing {_figures(own_mm)} and not {_figures(other_mm)} mm": not np.allclose(own_mm, other_mm, _SAME_SPACING),
        f"axes turned by {degrees:.1f}°": degrees > _SAME_DEGREES,
        f"origin {start:.1f} mm away": start > tolerance,
    }
    return ", ".join(words for words, applies in faults.items() if applies) or f"corners up to {off:.2f} mm away"


def covers(stored: Stored, shape: tuple[int, ...], affine: NDArray[np.float64]) -> bool:
    """Whether a grid's box reaches as far as another's in every direction, but for a voxel of the other.

    Args:
        stored: of the first grid.
        shape: ``[slice, row, column]`` of the other.
        affine: of the other.
    """
    faces = np.array(list(product(*((-0.5, size - 0.5) for size in reversed(stored.values.shape)))))
    back = np.linalg.inv(affine) @ stored.affine
    reached = faces @ back[:3, :3].T + back[:3, 3]
    return bool((reached.min(axis=0) <= 0.5).all() and (reached.max(axis=0) >= np.array(shape[::-1]) - 1.5).all())


def resampled(stored: Stored, shape: tuple[int, ...], affine: NDArray[np.float64], outside: float = 0) -> NDArray:
    """Values on another grid by nearest neighbour, whatever the two affines are.

    Args:
        stored: of the first grid, in any order of axes.
        shape: ``[slice, row, column]`` of the other.
        affine: of the other.
        outside: value of voxels whose centre lies in no voxel of the first grid.
    """
    back = np.linalg.inv(stored.affine) @ affine
    return ndimage.affine_transform(
        stored.values,
        back[2::-1, 2::-1],
        back[2::-1, 3],
        shape,
        order=0,
        mode="grid-constant",  # “constant” would cut off the outer halves of the outermost voxels
        cval=outside,
    )


def _seen(stored: Stored, view: AxialView) -> Stored:
    values = view.of(stored.values)
    return replace(stored, values=values, affine=view.affine(stored.affine, stored.values.shape))


def _directions(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """A column for each axis, of length 1."""
    return affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)


def _corners(shape: tuple[int, ...], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres of the eight outermost voxels, in mm."""
    ends = np.array(list(product(*((0, size - 1) for size in reversed(shape)))))
    return ends @ affine[:3, :3].T + affine[:3, 3]


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, reversed(shape)))


def _figures(numbers: NDArray[np.float64]) -> str:
    return " × ".join(f"{number:.4g}" for number in numbers)
