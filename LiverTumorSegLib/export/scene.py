"""The real slice on which an export is checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from .. import phantom
from ..device import place
from ..errors import UserError
from ..model import Model
from ..preprocessing_picture import most_soft_tissue
from ..slice_store import SliceStore
from ..volume import Volume
from .graph import Sizes

_FLOAT32 = place("cpu", "float32")


@dataclass(frozen=True)
class Scene:
    """A slice of a CT on its way into a network.

    Args:
        volume: the slice with the neighbours that its stack holds, as axial slices.
        number: of the slice in that volume.
        channels: ``[1, channel, *size]``, as our own inference prepares them.
    """

    volume: Volume
    number: int
    channels: torch.Tensor


def scene(model: Model, volume: Volume | None = None, number: int | None = None) -> Scene:
    """Prepare a slice for a model.

    Args:
        model: whose preprocessing applies.
        volume: a CT; None for the phantom that ships.
        number: of the slice, counted from 1 at the feet; None for the one with most soft tissue.

    Raises:
        UserError: there is no such slice.
    """
    volume = volume or phantom.create((24, 256, 256), (6.0, 1.5, 1.5)).volume
    view, spacing = volume.axial.of(volume.voxels), volume.axial.spacing
    at = most_soft_tissue(view) if number is None else number - 1
    if not 0 <= at < len(view):
        msg = f"The CT has slices 1 to {len(view)}, counted from the feet, but no {number}: choose one of them."
        raise UserError(msg)
    store = SliceStore(view, spacing, model.description, _FLOAT32)
    stack = model.description.stack
    reach = stack.slices // 2 * stack.stride(spacing[0])
    first = max(0, at - reach)
    return Scene(_cut(volume, first, at + reach + 1), at - first, _channels(model, store, at))


def _cut(volume: Volume, first: int, stop: int) -> Volume:
    """Axial slices from ``first`` to before ``stop``."""
    affine = volume.axial.affine(volume.affine, volume.voxels.shape)
    affine[:3, 3] += affine[:3, 2] * first
    return Volume(np.ascontiguousarray(volume.axial.of(volume.voxels)[first:stop]), affine)


def _channels(model: Model, store: SliceStore, at: int) -> torch.Tensor:
    sizes = Sizes.of(model)
    if sizes.patch is None:
        return sizes.padded(model.network, store.channels([at], _FLOAT32))
    depth = min(sizes.patch[0], store.count)
    first = min(max(0, at - depth // 2), store.count - depth)
    around = store.channels(range(first, first + depth), _FLOAT32).transpose(0, 1)[None]
    return F.interpolate(around, size=sizes.patch, mode="trilinear")
