"""Slices of one patient and their labels after a preprocessing chain, stored in as few bytes as they need."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..preprocessing import Chain, Slices
from .dump import labels_on, to_bytes

_CPU = torch.device("cpu")


def prepare(
    hounsfield: NDArray[np.int16] | NDArray[np.float32],
    labels: torch.Tensor,
    spacing: tuple[float, float, float],
    chain: Chain,
    *,
    every: int = 1,
    device: torch.device = _CPU,
    at_once: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Preprocess the slices of a patient, and put the labels on their pixels.

    Args:
        hounsfield: ``[slice, row, column]``; a chain that needs the volume is fitted to all of it.
        labels: uint8 ``[slice, row, column]``.
        spacing: millimetres between slices, rows and columns.
        chain: what the slices go through.
        every: every how many slices one is kept, beginning with the first.
        device: what prepares them.
        at_once: how many slices go through the chain together.

    Returns:
        Pixels ``[slice, channel, row, column]``, uint8 or float16 as :class:`.slices.Patient` has them, and uint8
        labels ``[slice, row, column]``, both C-contiguous.

    Raises:
        UserError: the slices do not suit a step.
    """
    fitted = chain.fitted(np.rint(hounsfield).astype(np.int16), spacing, device) if chain.needs_volume else chain
    kept = hounsfield[::every]

    @lru_cache(maxsize=1)
    def prepared(first: int) -> Slices:
        some = np.ascontiguousarray(kept[first : first + at_once, None], np.float32)
        return fitted(Slices(torch.from_numpy(some).to(device), spacing[1:]))

    def pixels_of(number: int) -> torch.Tensor:
        return prepared(number - number % at_once).pixels[number % at_once].cpu()

    pixels = compact(pixels_of, range(len(kept)), in_8_bits=chain.fits_8_bits)
    return pixels, labels_on(labels[::every], prepared(0)).contiguous()


def compact(prepared: Callable[[int], torch.Tensor], numbers: range, *, in_8_bits: bool) -> torch.Tensor:
    """All slices in 8 bits where that is wanted and their values lie in [0, 1], else as float16."""
    kept = []
    for number in numbers:
        grey = to_bytes(prepared(number)) if in_8_bits else None
        if grey is None:
            return torch.stack([prepared(n).half() for n in numbers])
        kept.append(grey)
    return torch.stack(kept)
