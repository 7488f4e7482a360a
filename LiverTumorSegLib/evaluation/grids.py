"""Grids of voxels: axial order, whether two grids are one, and resampling from one to another.

An image seen axially is a ``RawImage`` as any other, its values ``[slice, row, column]`` and its affine from
``(column, row, slice, 1)`` to the patient. Masks whose files leave out empty slices are put on one grid with what they
are compared with, without resampling.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.volume import AxialView, axial_view
from ..io import raw_image
from ..io.raw_image import GRID_TOLERANCE, RawImage
from .label_pair import LabelPair

_SAME_SPACING, _SAME_DEGREES = 1e-3, 0.05


def to_axial(stored: RawImage) -> RawImage:
    """A stored image, seen as axial slices by its own affine."""
    return _apply_view(stored, axial_view(stored.affine))


def reorient(stored: RawImage, affine: NDArray[np.float64]) -> RawImage:
    """A stored image, its axes ordered and flipped to run as nearly as possible as those of another affine.

    On grids that are one this is the axial view, also where rounding in a header would turn that to another axis of
    an oblique grid.
    """
    along_own, along_other = _directions(stored.affine), _directions(affine)
    fit = (along_own.T @ along_other)[::-1, ::-1]  # rows: own k, j, i; columns: the other's
    axes = max(permutations(range(3)), key=lambda axes: float(np.abs(fit[axes, range(3)]).sum()))
    first, second, third = axes
    flips = fit[axes, range(3)] < 0
    z, y, x = np.linalg.norm(stored.affine[:3, :3], axis=0)[::-1][list(axes)].tolist()
    return _apply_view(
        stored, AxialView((first, second, third), (bool(flips[0]), bool(flips[1]), bool(flips[2])), (z, y, x))
    )


def differences(stored: RawImage, shape: tuple[int, ...], affine: NDArray[np.float64]) -> str:
    """Differences of a grid from another, with figures, both along the same axes; nothing where they are one.

    Args:
        stored: of the first grid.
        shape: ``[slice, row, column]`` of the other.
        affine: of the other.
    """
    tolerance = GRID_TOLERANCE * float(np.linalg.norm(affine[:3, :3], axis=0).min())
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


def covers(stored: RawImage, shape: tuple[int, ...], affine: NDArray[np.float64]) -> bool:
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


def resampled(stored: RawImage, shape: tuple[int, ...], affine: NDArray[np.float64], outside: float = 0) -> NDArray:
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


def _apply_view(stored: RawImage, view: AxialView) -> RawImage:
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


_LARGEST_MM = 3000
"""Of what two masks cover together: no patient is larger."""

SLICES_FROM_FIRST_MARKED = (
    "DICOM segmentations leave out empty slices, and so does the comparison of two: slices are counted from the first "
    "one that is marked, accuracy and specificity may be lower than on the whole CT; other measures are the same."
)

_ORIGIN = np.zeros(3, np.int64)
_Box = tuple[NDArray[np.int64], NDArray[np.int64]]
"""First voxel ``(k, j, i)`` and the one behind the last."""


def fill_empty_slices(prediction: RawImage, reference: RawImage) -> tuple[RawImage, RawImage]:
    """Fill in what files leave out as it is empty, where the voxels of both lie on one lattice.

    Args:
        prediction: labels, along the axes of the reference.
        reference: labels.

    Returns:
        Both on the grid of the one that leaves out nothing, or on what two that do cover together; as they were where
        neither leaves out anything, the lattices differ, or one reaches beyond the other, which is whole.
    """
    found = raw_image.align_to_grid(prediction, reference.affine)
    if found is None or not (prediction.omits_empty or reference.omits_empty):
        return prediction, reference
    values, start = found
    first, end = _common_box(_box(values, start), _box(reference.values), prediction, reference)
    shape, affine = tuple((end - first).tolist()), raw_image.shift_affine(reference.affine, first)
    parts = ((prediction, values, start - first), (reference, reference.values, -first))
    is_too_long = (shape * np.linalg.norm(affine[:3, :3], axis=0)[::-1] > _LARGEST_MM).any()
    if is_too_long or not all(raw_image.is_within_grid(part, at, shape) for _, part, at in parts):
        return prediction, reference
    own, other = (replace(file, values=raw_image.fill_grid(part, at, shape), affine=affine) for file, part, at in parts)
    return own, other


def crop_to_pair(stored: RawImage, pair: LabelPair) -> RawImage:
    """A CT or probabilities on the grid of masks whose files leave out empty slices, if that is a part of theirs.

    Returns:
        As it was where the reference leaves out nothing, or the pair's grid is no part of this one.
    """
    found = raw_image.align_to_grid(stored, pair.affine) if pair.omits_empty else None
    if found is None:
        return stored
    values, start = found
    if not raw_image.is_within_grid(pair.reference, -start, values.shape):
        return stored
    return replace(stored, values=raw_image.fill_grid(values, start, pair.reference.shape), affine=pair.affine)


def _common_box(own: _Box, other: _Box, prediction: RawImage, reference: RawImage) -> _Box:
    if not (prediction.omits_empty and reference.omits_empty):
        return other if prediction.omits_empty else own
    return np.minimum(own[0], other[0]), np.maximum(own[1], other[1])


def _box(values: NDArray, start: raw_image.GridIndex = _ORIGIN) -> _Box:
    return start, start + values.shape
