"""U-Net as published: no convolution pads its input."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import UserError
from .blocks import checked
from .initialisation import he_normal
from .slice_network import SliceNetwork


class UNetValid(SliceNetwork):
    """U-Net (Ronneberger, Fischer and Brox 2015, section 2, figure 1): 572 pixels in, 388 out.

    Convolutions are unpadded and not normalised, so that 92 pixels a side have no logits: :func:`networks.same_size`
    and :func:`networks.in_tiles` mirror the borders for them. Weights are Gaussian as in section 3. The paper drops out
    at the end of the contracting path (section 3.1), at no stated rate nor place: here single values, half of those of
    its last two levels, as in the authors' published model.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five levels, finest first.
        dropout: share of values dropped in training.
    """

    stride = 16
    smallest = 188
    margin = 92
    remainder = 12
    source = "Ronneberger et al. 2015, U-Net, section 2, figure 1"

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        features: Sequence[int] = (64, 128, 256, 512, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(in_channels, classes)
        features = checked(features)
        shares = (0.0, 0.0, 0.0, dropout, dropout)
        pairs = pairwise([in_channels, *features])
        self.contracting = nn.ModuleList(
            nn.Sequential(_convolutions(*pair), nn.Dropout(share)) for pair, share in zip(pairs, shares, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(features))
        self.expansive = nn.ModuleList(_convolutions(2 * count, count) for count in features[:-1])
        self.head = nn.Conv2d(features[0], classes, 1)
        he_normal(self)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        features, skips = self.contracting[0](slices), []
        for level in self.contracting[1:]:
            skips.append(features)
            features = level(F.max_pool2d(features, 2))
        for skip, up, level in reversed(list(zip(skips, self.up, self.expansive, strict=True))):
            finer = up(features)
            features = level(torch.cat([_centre(skip, finer.shape[2:]), finer], dim=1))
        return self.head(features)

    def _check(self, slices: torch.Tensor) -> None:
        super()._check(slices)
        if any((size - self.remainder) % self.stride for size in slices.shape[2:]):
            given = " x ".join(map(str, slices.shape[2:]))
            msg = (
                f"UNetValid takes sizes of {self.remainder} more than a multiple of {self.stride}, such as 572, not "
                f"{given}: let networks.same_size or networks.in_tiles add what lacks."
            )
            raise UserError(msg)


def _convolutions(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3),
        nn.ReLU(inplace=True),
    )


def _centre(features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    for axis, count in enumerate(size, start=2):
        features = features.narrow(axis, (features.shape[axis] - count) // 2, count)
    return features
