"""What a network is shown: a volume after the model's preprocessing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from .device import cpu
from .model import Description
from .progress import CancelToken, Progress, job
from .slice_store import SliceStore
from .volume import Volume


@torch.inference_mode()
def preprocessed(
    volume: Volume, description: Description, progress: Progress | None = None, cancel: CancelToken | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Preprocess every axial slice.

    Args:
        volume: CT in HU.
        description: of the model; of a stack of slices, the middle one is shown.
        progress: told the fraction done.
        cancel: checked at every slice.

    Returns:
        float32 ``[slice, row, column]`` and its affine to RAS.
    """
    task, view, spacing = job(progress, cancel), volume.axial.of(volume.voxels), volume.axial.spacing
    placement = replace(cpu(), dtype=torch.float32)
    alone = description.model_copy(update={"stack": description.stack.model_copy(update={"slices": 1})})
    store = SliceStore(view, spacing, alone, placement)
    shown = np.empty((len(view), *store.size), np.float32)
    for number in range(len(view)):
        task.at(number / len(view), "Preprocessing")
        shown[number] = store.channels([number], placement)[0, 0].numpy()
    return shown, _affine(volume, store.size)


def _affine(volume: Volume, size: tuple[int, int]) -> NDArray[np.float64]:
    """The outer edges of the first and last pixels stay where they are."""
    affine = volume.axial.affine(volume.affine, volume.voxels.shape)
    before = volume.axial.of(volume.voxels).shape[1:]
    for column, old, new in ((0, before[1], size[1]), (1, before[0], size[0])):
        ratio = old / new
        affine[:3, 3] += affine[:3, column] * (ratio - 1) / 2
        affine[:3, column] *= ratio
    return affine
