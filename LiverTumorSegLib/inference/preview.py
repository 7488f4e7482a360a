"""A volume after a model's preprocessing, as its network is shown it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.device import cpu_placement
from ..core.progress import CancelToken, Progress, job
from ..core.volume import Volume
from ..models.description import Description
from .slice_cache import SliceCache


@torch.inference_mode()
def preprocess_volume(
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
    placement = replace(cpu_placement(), dtype=torch.float32)
    alone = description.model_copy(update={"stack": description.stack.model_copy(update={"slices": 1})})
    store = SliceCache(view, spacing, alone, placement)
    shown = np.empty((len(view), *store.size), np.float32)
    for number in range(len(view)):
        task.at(number / len(view), "Preprocessing")
        shown[number] = store.channels([number], placement)[0, 0].numpy()
    return shown, _affine(volume, store)


def _affine(volume: Volume, store: SliceCache) -> NDArray[np.float64]:
    """Affine of the preprocessed pixels, whose outer edges stay where they were."""
    affine = volume.axial.affine(volume.affine, volume.voxels.shape)
    rows, columns = store.axes
    for column, axis in ((0, columns), (1, rows)):
        affine[:3, 3] += affine[:3, column] * (axis.origin + (axis.step - 1) / 2)
        affine[:3, column] *= axis.step
    return affine
