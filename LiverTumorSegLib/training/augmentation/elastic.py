"""Smooth displacements from a coarse grid of control points (cubic B-splines)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline

_DEGREE = 3
_LOCKED = 2
_INJECTIVE = 2.046392675


def draw_control_points(largest: float, points: int, batch: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Draw displacements of control points; the outer two along each border stay: the border moves a sixth at most.

    Args:
        largest: displacement along each axis, in pixels.
        points: control points along each axis.
        batch: how many grids.
        random: source of random numbers.

    Returns:
        ``[batch, axis, points, points]``, row displacements first.
    """
    inner = points - 2 * _LOCKED
    drawn = random.uniform(-largest, largest, (batch, 2, inner, inner))
    pads = ((0, 0), (0, 0), (_LOCKED, _LOCKED), (_LOCKED, _LOCKED))
    return np.pad(drawn, pads).astype(np.float32)


def displacements(control: NDArray[np.float32], size: int, device: torch.device) -> torch.Tensor:
    """Displacement of every pixel of a square, ``[batch, axis, size, size]``, in the unit of the control points."""
    points = control.shape[-1]
    at = (np.arange(size) + 0.5) / size * (points - _DEGREE)
    knots = np.arange(-_DEGREE, points + 1)
    weights = BSpline.design_matrix(at, knots, _DEGREE).toarray().astype(np.float32)
    basis, values = (torch.from_numpy(array).to(device) for array in (weights, control))
    return basis @ values @ basis.T


def largest_without_folding(points: int, size: int) -> float:
    """Displacement of control points, in pixels along each axis, up to which no two pixels can change places.

    Choi and Lee 2000, Injectivity conditions of 2D and 3D uniform cubic B-spline functions: less than the distance of
    the control points divided by 2.046.
    """
    return size / (points - _DEGREE) / _INJECTIVE
