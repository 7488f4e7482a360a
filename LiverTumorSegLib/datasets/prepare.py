"""One patient's slices or whole volume, and the labels, after a preprocessing chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.labels import LIVER_LABEL
from ..preprocessing import Chain, Slices
from ..preprocessing.resampling import resample_to_shape, standard_shape
from .dump import nearest_labels, to_bytes

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
    known = _with_liver(chain, hounsfield, labels)
    fitted = known.fitted(np.rint(hounsfield).astype(np.int16), spacing, device) if chain.needs_volume else known
    kept = hounsfield[::every]

    @lru_cache(maxsize=1)
    def prepared(first: int) -> Slices:
        some = np.ascontiguousarray(kept[first : first + at_once, None], np.float32)
        return fitted(Slices(torch.from_numpy(some).to(device), spacing[1:]))

    def pixels_of(number: int) -> torch.Tensor:
        return prepared(number - number % at_once).pixels[number % at_once].cpu()

    pixels = compact(pixels_of, range(len(kept)), in_8_bits=chain.fits_8_bits)
    return pixels, nearest_labels(labels[::every], prepared(0)).contiguous()


def _with_liver(chain: Chain, hounsfield: NDArray[np.int16] | NDArray[np.float32], labels: torch.Tensor) -> Chain:
    """The chain with the median of the labelled liver, where it needs that and there is one."""
    if not chain.needs_liver:
        return chain
    liver = hounsfield[labels.numpy() == LIVER_LABEL]
    return chain.with_liver(float(np.median(liver)) if len(liver) else None)


def compact(prepared: Callable[[int], torch.Tensor], numbers: range, *, in_8_bits: bool) -> torch.Tensor:
    """All slices in 8 bits where that is wanted and their values lie in [0, 1], else as float16."""
    kept = []
    for number in numbers:
        grey = to_bytes(prepared(number)) if in_8_bits else None
        if grey is None:
            return torch.stack([prepared(n).half() for n in numbers])
        kept.append(grey)
    return torch.stack(kept)


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
    fitted = _with_liver(chain, hounsfield, labels).fitted(hounsfield, spacing, device)

    def prepared(start: int, count: int = _SLICES) -> Slices:
        some = np.ascontiguousarray(hounsfield[start : start + count, None], np.float32)
        return fitted(Slices(torch.from_numpy(some).to(device), spacing[1:]))

    def batches() -> Iterator[torch.Tensor]:
        return (prepared(start).pixels for start in range(0, len(hounsfield), _SLICES))

    first = prepared(0, 1)
    shape = standard_shape((len(hounsfield), *first.size), (spacing[0], *first.spacing), spacing_mm)
    volume = resample_to_shape(batches(), shape)[0].transpose(0, 1).cpu()
    pixels = compact(lambda number: volume[number], range(shape[0]), in_8_bits=chain.fits_8_bits)
    return pixels.contiguous(), _labels(labels, first, shape)


def _labels(labels: torch.Tensor, prepared: Slices, shape: tuple[int, int, int]) -> torch.Tensor:
    """The nearest slices' labels, on the resampled rows and columns of prepared slices."""
    depth, *plane = shape
    rows, columns = (s * before / now for s, before, now in zip(prepared.scale, prepared.size, plane, strict=True))
    resampled = replace(prepared, pixels=prepared.pixels.new_empty((1, 1, *plane)), scale=(rows, columns))
    along = Slices(labels.new_empty((1, 1, depth, 1)), (1.0, 1.0), scale=(len(labels) / depth, 1.0))
    nearest = nearest_labels(torch.arange(len(labels))[:, None], along)[:, 0]
    return nearest_labels(labels[nearest], resampled).contiguous()


def crop_or_pad(voxels: torch.Tensor, frame: tuple[int, int, int]) -> torch.Tensor:
    """As many slices, rows and columns about the middle, with zeros where there are none, as TorchIO's ``CropOrPad``.

    Args:
        voxels: ``[slice, ..., row, column]``.
        frame: slices, rows and columns.

    Returns:
        A tensor of its own, C-contiguous.
    """
    for axis, wanted in zip((0, -2, -1), frame, strict=True):
        spare = voxels.shape[axis] - wanted
        if spare > 0:
            voxels = voxels.narrow(axis, spare // 2, wanted)
        elif spare:
            shape = list(voxels.shape)
            shape[axis] = wanted
            padded = voxels.new_zeros(shape)
            padded.narrow(axis, -spare // 2, voxels.shape[axis]).copy_(voxels)
            voxels = padded
    return voxels.clone(memory_format=torch.contiguous_format)
