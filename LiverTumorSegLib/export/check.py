"""Check of an exported network against the original, on a real slice of a CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from ..core.device import choose_device
from ..core.errors import UserError
from ..core.volume import Volume
from ..datasets import phantom
from ..inference.slice_cache import SliceCache
from ..models.description import Head
from ..models.model_folder import Model
from ..reporting.preprocessing_figure import find_most_soft_tissue
from .graph import InputSizes

OTHER_LABELS = 1e-4
"""Largest share of pixels whose label may differ: ties that rounding decides."""

OTHER_LOGITS = 1e-3
"""Largest difference of logits, in parts of the largest one: a thousand times float32's rounding in deep networks."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of two networks on a slice.

    Args:
        largest_difference: of their logits.
        largest_logit: of the original, without its sign.
        same_labels: share of pixels.
    """

    largest_difference: float
    largest_logit: float
    same_labels: float

    @property
    def holds(self) -> bool:
        """Whether both tolerances are kept; never where a logit is not finite."""
        alike = self.largest_difference <= OTHER_LOGITS * self.largest_logit
        return alike and 1 - self.same_labels <= OTHER_LABELS

    @property
    def in_words(self) -> str:
        """Both figures."""
        share = f"{self.same_labels:.4%} of pixels have the same label"
        return f"logits differ by {self.largest_difference:.2g} at most, of up to {self.largest_logit:.3g}, and {share}"


def compare_logits(head: Head, original: torch.Tensor, exported: torch.Tensor) -> Agreement:
    """Compare logits ``[batch, classes, *size]`` of one input."""
    difference = float((original - exported).abs().max())
    same = float((_labels(head, original) == _labels(head, exported)).double().mean())
    return Agreement(difference, float(original.abs().max()), same)


def refuse_disagreement(agreement: Agreement) -> None:
    """Raise :class:`UserError` where the tolerances are not kept."""
    if not agreement.holds:
        allowed = f"{OTHER_LOGITS:g} of the largest logit and {1 - OTHER_LABELS:.2%} are asked for"
        msg = f"The exported network is not the original: {agreement.in_words}, where {allowed}. Nothing was written."
        raise UserError(msg)


def _labels(head: Head, logits: torch.Tensor) -> torch.Tensor:
    over = head.over_background(logits)
    return F.pad(over.movedim(1, -1), (1, 0)).argmax(-1)


_FLOAT32 = choose_device("cpu", "float32")


@dataclass(frozen=True)
class SampleSlice:
    """A slice of a CT on its way into a network.

    Args:
        volume: the slice with the neighbours that its stack holds, as axial slices.
        number: of the slice in that volume.
        channels: ``[1, channel, *size]``, as our own inference prepares them.
    """

    volume: Volume
    number: int
    channels: torch.Tensor


def prepare_sample_slice(model: Model, volume: Volume | None = None, number: int | None = None) -> SampleSlice:
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
    at = find_most_soft_tissue(view) if number is None else number - 1
    if not 0 <= at < len(view):
        msg = f"The CT has slices 1 to {len(view)}, counted from the feet, but no {number}: choose one of them."
        raise UserError(msg)
    store = SliceCache(view, spacing, model.description, _FLOAT32)
    stack = model.description.stack
    reach = stack.offsets(spacing[0])[-1]
    first = max(0, at - reach)
    return SampleSlice(_cut(volume, first, at + reach + 1), at - first, _channels(model, store, at))


def _cut(volume: Volume, first: int, stop: int) -> Volume:
    """Axial slices from ``first`` to before ``stop``."""
    affine = volume.axial.affine(volume.affine, volume.voxels.shape)
    affine[:3, 3] += affine[:3, 2] * first
    return Volume(np.ascontiguousarray(volume.axial.of(volume.voxels)[first:stop]), affine)


def _channels(model: Model, store: SliceCache, at: int) -> torch.Tensor:
    sizes = InputSizes.of(model)
    if sizes.patch is None:
        return sizes.padded(model.network, store.channels([at], _FLOAT32))
    depth = min(sizes.patch[0], store.count)
    first = min(max(0, at - depth // 2), store.count - depth)
    around = store.channels(range(first, first + depth), _FLOAT32).transpose(0, 1)[None]
    return F.interpolate(around, size=sizes.patch, mode="trilinear")
