"""Longest diameters of a lesion, from edge to edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

_FEW_POINTS = 1500


def axial_diameter(mask: NDArray[np.bool_], axes_mm: NDArray[np.float64]) -> tuple[float, int]:
    """Longest diameter in any one axial slice, as RECIST 1.1 (Eisenhauer et al. 2009, section 3.2) measures it.

    Args:
        mask: ``[slice, row, column]``.
        axes_mm: 3x3: millimetres in the patient, a row for each step to the next slice, row and column.

    Returns:
        Millimetres, and the index of the first slice that has this diameter.
    """
    diameters = [_longest(_edges(plane[None], (1, 2)) @ axes_mm) for plane in mask]
    at = int(np.argmax(diameters))
    return diameters[at], at


def diameter(mask: NDArray[np.bool_], axes_mm: NDArray[np.float64]) -> float:
    """Longest diameter in three dimensions, in mm; mask and axes as of :func:`axial_diameter`."""
    return _longest(_edges(mask, (0, 1, 2)) @ axes_mm)


def _edges(mask: NDArray[np.bool_], axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Where the mask begins and ends along every line of voxels of these axes, ``[point, (slice, row, column)]``.

    These are the half-way points between a voxel inside and the next outside; no other point of the mask's edge
    can end a longest diameter.
    """
    points = []
    for axis in axes:
        lines = mask.any(axis=axis)
        first = np.argmax(mask, axis=axis)[lines] - 0.5
        last = mask.shape[axis] - np.argmax(np.flip(mask, axis), axis=axis)[lines] - 0.5
        ends = np.empty((2, len(first), 3))
        ends[:, :, axis] = first, last
        ends[:, :, [other for other in range(3) if other != axis]] = np.argwhere(lines)
        points += [*ends]
    return np.concatenate(points)


def _longest(placed: NDArray[np.float64]) -> float:
    if not len(placed):
        return 0.0
    if len(placed) > _FEW_POINTS:
        try:
            placed = placed[ConvexHull(placed).vertices]
        except QhullError:  # all in one plane
            placed = placed[ConvexHull(placed, qhull_options="QJ").vertices]
    return float(pdist(placed).max())
