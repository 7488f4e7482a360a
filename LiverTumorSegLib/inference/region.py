"""Segment a part of a CT as it would be segmented in the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..core.labels import bounding_box
from ..core.progress import CancelToken, Progress
from ..core.volume import Box, Volume
from ..models.model_folder import Model
from ..models.nnunet.settings import NnUNet
from .nnunet.geometry import find_frame
from .nnunet.preprocessing import plan_spacing
from .segment import OtherStructures, Segmentation, SegmentationOptions, segment

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

    A network needs the surroundings that it was trained with: cut out around a lesion, it finds nothing. One that comes
    from nnU-Net is shown half a patch around the region on all sides, and at least 20 mm. How small a liver may be is
    not asked of a part of one. Probabilities and candidates without scores are not kept.

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
    settings, chosen = model.description.nnunet, options or SegmentationOptions()
    part = _patch_around(volume, inside, settings) if settings else _slices_around(volume, inside)
    cleaning = chosen.postprocessing or model.description.postprocessing
    cleaning = cleaning.model_copy(update={"smallest_liver_ml": 0.0})
    kept = replace(chosen, postprocessing=cleaning, probabilities=False, candidates=False)
    found = segment(_cut(volume, part), model, device, progress, cancel, options=kept)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    labels[part] = np.where(inside[part], found.labels, 0)
    others = tuple(_put_back(each, part, inside) for each in found.others)
    choice = found.choice and found.choice.moved(part, labels.shape).inside(inside)
    return replace(
        found,
        labels=labels,
        notes=(*found.notes, REGION_WARNING),
        choice=choice,
        volume=volume,
        region=True,
        confidence=None,
        others=others,
    )


def _put_back(found: OtherStructures, part: Box, inside: NDArray[np.bool_]) -> OtherStructures:
    labels = np.zeros(inside.shape, np.uint8)
    labels[part] = np.where(inside[part], found.labels, 0)
    return replace(found, labels=labels)


def _slices_around(volume: Volume, inside: NDArray[np.bool_]) -> Box:
    margins = [None if axis != volume.axial.axes[0] else _MARGIN_MM for axis in range(3)]
    return _around(volume, inside, margins)


def _patch_around(volume: Volume, inside: NDArray[np.bool_], settings: NnUNet) -> Box:
    frame, margins = find_frame(volume, settings), [_MARGIN_MM] * 3
    plan, patch = plan_spacing(settings, frame.zoomed_mm), (1, *settings.patch)[-3:]
    for axis, mm, size in zip(frame.view.axes, plan, patch, strict=True):
        margins[axis] = max(_MARGIN_MM, mm * size / 2)
    return _around(volume, inside, margins)


def _around(volume: Volume, inside: NDArray[np.bool_], margins: Sequence[float | None]) -> Box:
    """A region with so many millimetres beside it along k, j and i; None for all that there is."""
    first, second, third = (
        slice(0, n)
        if margin is None
        else slice(max(0, held.start - ceil(margin / mm)), min(n, held.stop + ceil(margin / mm)))
        for n, margin, held, mm in zip(inside.shape, margins, bounding_box(inside), volume.spacing, strict=True)
    )
    return first, second, third


def _cut(volume: Volume, part: Box) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [axis.start for axis in reversed(part)]
    return replace(volume, voxels=volume.voxels[part], affine=affine)
