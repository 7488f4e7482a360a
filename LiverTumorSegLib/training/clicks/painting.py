"""Lesions painted into the liver of a patch, in three dimensions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from ...inference.clicks.patches import Millimetres

_CONTRAST, _BRIGHT, _RIM = (0.05, 0.35), 0.12, 0.2
"""Range of what they are darker by, of the preprocessing window; share that is brighter; share with a rim."""

_GRID = 5


def paint_lesion(
    image: NDArray[np.float32],
    liver: NDArray[np.bool_],
    centre: Millimetres,
    radius_mm: float,
    step_mm: Millimetres,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Paint a bent ellipsoid with a smooth texture and a soft edge.

    Hu et al. 2023, Label-Free Liver Tumor Segmentation, section 3, paint such into healthy liver.

    Args:
        image: ``[slice, row, column]`` in the unit of the preprocessing, 1 for its window.
        liver: where anything may be painted.
        centre: slice, row and column.
        radius_mm: of the ball that is bent.
        step_mm: between voxels.
        random: source of random numbers.

    Returns:
        The new image, and the lesion's mask.
    """
    inside = _inside(image.shape, centre, radius_mm, step_mm, random)
    sign = 1 if random.random() < _BRIGHT else -1
    contrast, edge = sign * random.uniform(*_CONTRAST), random.uniform(0.5, 2.5)
    texture = 1 + smooth_noise(image.shape, random) * random.uniform(0, 0.5)
    shade = contrast * texture * expit(3 * inside / edge)
    if random.random() < _RIM:
        shade += random.uniform(-0.05, 0.12) * np.exp(-((inside / (2 * edge)) ** 2))
    painted = (image + shade * liver).clip(0, 1).astype(np.float32)
    return painted, (inside > 0) & liver


def _inside(
    shape: tuple[int, ...],
    centre: Millimetres,
    radius_mm: float,
    step_mm: Millimetres,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Millimetres from each voxel to the outline, positive inside."""
    stretch = np.exp(random.uniform(-0.3, 0.3, 3))
    axes = [
        (np.arange(n) - at) * step / by
        for n, at, step, by in zip(shape, centre, step_mm, stretch / np.cbrt(stretch.prod()), strict=True)
    ]
    distance = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
    bent: NDArray[np.float32] = radius_mm * (1 + 0.25 * smooth_noise(shape, random)) - distance
    return bent.astype(np.float32)


def smooth_noise(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise with a standard deviation of about 1."""
    coarse = random.normal(0, 1.5, (_GRID,) * 3).astype(np.float32)
    factors = [n / _GRID for n in shape]
    smooth: NDArray[np.float32] = ndimage.zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")
    return smooth
