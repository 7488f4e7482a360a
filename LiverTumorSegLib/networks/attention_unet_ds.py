"""U-Net with attention gates and deep supervision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .attention_unet import AttentionUNet
from .blocks import checked


class AttentionUNetDS(AttentionUNet):
    """:class:`AttentionUNet` with logits of every decoder level in training (Oktay et al. 2018, section 2).

    The paper names deep supervision without its form, the authors' code joins all levels in a last convolution. Here
    each level has logits of its own resolution: a loss can bring the labels down to them, for a fraction of the memory
    of logits brought up, and the finest level needs no other. Evaluation computes the finest alone, so that weights
    trained so give what :class:`AttentionUNet` gives.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five levels, finest first.
        dropout: share of values dropped in training.
    """

    source = "Oktay et al. 2018, Attention U-Net, section 2; in 2D, deep supervision of each decoder level"

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        features: Sequence[int] = (32, 32, 64, 128, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, classes, features=features, dropout=dropout)
        self.coarser_heads = nn.ModuleList(nn.Conv2d(count, classes, 1) for count in checked(features)[1:-1])

    def logits(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        finest, *coarser = self.decoded(slices)
        if not self.training:
            return self.head(finest)
        return [self.head(finest), *(head(level) for head, level in zip(self.coarser_heads, coarser, strict=True))]
