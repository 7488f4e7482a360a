"""A small U-Net with 3D convolutions for patches around clicks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetUpBlock
from torch import nn
from torch.nn import functional as F

from .base import SliceNetwork
from .blocks import check_features

_LEVELS = 4


class ClickUNet(SliceNetwork):
    """U-Net with 3D convolutions as nnU-Net builds it (Isensee et al. 2021, nnU-Net, Methods), of MONAI's blocks.

    The first level looks within slices alone, which costs a third there, since it sees fine pixels and few slices;
    three halvings follow. Each sample is normalised by itself.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the levels.
    """

    stride = 8
    smallest = 16
    axes = 3
    source = "Isensee et al. 2021, nnU-Net, Methods; first level within slices, three halvings"

    def __init__(self, in_channels: int, classes: int, *, features: Sequence[int] = (16, 32, 64, 128)) -> None:
        super().__init__(in_channels, classes)
        features = check_features(features, _LEVELS)
        leaky, norm = ("leakyrelu", {"inplace": True, "negative_slope": 0.01}), ("instance", {"affine": True})
        kernels = [(1, 3, 3), *[(3, 3, 3)] * (_LEVELS - 1)]
        pairs = pairwise([in_channels, *features])
        self.down = nn.ModuleList(
            UnetBasicBlock(3, before, own, kernel, 1 if level == 0 else 2, norm, leaky)
            for level, ((before, own), kernel) in enumerate(zip(pairs, kernels, strict=True))
        )
        self.up = nn.ModuleList(
            UnetUpBlock(3, coarser, own, kernel, 1, 2, norm, leaky)
            for (own, coarser), kernel in zip(pairwise(features), kernels[:-1], strict=True)
        )
        self.head = nn.Conv3d(features[0], classes, 1)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        missing = [-size % self.stride for size in reversed(slices.shape[2:])]
        padded = F.pad(slices, [n for count in missing for n in (0, count)], "replicate") if any(missing) else slices
        features, skips = padded, []
        for level in self.down:
            features = level(features)
            skips.append(features)
        for level, skip in zip(reversed(self.up), reversed(skips[:-1]), strict=True):
            features = level(features, skip)
        deep, rows, columns = slices.shape[2:]
        logits: torch.Tensor = self.head(features)[:, :, :deep, :rows, :columns]
        return logits
