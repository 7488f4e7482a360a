"""A small U-Net with 3D convolutions for patches around clicks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from .base import SliceNetwork
from .blocks import check_features
from .convolution import named

_LEVELS = 4


class ClickUNet(SliceNetwork):
    """U-Net with 3D convolutions as nnU-Net builds it (Isensee et al. 2021, nnU-Net, Methods).

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
        kernels = [(1, 3, 3), *[(3, 3, 3)] * (_LEVELS - 1)]
        pairs = pairwise([in_channels, *features])
        self.down = nn.ModuleList(
            _Level(before, own, kernel, 1 if level == 0 else 2)
            for level, ((before, own), kernel) in enumerate(zip(pairs, kernels, strict=True))
        )
        self.up = nn.ModuleList(
            _UpLevel(coarser, own, kernel) for (own, coarser), kernel in zip(pairwise(features), kernels, strict=False)
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


class _Level(nn.Module):
    """Two convolutions, the first of which has the stride, with instance normalisation and leaky rectification."""

    def __init__(self, in_channels: int, channels: int, kernel: tuple[int, int, int], stride: int = 1) -> None:
        super().__init__()
        depth, height, width = kernel
        padding = depth // 2, height // 2, width // 2
        self.conv1 = named(conv=nn.Conv3d(in_channels, channels, kernel, stride, padding, bias=False))
        self.conv2 = named(conv=nn.Conv3d(channels, channels, kernel, 1, padding, bias=False))
        self.norm1 = nn.InstanceNorm3d(channels, affine=True)
        self.norm2 = nn.InstanceNorm3d(channels, affine=True)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        for convolution, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2)):
            features = convolution(features)  # one after the other, so that what went in is freed
            features = F.leaky_relu(norm(features), 0.01, inplace=True)
        return features


class _UpLevel(nn.Module):
    """Coarser features, doubled by a transposed convolution and joined to a skip connection's."""

    def __init__(self, coarser: int, channels: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        self.transp_conv = named(conv=nn.ConvTranspose3d(coarser, channels, 2, 2, bias=False))
        self.conv_block = _Level(2 * channels, channels, kernel)

    def forward(self, coarser: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.conv_block(torch.cat([self.transp_conv(coarser), skip], dim=1))
        return joined
