"""U-Net with same-padded convolutions and batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .slice_network import SliceNetwork
from .unet_body import UNetBody


class UNet(SliceNetwork):
    """U-Net (Ronneberger, Fischer and Brox 2015, section 2) with same padding, so that logits keep the input's size.

    Four halvings, skip connections by concatenation; any height and width from 32 pixels on.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five encoder levels, then of the last decoder level.
        norm: a MONAI normalisation name.
        dropout: share of values dropped in training.
    """

    stride = 16
    smallest = 32  # as AttentionUNet
    source = "Ronneberger et al. 2015, U-Net, section 2; same padding, batch normalisation"

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        features: Sequence[int] = (32, 32, 64, 128, 256, 32),
        norm: str = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, classes)
        activation = ("relu", {"inplace": True})
        self.body = UNetBody(2, in_channels, classes, tuple(features), act=activation, norm=norm, dropout=dropout)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        return self.body(slices)
