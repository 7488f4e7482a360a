"""Slices on their way to a network, and working through them a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

_PIXELS_AT_ONCE = 512 * 512


@dataclass(frozen=True)
class Slices:
    """Axial slices on their way to a network.

    Where a prepared edge ``p`` (0 before the first pixel) lies in the original slice: ``origin + p * scale``.

    Args:
        pixels: float tensor ``[batch, channel, row, column]``, float32 for the accuracy that steps state; HU before
            the first step.
        spacing: millimetres between rows and between columns.
        origin: rows and columns of the original slice that lie before the first pixel's edge.
        scale: rows and columns of the original slice that one of these covers.
    """

    pixels: torch.Tensor
    spacing: tuple[float, float]
    origin: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[-2], self.pixels.shape[-1]

    def with_pixels(self, pixels: torch.Tensor) -> Slices:
        """Other pixels in the same places."""
        return replace(self, pixels=pixels)


def map_slices(work: Callable[[torch.Tensor, torch.Tensor], object], pixels: torch.Tensor) -> torch.Tensor:
    """Apply ``work`` to the slices, on a CPU a few at a time: its caches then hold all that lies between.

    With whole batches most of the time goes into waiting for memory, and for the system to hand it out.

    Args:
        work: is given slices ``[slice, row, column]`` and a contiguous tensor of the same shape, which it fills; what a
            slice becomes must not depend on others.
        pixels: ``[..., row, column]``.
    """
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    made = torch.empty(planes.shape, dtype=planes.dtype, device=planes.device)
    # A graph that is recorded would have as many parts as its example, whatever it is given later.
    if torch.jit.is_tracing() or torch.compiler.is_compiling():  # type: ignore[attr-defined]
        work(planes, made)
        return made.view(pixels.shape)
    few = max(1, _PIXELS_AT_ONCE // planes[0].numel()) if planes.is_cpu else len(planes)
    for part, out in zip(planes.split(few), made.split(few), strict=True):
        work(part, out)
    return made.view(pixels.shape)
