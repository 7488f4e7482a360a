"""A patient's whole volume after a preprocessing chain, resampled to a standard spacing, as inference shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..preprocessing import Chain, Slices
from ..resampling import standard_shape, standardised
from .dump import labels_on
from .prepared import compact

_CPU = torch.device("cpu")
_SLICES = 8


def prepare_volume(
    hounsfield: NDArray[np.int16],
    labels: torch.Tensor,
    spacing: tuple[float, float, float],
    chain: Chain,
    spacing_mm: tuple[float, float, float],
    *,
    device: torch.device = _CPU,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Preprocess and resample a volume, and put the nearest labels on its new voxels.

    Args:
        hounsfield: ``[slice, row, column]``.
        labels: uint8 of the same shape.
        spacing: millimetres between slices, rows and columns.
        chain: what the slices go through, before they are resampled.
        spacing_mm: what they are resampled to.
        device: what prepares them.

    Returns:
        As :func:`.prepared.prepare` does, with the slices of the resampled volume.

    Raises:
        UserError: the slices do not suit a step.
    """
    fitted = chain.fitted(hounsfield, spacing, device)

    def prepared(start: int, count: int = _SLICES) -> Slices:
        some = np.ascontiguousarray(hounsfield[start : start + count, None], np.float32)
        return fitted(Slices(torch.from_numpy(some).to(device), spacing[1:]))

    def batches() -> Iterator[torch.Tensor]:
        return (prepared(start).pixels for start in range(0, len(hounsfield), _SLICES))

    first = prepared(0, 1)
    shape = standard_shape((len(hounsfield), *first.size), (spacing[0], *first.spacing), spacing_mm)
    volume = standardised(batches(), shape)[0].transpose(0, 1).cpu()
    pixels = compact(lambda number: volume[number], range(shape[0]), in_8_bits=chain.fits_8_bits)
    return pixels.contiguous(), _labels(labels, first, shape)


def _labels(labels: torch.Tensor, prepared: Slices, shape: tuple[int, int, int]) -> torch.Tensor:
    """The nearest slices' labels, on the resampled rows and columns of prepared slices."""
    depth, *plane = shape
    rows, columns = (s * before / now for s, before, now in zip(prepared.scale, prepared.size, plane, strict=True))
    resampled = replace(prepared, pixels=prepared.pixels.new_empty((1, 1, *plane)), scale=(rows, columns))
    along = Slices(labels.new_empty((1, 1, depth, 1)), (1.0, 1.0), scale=(len(labels) / depth, 1.0))
    nearest = labels_on(torch.arange(len(labels))[:, None], along)[:, 0]
    return labels_on(labels[nearest], resampled).contiguous()
