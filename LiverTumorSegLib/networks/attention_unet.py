"""U-Net with attention gates, with and without deep supervision."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from .base import SliceNetwork
from .blocks import AttentionGate, DecoderLevel, Encoder, check_features


class AttentionUNet(SliceNetwork):
    """U-Net whose skip connections, but for the finest, pass attention gates (Oktay et al. 2018, section 2).

    The gating signal is the decoder's next coarser level, before it is upsampled; the first gate gets the encoder's
    coarsest one. Upsampling is linear, as in the authors' code. The paper is about volumes and leaves the channels
    open: here are slices, and by default the channels of ``unet``, so that both can be compared.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five levels, finest first.
        dropout: share of values dropped in training.
    """

    stride = 16
    smallest = 32  # the coarsest level then has more than one pixel, which batch normalisation needs for a batch of one
    source = "Oktay et al. 2018, Attention U-Net, section 2; in 2D"

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        features: Sequence[int] = (32, 32, 64, 128, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, classes)
        features = check_features(features)
        self.encoder = Encoder(in_channels, features, dropout)
        self.gates = nn.ModuleList(AttentionGate(skip, coarse) for skip, coarse in pairwise(features[1:]))
        self.decoder = nn.ModuleList(DecoderLevel(coarse, skip, skip, dropout) for skip, coarse in pairwise(features))
        self.head = nn.Conv2d(features[0], classes, 1)

    def logits(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        return self.head(self.decoded(slices)[0])

    def decoded(self, slices: torch.Tensor) -> list[torch.Tensor]:
        """Features of the decoder's four levels, finest first."""
        finest, *skips, coarse = self.encoder(slices)
        levels: list[torch.Tensor] = []
        for skip, gate, level in reversed(list(zip(skips, self.gates, self.decoder[1:], strict=True))):
            gated, _ = gate(skip, coarse)
            coarse = level(coarse, gated)
            levels.insert(0, coarse)
        return [self.decoder[0](coarse, finest), *levels]


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
        self.coarser_heads = nn.ModuleList(nn.Conv2d(count, classes, 1) for count in check_features(features)[1:-1])

    def logits(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        finest, *coarser = self.decoded(slices)
        if not self.training:
            return self.head(finest)
        return [self.head(finest), *(head(level) for head, level in zip(self.coarser_heads, coarser, strict=True))]
