"""Bilinear upsampling on CUDA, in one operation with deterministic algorithms too.

PyTorch's own backward pass adds gradients in an order of its own there. Where deterministic algorithms are on, it takes
interpolation apart into some sixty operations instead, also where no gradient is asked for. The forward pass alone is
deterministic as it is, and for a fixed factor the backward pass is a convolution with fixed weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional as F


def double_bilinear(features: torch.Tensor) -> torch.Tensor:
    """Twice as many rows and columns of ``[batch, channel, row, column]``, with gradients."""
    if is_taken_apart(features):
        doubled: torch.Tensor = _Doubled.apply(features)
        return doubled
    return F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


def resize_bilinear(values: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """So many rows and columns of ``[batch, channel, row, column]``, without gradients."""
    if is_taken_apart(values):
        return torch.ops.aten.upsample_bilinear2d(values, list(size), False)  # type: ignore[no-any-return]
    return F.interpolate(values, size=tuple(size), mode="bilinear")


def extend_last(features: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Repeat the last row and the last column of ``[batch, channel, row, column]`` so many times."""
    if not (rows or columns):
        return features
    if not is_taken_apart(features):  # padding is taken apart as interpolation is
        return F.pad(features, (0, columns, 0, rows), mode="replicate")
    wider = torch.cat([features, *[features[..., -1:]] * columns], dim=-1)
    return torch.cat([wider, *[wider[..., -1:, :]] * rows], dim=-2)


def is_taken_apart(values: torch.Tensor) -> bool:
    """Whether PyTorch would not interpolate in one operation."""
    return values.is_cuda and torch.are_deterministic_algorithms_enabled()


class _Doubled(torch.autograd.Function):
    """Bilinear, as PyTorch interpolates, to the last bit.

    A pixel has shares of 3/4 and 1/4 along each axis in the two finer pixels on either side of its centre; a pixel at
    the border has those too that would fall to one beyond it, as if the gradient's outermost pixels were repeated.
    """

    @staticmethod
    def forward(_context: Any, features: torch.Tensor) -> torch.Tensor:
        size = [2 * count for count in features.shape[2:]]
        return torch.ops.aten.upsample_bilinear2d(features, size, False, 2.0, 2.0)  # type: ignore[no-any-return]

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        channels = gradient.shape[1]
        around = torch.ops.aten.replication_pad2d(gradient, [1, 1, 1, 1])
        return F.conv2d(around, _shares(channels, gradient.dtype, gradient.device), stride=2, groups=channels)


@lru_cache(maxsize=32)
def _shares(channels: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """The same weights for every channel, ``[channel, 1, 4, 4]``; brought to a device once."""
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return torch.outer(line, line).to(device, dtype).repeat(channels, 1, 1, 1)
