"""A volume after a model's preprocessing, as its network is shown it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.device import cpu_placement
from ..core.progress import CancelToken, Job, Progress, job
from ..core.volume import Volume, axial_view
from ..models.description import Description
from ..models.nnunet.settings import NnUNet
from .nnunet.geometry import find_frame
from .nnunet.preprocessing import prepare
from .slice_cache import SliceCache


@torch.inference_mode()
def preprocess_volume(
    volume: Volume, description: Description, progress: Progress | None = None, cancel: CancelToken | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Preprocess every axial slice; for a model that comes from nnU-Net all of the CT, to the grid of its plans.

    Args:
        volume: CT in HU.
        description: of the model; of a stack of slices, the middle one is shown.
        progress: told the fraction done.
        cancel: checked at every slice.

    Returns:
        float32 ``[slice, row, column]`` and its affine to RAS.
    """
    task, view, spacing = job(progress, cancel), volume.axial.of(volume.voxels), volume.axial.spacing
    if description.nnunet:
        return _as_nnunet(volume, description.nnunet, task)
    placement = replace(cpu_placement(), dtype=torch.float32)
    alone = description.model_copy(update={"stack": description.stack.model_copy(update={"slices": 1})})
    store = SliceCache(view, spacing, alone, placement)
    shown = np.empty((len(view), *store.size), np.float32)
    for number in range(len(view)):
        task.at(number / len(view), "Preprocessing")
        shown[number] = store.channels([number], placement)[0, 0].numpy()
    return shown, _affine(volume, store)


def _as_nnunet(volume: Volume, settings: NnUNet, task: Job) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    task.at(0, "Preprocessing")
    frame, host = find_frame(volume, settings), torch.device("cpu")
    voxels = frame.voxels(volume, torch.float32, host)
    image, layout = prepare(voxels, frame.zoomed_mm, settings, torch.float32, host)
    affine = layout.affine(frame.affine(volume), image.shape)
    axial = axial_view(affine)
    return np.ascontiguousarray(axial.of(image.numpy())), axial.affine(affine, tuple(image.shape))


def _affine(volume: Volume, store: SliceCache) -> NDArray[np.float64]:
    """Affine of the preprocessed pixels, whose outer edges stay where they were."""
    affine = volume.axial.affine(volume.affine, volume.voxels.shape)
    rows, columns = store.axes
    for column, axis in ((0, columns), (1, rows)):
        affine[:3, 3] += affine[:3, column] * (axis.origin + (axis.step - 1) / 2)
        affine[:3, column] *= axis.step
    return affine
