"""Smooth displacements from a coarse grid of control points (cubic B-splines)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline

_DEGREE = 3
_LOCKED = 2
_INJECTIVE = {2: 2.046392675, 3: 2.479472335}


def draw_control_points(
    largest: float, points: int, batch: int, random: np.random.Generator, axes: int = 2
) -> NDArray[np.float32]:
    """Draw displacements of control points; the outer two along each border stay: the border moves a sixth at most.

    Args:
        largest: displacement along each axis, in pixels.
        points: control points along each axis.
        batch: how many grids.
        random: source of random numbers.
        axes: 2 for slices, 3 for volumes.

    Returns:
        ``[batch, axis, points, points]`` or, for volumes, ``[batch, axis, points, points, points]``; displacements
        along the axes in their order.
    """
    inner = points - 2 * _LOCKED
    drawn = random.uniform(-largest, largest, (batch, axes, *[inner] * axes))
    pads = ((0, 0), (0, 0), *[(_LOCKED, _LOCKED)] * axes)
    return np.pad(drawn, pads).astype(np.float32)


def displacements(control: NDArray[np.float32], size: int, device: torch.device) -> torch.Tensor:
    """Displacement of every pixel of a square, ``[batch, axis, size, size]``, in the unit of the control points."""
    basis, values = _basis(control.shape[-1], size, device), torch.from_numpy(control).to(device)
    return basis @ values @ basis.T


def displacements_in_space(
    control: NDArray[np.float32], size: tuple[int, int, int], device: torch.device
) -> torch.Tensor:
    """The same of every voxel of a box, ``[batch, axis, *size]``."""
    values = torch.from_numpy(control).to(device)
    for count in size:  # each turn takes the first of the control points' axes, and adds the box's as the last
        values = torch.tensordot(values, _basis(control.shape[-1], count, device), dims=([2], [1]))
    return values


def _basis(points: int, size: int, device: torch.device) -> torch.Tensor:
    """Share of every control point in every pixel along an axis, ``[size, points]``."""
    at = (np.arange(size) + 0.5) / size * (points - _DEGREE)
    knots = np.arange(-_DEGREE, points + 1)
    weights = BSpline.design_matrix(at, knots, _DEGREE).toarray().astype(np.float32)
    return torch.from_numpy(weights).to(device)


def largest_without_folding(points: int, size: int, axes: int = 2) -> float:
    """Displacement of control points, in pixels along each axis, up to which no two pixels can change places.

    Choi and Lee 2000, Injectivity conditions of 2D and 3D uniform cubic B-spline functions: less than the distance of
    the control points divided by 2.046; by 2.479 in volumes.
    """
    return size / (points - _DEGREE) / _INJECTIVE[axes]
