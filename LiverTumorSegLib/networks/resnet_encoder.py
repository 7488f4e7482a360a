"""ResNet's features at every scale, with torchvision's names and shapes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.resnet import ResNet


class ResNetEncoder(ResNet):
    """MONAI's ResNet, built as torchvision builds it, without the classifier (He et al. 2016, table 1).

    In bottlenecks the 3x3 convolution has the stride, as in torchvision ("version 1.5"). Each halving rounds up, and
    feature i lies upon feature 2 i of the level before.

    Args:
        block: ``basic`` or ``bottleneck``.
        depths: blocks in each of the four stages.
        in_channels: channels of the input.
        width: channels of the first convolution; stages have 1, 2, 4 and 8 times as many, bottlenecks 4 times those.
    """

    def __init__(self, block: str, depths: Sequence[int], in_channels: int, width: int = 64) -> None:
        super().__init__(
            block,
            list(depths),
            [width, 2 * width, 4 * width, 8 * width],
            spatial_dims=2,
            n_input_channels=in_channels,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )

    def forward(self, slices: torch.Tensor) -> list[torch.Tensor]:
        """Features at 1/2 (before pooling), 1/4, 1/8, 1/16 and 1/32 of the input's size."""
        features = [self.act(self.bn1(self.conv1(slices)))]
        finer = self.maxpool(features[0])
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            finer = stage(finer)
            features.append(finer)
        return features
