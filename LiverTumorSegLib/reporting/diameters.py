"""Longest and short diameters of a lesion, from edge to edge.

``scipy.spatial`` is loaded with the first lesion, since it loads half of SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FEW_POINTS = 1500
_EQUAL = 1 - 1e-9
"""Lengths whose ratio is above this differ by rounding alone."""


@dataclass(frozen=True)
class AxialLines:
    """The two diameters that a reader draws into one slice.

    Args:
        long: ``[end, (x, y, z)]`` in mm, the longest line between two points of the mask's edge.
        short: the same of the longest line at right angles to it.
    """

    long: NDArray[np.float64]
    short: NDArray[np.float64]


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


def axial_lines(plane: NDArray[np.bool_], axes_mm: NDArray[np.float64]) -> AxialLines:
    """The longest diameter of one slice, and the short axis: the longest one perpendicular to it.

    They are the two lines of bidimensional measurement (WHO: Miller et al., Cancer 1981;47:207-214; short axis:
    Eisenhauer et al., RECIST 1.1, 2009). Both lie within the convex hull of the mask's edge, so that the short axis
    goes across a bay, as a calliper does. Of several longest diameters the first is taken, of several short axes the
    one in their middle.

    Args:
        plane: ``[row, column]``, not empty.
        axes_mm: as of :func:`axial_diameter`; rows and columns need not be at right angles.

    Returns:
        Their ends, in mm from the centre of the plane's first pixel.
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import cdist

    edges = _edges(plane[None], (1, 2))
    corners = edges[np.sort(ConvexHull(edges[:, 1:]).vertices)] @ axes_mm
    lengths = cdist(corners, corners)
    long = corners[np.argwhere(lengths >= _EQUAL * lengths.max())[0]]
    return AxialLines(long, _short_axis(corners, long, np.cross(axes_mm[1], axes_mm[2])))


def _short_axis(
    corners: NDArray[np.float64], long: NDArray[np.float64], normal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The longest chord at right angles to ``long``, which ends at the corners that are furthest apart.

    The width of a convex polygon is linear between two corners, so that it is greatest at one of them.
    """
    along, across = _unit(long[1] - long[0]), _unit(np.cross(normal, long[1] - long[0]))
    reach, side = (corners - long[0]) @ along, (corners - long[0]) @ across
    length = float(np.linalg.norm(long[1] - long[0]))
    one, other = _border(reach, side, length), _border(reach, -side, length)
    widths = np.interp(reach, *one) + np.interp(reach, *other)
    widest = reach[widths >= _EQUAL * widths.max()]
    at = (widest.min() + widest.max()) / 2
    ends = np.array([np.interp(at, *one), -np.interp(at, *other)])
    line: NDArray[np.float64] = long[0] + at * along + ends[:, None] * across
    return line


def _border(
    reach: NDArray[np.float64], side: NDArray[np.float64], length: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners on one side of the longest diameter, with its ends, in order along it: nothing reaches beyond these."""
    reach, side = (np.append(values[side > 0], ends) for values, ends in ((reach, (0, length)), (side, (0, 0))))
    order = np.argsort(reach, kind="stable")
    return reach[order], side[order]


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def diameter(mask: NDArray[np.bool_], axes_mm: NDArray[np.float64]) -> float:
    """Longest diameter in three dimensions, in mm; mask and axes as of :func:`axial_diameter`."""
    return _longest(_edges(mask, (0, 1, 2)) @ axes_mm)


def _edges(mask: NDArray[np.bool_], axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Points where the mask begins and ends on lines of voxels of these axes, ``[point, (slice, row, column)]``.

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
    from scipy.spatial import ConvexHull, QhullError
    from scipy.spatial.distance import pdist

    if not len(placed):
        return 0.0
    if len(placed) > _FEW_POINTS:
        try:
            placed = placed[ConvexHull(placed).vertices]
        except QhullError:  # all in one plane
            placed = placed[ConvexHull(placed, qhull_options="QJ").vertices]
    return float(pdist(placed).max())
