"""Whether an exported network says what the original says."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ..errors import UserError
from ..label_writer import Head

OTHER_LABELS = 1e-4
"""Largest share of pixels whose label may differ: ties that rounding decides."""

OTHER_LOGITS = 1e-3
"""Largest difference of logits, in parts of the largest one: a thousand times float32's rounding in deep networks."""


@dataclass(frozen=True)
class Agreement:
    """How far two networks agree on a slice.

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


def compare(head: Head, original: torch.Tensor, exported: torch.Tensor) -> Agreement:
    """Compare logits ``[batch, classes, *size]`` of one input."""
    difference = float((original - exported).abs().max())
    same = float((_labels(head, original) == _labels(head, exported)).double().mean())
    return Agreement(difference, float(original.abs().max()), same)


def refuse_unlike(agreement: Agreement) -> None:
    """Raise :class:`UserError` where the tolerances are not kept."""
    if not agreement.holds:
        allowed = f"{OTHER_LOGITS:g} of the largest logit and {1 - OTHER_LABELS:.2%} are asked for"
        msg = f"The exported network is not the original: {agreement.in_words}, where {allowed}. Nothing was written."
        raise UserError(msg)


def _labels(head: Head, logits: torch.Tensor) -> torch.Tensor:
    over = head.over_background(logits)
    return F.pad(over.movedim(1, -1), (1, 0)).argmax(-1)
