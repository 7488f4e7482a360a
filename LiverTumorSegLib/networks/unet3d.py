"""U-Net for volumes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .slice_network import SliceNetwork
from .unet_body import UNetBody


class UNet3D(SliceNetwork):
    """U-Net with 3D convolutions (Çiçek et al. 2016, 3D U-Net, section 2), same-padded, for patches of volumes.

    It has four halvings where the paper has three, as MONAI's ``BasicUNet`` and the ``unet`` for slices have. Patches
    come one or two a batch, too few for the batch normalisation of the paper: each is normalised by itself.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five encoder levels, then of the last decoder level.
        norm: ``instance`` or ``batch``.
        dropout: share of values dropped in training.
    """

    stride = 16
    smallest = 32  # instance normalisation needs more than one voxel at the coarsest level
    axes = 3
    source = "Çiçek et al. 2016, 3D U-Net, section 2; same padding, instance normalisation"

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        features: Sequence[int] = (32, 32, 64, 128, 256, 32),
        norm: str = "instance",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, classes)
        activation = ("relu", {"inplace": True})
        normalisation = (norm, {"affine": True})  # which takes away any bias of a convolution
        self.body = UNetBody(
            3, in_channels, classes, tuple(features), activation, normalisation, bias=False, dropout=dropout
        )

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        return self.body(slices)
