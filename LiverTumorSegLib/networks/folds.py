"""Networks of one architecture, trained on other parts of the same data, as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .base import SliceNetwork


class MeanOfFolds(SliceNetwork):
    """The mean of the logits that the networks of a cross-validation give (Isensee et al. 2021, Methods, "Ensembling").

    Args:
        folds: the networks, in evaluation mode when they are asked.

    Raises:
        ValueError: there are none, or they are not alike.
    """

    source = "Isensee et al. 2021, nnU-Net, Methods"

    def __init__(self, folds: Sequence[SliceNetwork]) -> None:
        if len({(type(fold), fold.in_channels, fold.classes) for fold in folds}) != 1:
            msg = "folds are networks of one architecture with the same channels and classes, one at least"
            raise ValueError(msg)
        first = folds[0]
        super().__init__(first.in_channels, first.classes)
        self.axes, self.stride, self.smallest = first.axes, first.stride, first.smallest  # type: ignore[misc]
        self.folds = nn.ModuleList(folds)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        """The mean of the folds' logits ``[batch, classes, *size]``."""
        total = self.folds[0](slices)
        for fold in self.folds[1:]:
            total = total + fold(slices)
        return total / len(self.folds)
