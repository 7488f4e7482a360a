"""U-Net with attention gates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from .attention_gate import AttentionGate
from .blocks import DecoderLevel, Encoder, checked
from .slice_network import SliceNetwork


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
        features = checked(features)
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
