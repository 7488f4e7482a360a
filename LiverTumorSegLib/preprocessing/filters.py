"""Steps that look at a pixel's neighbours: median and Gaussian; beyond the border, slices are mirrored."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from .borders import with_border
from .median import median
from .slices import Slices, by_slice
from .step import Step

_REACH = 4
"""Standard deviations to which a Gaussian is followed, as SciPy does."""

_STRIP = 2**16
"""Pixels of which a CPU's cache holds the thirty tensors that a median of 5 x 5 goes through at once."""


class Median(Step):
    """Median of ``size`` x ``size`` pixels: the same as SciPy's ``median_filter`` with ``mode="mirror"``."""

    step: Literal["median"] = "median"
    size: Literal[3, 5] = 3

    def _apply(self, slices: Slices) -> Slices:
        return slices.with_pixels(by_slice(self._filter, slices.pixels))

    def _filter(self, planes: torch.Tensor, out: torch.Tensor) -> None:
        padded = with_border(planes, self.size // 2)
        rows = max(1, _STRIP // planes.shape[2]) if planes.is_cpu else planes.shape[1]
        for start in range(0, planes.shape[1], rows):
            out[:, start : start + rows] = median(padded[:, start : start + rows + self.size - 1], self.size)


class Gaussian(Step):
    """Smooth with a Gaussian.

    Args:
        sigma: standard deviation in pixels.
    """

    step: Literal["gaussian"] = "gaussian"
    sigma: float = Field(gt=0, le=100)

    def _apply(self, slices: Slices) -> Slices:
        return slices.with_pixels(smoothed(slices.pixels, self.sigma))


def smoothed(pixels: torch.Tensor, sigma: float) -> torch.Tensor:
    """Smooth with a Gaussian: SciPy's ``gaussian_filter`` with ``mode="mirror"``, to float32's rounding.

    It serves for probabilities, too: to compare their system with that of Korabelnikov et al., Elmenabawy et al.
    (section III.E) smooth what the latter finds with a variance of 0.25, a ``sigma`` of 0.5.

    Args:
        pixels: float ``[..., row, column]``.
        sigma: standard deviation in pixels.
    """
    return by_slice(partial(_smooth, weights=_half_kernel(sigma)), pixels)


def _half_kernel(sigma: float) -> list[float]:
    """Weights of the pixel itself and of those at 1, 2, … pixels to either side."""
    radius = int(_REACH * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    half: list[float] = (weights / (2 * weights.sum() - weights[0])).tolist()
    return half


def _smooth(planes: torch.Tensor, out: torch.Tensor, weights: list[float]) -> None:
    """Weighted sums of shifted slices, by rows, then by columns: several times faster than a convolution on a CPU."""
    radius = len(weights) - 1
    wide = with_border(planes, radius)
    for axis in (-2, -1):
        count = wide.shape[axis] - 2 * radius
        total = wide.narrow(axis, radius, count) * weights[0]
        for distance, weight in enumerate(weights[1:], start=1):
            before, after = (wide.narrow(axis, radius + sign * distance, count) for sign in (-1, 1))
            total.add_(before + after, alpha=weight)
        wide = total
    out.copy_(wide)
