"""Which voxels a brush covers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOLERANCE_MM = 1e-6

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Stroke:
    """Where a brush went.

    Args:
        centres: ``[point, (i, j, k)]`` in voxels, not rounded.
        diameter_mm: of the brush.
        normal: of the slice that a flat brush is drawn in, in world RAS, of any length; None for a sphere.
    """

    centres: NDArray[np.float64]
    diameter_mm: float
    normal: tuple[float, float, float] | None = None

    @property
    def across(self) -> NDArray[np.float64] | None:
        """The normal with length 1."""
        return None if self.normal is None else np.array(self.normal) / np.linalg.norm(self.normal)


def covered(
    stroke: Stroke, affine: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[Box, NDArray[np.bool_]] | None:
    """The voxels whose centres a brush covers; the one that is nearest to the brush's centre always is.

    A flat brush covers the voxels that the plane of its slice cuts.

    Args:
        stroke: where the brush went.
        affine: 4x4 from voxel ``(i, j, k, 1)`` to world RAS in mm.
        shape: of the volume, ``[k, j, i]``.

    Returns:
        A part of the volume, one voxel wider than what is covered, and which of its voxels are; None outside.
    """
    axes = affine[:3, 2::-1]
    centres = stroke.centres[:, ::-1]
    half = _half_thickness(stroke, axes)
    reach = np.hypot(stroke.diameter_mm / 2, half) * np.linalg.norm(np.linalg.inv(axes), axis=1) + 1
    spans = [_span(centre, reach, shape) for centre in centres]
    spans = [span for span in spans if (span[0] < span[1]).all()]
    if not spans:
        return None
    low = np.min([first for first, _ in spans], axis=0)
    high = np.max([end for _, end in spans], axis=0)
    mask = np.zeros(high - low, np.bool_)
    for centre in centres:
        first, end = _span(centre, reach, shape)
        near = tuple(slice(a, b) for a, b in zip(first - low, end - low, strict=True))
        if mask[near].size:
            mask[near] |= _inside(_offsets(first, end, centre, axes), stroke, half)
    for at in _nearest(centres, shape):
        mask[tuple(at - low)] = True
    k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (k, j, i), mask


def _span(
    centre: NDArray[np.float64], reach: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First voxel and the one after the last that a brush may cover, on the grid."""
    first = np.clip(np.floor(centre - reach), 0, shape).astype(np.intp)
    end = np.clip(np.ceil(centre + reach) + 1, 0, shape).astype(np.intp)
    return first, end


def _offsets(
    first: NDArray[np.intp], end: NDArray[np.intp], centre: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Millimetres from the brush's centre to each voxel, ``[k, j, i, axis]``."""
    grid = np.stack(np.meshgrid(*map(np.arange, first, end), indexing="ij"), axis=-1)
    offsets: NDArray[np.float64] = (grid - centre) @ axes.T
    return offsets


def _inside(offsets: NDArray[np.float64], stroke: Stroke, half: float) -> NDArray[np.bool_]:
    square = (stroke.diameter_mm / 2) ** 2 + _TOLERANCE_MM
    distances = (offsets**2).sum(axis=-1)
    if stroke.across is None:
        return np.asarray(distances <= square)
    along = offsets @ stroke.across
    # of two slices that are equally near, one is taken
    cut = (along >= _TOLERANCE_MM - half) & (along < half + _TOLERANCE_MM)
    return np.asarray(cut & (distances - along**2 <= square))


def _half_thickness(stroke: Stroke, axes: NDArray[np.float64]) -> float:
    """Half of a voxel's extent across the slice; 0 for a sphere."""
    return 0.0 if stroke.across is None else float(np.abs(stroke.across @ axes).sum() / 2)


def _nearest(centres: NDArray[np.float64], shape: tuple[int, ...]) -> Iterator[NDArray[np.intp]]:
    for at in np.rint(centres).astype(np.intp):
        if (at >= 0).all() and (at < shape).all():
            yield at
