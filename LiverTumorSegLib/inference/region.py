"""Segment a part of a CT as it would be segmented in the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..core.progress import CancelToken, Progress
from ..core.volume import Volume
from ..models.model_folder import Model
from .segment import Segmentation, SegmentationOptions, segment

_MARGIN_MM = 20.0
REGION_WARNING = (
    "Only a region was segmented: volumes, burden and distances to the surface are those of the liver inside it."
)


def segment_region(
    volume: Volume,
    model: Model,
    inside: NDArray[np.bool_],
    device: str = "auto",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    *,
    options: SegmentationOptions | None = None,
) -> Segmentation:
    """Segment whole axial slices around a region, then drop what lies outside it.

    A network needs the surroundings that it was trained with: cut out around a lesion, it finds nothing. How small a
    liver may be is not asked of a part of one. Probabilities and
    candidates without scores are not kept.

    Args:
        volume: CT in HU, in any orientation.
        model: from :func:`LiverTumorSegLib.models.model_folder.load`.
        inside: ``[k, j, i]`` on the volume's grid; at least one voxel is True.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        progress: told the fraction done and what is being done.
        cancel: checked before every batch.
        options: coarse pass, batch and postprocessing.

    Raises:
        UserError, Cancelled: as :func:`LiverTumorSegLib.inference.segment.segment`.
    """
    part, chosen = _slices_around(volume, inside), options or SegmentationOptions()
    cleaning = chosen.postprocessing or model.description.postprocessing
    cleaning = cleaning.model_copy(update={"smallest_liver_ml": 0.0})
    kept = replace(chosen, postprocessing=cleaning, probabilities=False, candidates=False)
    found = segment(_cut(volume, part), model, device, progress, cancel, options=kept)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[part] = np.where(inside[part], found.labels, 0)
    choice = found.choice and found.choice.moved(part, labels.shape).inside(inside)
    return replace(
        found,
        labels=labels,
        notes=(*found.notes, REGION_WARNING),
        choice=choice,
        volume=volume,
        region=True,
        confidence=None,
    )


def _slices_around(volume: Volume, inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    axis = volume.axial.axes[0]
    held = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
    margin = int(np.ceil(_MARGIN_MM / volume.axial.spacing[0]))
    part = [slice(None)] * 3
    part[axis] = slice(max(0, int(held[0]) - margin), int(held[-1]) + 1 + margin)
    return tuple(part)


def _cut(volume: Volume, part: tuple[slice, ...]) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [axis.start or 0 for axis in reversed(part)]
    return replace(volume, voxels=volume.voxels[part], affine=affine)
