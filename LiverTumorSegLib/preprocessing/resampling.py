"""Volumes at a standard spacing, for networks that see volumes: the same in training as in inference."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import functional as F

Triple = tuple[float, float, float]


def standard_shape(shape: tuple[int, int, int], spacing: Triple, wanted: Triple) -> tuple[int, int, int]:
    """Slices, rows and columns nearest to a spacing.

    Args:
        shape: slices, rows and columns that there are.
        spacing: millimetres between them.
        wanted: millimetres that there should be.
    """
    depth, rows, columns = (max(1, round(n * mm / to)) for n, mm, to in zip(shape, spacing, wanted, strict=True))
    return depth, rows, columns


def resample_to_shape(batches: Iterable[torch.Tensor], shape: tuple[int, int, int]) -> torch.Tensor:
    """Resample a volume: linear, averaging where it shrinks; slice by slice first, to save memory.

    Args:
        batches: its preprocessed slices in order, ``[slice, channel, row, column]``, a few at a time.
        shape: slices, rows and columns to resample to.

    Returns:
        Float32 ``[1, channel, *shape]``.
    """
    depth, *plane = shape
    slices = [F.interpolate(some.float(), size=plane, mode="bilinear", antialias=True) for some in batches]
    columns = torch.cat(slices).transpose(0, 1).flatten(2)[None]
    resampled = F.interpolate(columns, size=(depth, columns.shape[-1]), mode="bilinear", antialias=True)
    return resampled.unflatten(-1, plane)
