"""ResNet encoders with torchvision's names, and segmentation networks whose decoder mirrors them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from .base import he_normal
from .blocks import check_positive
from .convolution import Convolution
from .imagenet import ImageNetNetwork

_KERNELS = {"basic": (3, 3), "bottleneck": (1, 3, 1)}
"""Of the convolutions of a block."""

_EXPANSIONS = {"basic": 1, "bottleneck": 4}
"""Channels of a block's result to those inside it."""


class ResidualBlock(nn.Module):
    """Convolutions whose sum with their input is rectified (He et al. 2016, figures 2 and 5).

    Args:
        block: ``basic`` or ``bottleneck``.
        in_channels: channels of the input.
        channels: channels inside.
        stride: of the first 3x3 convolution.
    """

    def __init__(self, block: str, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        kernels, wide = _KERNELS[block], channels * _EXPANSIONS[block]
        self.numbers = range(1, len(kernels) + 1)
        before, strided = in_channels, kernels.index(3) + 1
        for number, kernel in zip(self.numbers, kernels, strict=True):
            after, step = (wide if number == len(kernels) else channels), (stride if number == strided else 1)
            self.add_module(f"conv{number}", nn.Conv2d(before, after, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
            before = after
        self.downsample: nn.Sequential | None = None
        if stride > 1 or in_channels != wide:
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        features = slices
        for number in self.numbers:
            features = F.relu(features, inplace=True) if number > 1 else features
            features = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(features))
        features += slices if self.downsample is None else self.downsample(slices)
        return F.relu(features, inplace=True)


class ResNetEncoder(nn.Module):
    """ResNet as torchvision builds it, without the classifier (He et al. 2016, table 1).

    In bottlenecks the 3x3 convolution has the stride, as in torchvision ("version 1.5"). Each halving rounds up, and
    feature i lies upon feature 2 i of the level before. Weights are Gaussian (He et al. 2015, section 2.2, fan out).

    Args:
        block: ``basic`` or ``bottleneck``.
        depths: blocks in each of the four stages.
        in_channels: channels of the input.
        width: channels of the first convolution; stages have 1, 2, 4 and 8 times as many, bottlenecks 4 times those.
    """

    def __init__(self, block: str, depths: Sequence[int], in_channels: int, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = width
        for level, depth in enumerate(depths):
            channels, wide = width << level, (width << level) * _EXPANSIONS[block]
            first = ResidualBlock(block, before, channels, min(level, 1) + 1)
            others = (ResidualBlock(block, wide, channels) for _ in range(depth - 1))
            self.add_module(f"layer{level + 1}", nn.Sequential(first, *others))
            before = wide
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, slices: torch.Tensor) -> list[torch.Tensor]:
        """Features at 1/2 (before pooling), 1/4, 1/8, 1/16 and 1/32 of the input's size."""
        features = [F.relu(self.bn1(self.conv1(slices)), inplace=True)]
        finer = self.maxpool(features[0])
        for level in range(1, 5):
            finer = self.get_submodule(f"layer{level}")(finer)
            features.append(finer)
        return features


class ResNetSegmenter(ImageNetNetwork):
    """A ResNet (He et al. 2016, table 1) and the decoder that mirrors it: as many convolutions, in the opposite order.

    That is how Elmenabawy et al. describe theirs; Kulkarni et al. say upsampling and convolutions, which this is too.
    Neither says more, so these choices are ours:

    - Each stage of the decoder has the blocks of its encoder stage, of which the last doubles the size by a transposed
      convolution. That block has no shortcut: the mirror of a strided 1x1 convolution fills one pixel of four.
    - Max pooling has no weights to mirror: the stage that mirrors ``layer1`` doubles the size as the others do.
    - The mirror of the first 7x7 convolution gives the logits.
    - Transposed convolutions have odd kernels: each halving keeps the pixels 0, 2, 4, ..., and only odd kernels put
      features back upon them, whatever the size.
    - There are no skip connections, since neither paper has any; ``skips`` adds the encoder's features to the
      decoder's, as LinkNet does (Chaurasia and Culurciello 2017).

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        width: channels of the first stage; torchvision's have 64.
        skips: whether the decoder gets the encoder's features of each level.
        imagenet_input: whether the input is normalised first, see :class:`.imagenet.ImageNetInput`.
    """

    stride = 32
    smallest = 33  # one pixel of the coarsest features would be too few to normalise a batch of one
    imagenet_prefixes = (("encoder.", ""),)
    imagenet_first = "conv1.weight"
    block: ClassVar[str]
    depths: ClassVar[tuple[int, int, int, int]]

    def __init__(
        self, in_channels: int, classes: int, *, width: int = 64, skips: bool = False, imagenet_input: bool = False
    ) -> None:
        super().__init__(in_channels, classes, imagenet_input=imagenet_input)
        self.skips = skips
        self.encoder = ResNetEncoder(self.block, self.depths, self.encoder_channels, check_positive("width", width))
        self.decoder = _decoder(self.block, self.depths, width)
        self.score = nn.ConvTranspose2d(width, classes, 7, stride=2, padding=3)
        he_normal(self.decoder)
        he_normal(self.score)

    def logits_of_seen(self, seen: torch.Tensor) -> torch.Tensor:
        *levels, features = self.encoder(seen)
        for stage, level in zip(self.decoder, reversed(levels), strict=True):
            features = stage(features, level.shape[2:])
            if self.skips:
                features = features + level
        return self.score(features, output_size=seen.shape[2:])


class ResNet18(ResNetSegmenter):
    """17 convolutions and their mirror image; see :class:`ResNetSegmenter`."""

    source = "He et al. 2016, ResNet-18, table 1; mirrored by deconvolution: Elmenabawy et al., section II.B"
    imagenet, block, depths = "resnet18", "basic", (2, 2, 2, 2)


class ResNet34(ResNetSegmenter):
    """33 convolutions and their mirror image; see :class:`ResNetSegmenter`."""

    source = "He et al. 2016, ResNet-34, table 1; mirrored by deconvolution"
    imagenet, block, depths = "resnet34", "basic", (3, 4, 6, 3)


class ResNet50(ResNetSegmenter):
    """49 convolutions and their mirror image; see :class:`ResNetSegmenter`."""

    source = "He et al. 2016, ResNet-50, table 1; upsampling and convolutions: Kulkarni et al., section 4.1"
    imagenet, block, depths = "resnet50", "bottleneck", (3, 4, 6, 3)


class ResNet101(ResNetSegmenter):
    """100 convolutions and their mirror image; see :class:`ResNetSegmenter`."""

    source = "He et al. 2016, ResNet-101, table 1; mirrored by deconvolution"
    imagenet, block, depths = "resnet101", "bottleneck", (3, 4, 23, 3)


class UpStage(nn.Module):
    """Mirror of an encoder stage: residual blocks, then one that doubles the size and narrows the channels.

    Args:
        block: the encoder's kind of block.
        depth: blocks, with the one that doubles.
        planes: channels inside the blocks.
        out_channels: channels of the result.
    """

    def __init__(self, block: str, depth: int, planes: int, out_channels: int) -> None:
        super().__init__()
        kernel, channels = _KERNELS[block][0], planes * _EXPANSIONS[block]
        inner = out_channels if block == "basic" else planes
        self.blocks = nn.Sequential(*(ResidualBlock(block, channels, planes) for _ in range(depth - 1)))
        self.before = Convolution(2, channels, planes, kernel=kernel)
        self.deconvolution = nn.ConvTranspose2d(planes, inner, 3, stride=2, padding=1, bias=False)
        self.after = nn.Sequential(nn.BatchNorm2d(inner), nn.ReLU(inplace=True))
        if block == "bottleneck":
            self.after.append(Convolution(2, planes, out_channels, kernel=kernel))

    def forward(self, features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """Map ``[batch, channel, *(size / 2, rounded up)]`` to ``[batch, out_channels, *size]``."""
        features = self.before(self.blocks(features))
        return self.after(self.deconvolution(features, output_size=list(size)))


def _decoder(block: str, depths: Sequence[int], width: int) -> nn.ModuleList:
    """Stages from the coarsest to the finest."""
    planes = [width << level for level in range(4)]
    narrower = [width, *(count * _EXPANSIONS[block] for count in planes[:-1])]
    stages = [UpStage(block, *stage) for stage in zip(depths, planes, narrower, strict=True)]
    return nn.ModuleList(reversed(stages))
