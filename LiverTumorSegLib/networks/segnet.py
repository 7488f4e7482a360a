"""SegNet: a decoder that puts features back where the encoder's maxima were."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from .base import he_normal
from .blocks import check_features
from .convolution import Convolution
from .imagenet import ImageNetNetwork

_DEPTHS = (2, 2, 3, 3, 3)


class SegNet(ImageNetNetwork):
    """SegNet (Badrinarayanan, Kendall and Cipolla 2017, section 3) with the 13 + 13 convolutions of VGG16's topology.

    The decoder gets no features of the encoder but the places of its maxima; the last convolution of each of its stages
    narrows the channels. Batch normalisation and ReLU follow all convolutions but the last. All weights start as He et
    al. propose (section 3.2). Where a stage has an odd number of rows or columns, pooling leaves out the last, as
    VGG16's does, and it is zero when the decoder unpools to the stage's own size.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five encoder stages; the default fits torchvision's ``vgg16_bn``.
        imagenet_input: whether the input is normalised first, see :class:`.imagenet.ImageNetInput`.
    """

    stride = 32
    smallest = 32
    source = "Badrinarayanan et al. 2017, SegNet, section 3; VGG16 encoder with batch normalisation"
    imagenet = "vgg16_bn"
    imagenet_prefixes = (("encoder.", "features."),)

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        features: Sequence[int] = (64, 128, 256, 512, 512),
        imagenet_input: bool = False,
    ) -> None:
        super().__init__(in_channels, classes, imagenet_input=imagenet_input)
        features = check_features(features)
        self.encoder = _encoder(self.encoder_channels, features)
        self.decoder = _decoder(features, classes)
        he_normal(self)

    def logits_of_seen(self, seen: torch.Tensor) -> torch.Tensor:
        features, pooled = seen, []
        for layer in self.encoder:
            if isinstance(layer, nn.MaxPool2d):
                size = features.shape[2:]
                features, places = layer(features)
                pooled.append((places, size))
            else:
                features = layer(features)
        for stage in self.decoder:
            features = stage(unpool(features, *pooled.pop()))
        return features


def unpool(features: torch.Tensor, places: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Unpool as ``max_unpool2d`` does, by an operation that PyTorch also has where it has to be deterministic.

    Args:
        features: ``[batch, channel, row, column]``.
        places: of the same shape: where in a flattened ``size`` each feature belongs, never two at one place.
        size: rows and columns of the result, which is zero elsewhere.
    """
    zeros = features.new_zeros(*features.shape[:2], size[0] * size[1])
    return zeros.scatter_(2, places.flatten(2), features.flatten(2)).unflatten(2, tuple(size))


def _encoder(in_channels: int, features: Sequence[int]) -> nn.Sequential:
    """Layers in the order of torchvision's VGG16, whose keys are their positions."""
    layers: list[nn.Module] = []
    channels = in_channels
    for depth, wide in zip(_DEPTHS, features, strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU(inplace=True)]
            channels = wide
        layers.append(nn.MaxPool2d(2, return_indices=True))
    return nn.Sequential(*layers)


def _decoder(features: Sequence[int], classes: int) -> nn.ModuleList:
    narrower = (classes, *features[:-1])
    stages = [_stage(*stage) for stage in zip(_DEPTHS, features, narrower, strict=True)]
    stages[0][-1] = nn.Conv2d(features[0], classes, 3, padding=1)
    return nn.ModuleList(reversed(stages))


def _stage(depth: int, channels: int, narrow: int) -> nn.Sequential:
    widths = [channels] * depth + [narrow]
    return nn.Sequential(*(Convolution(2, a, b) for a, b in pairwise(widths)))
