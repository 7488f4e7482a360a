"""U-Nets: same-padded, as published without padding, and with 3D convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from monai.networks.nets import BasicUNet
from monai.networks.nets.basic_unet import UpCat
from torch import nn
from torch.nn import functional as F

from ..core.errors import UserError
from .base import SliceNetwork, he_normal
from .blocks import check_features

_LEAST = (1, 1, 2, 2, 2, 1)
"""Channels of each level: the decoder halves those of the three coarsest."""


class UNetBody(BasicUNet):
    """MONAI's ``BasicUNet`` with the same weights and, to the last bit, the same logits, trained faster.

    MONAI pads the features of each decoder level by nothing where they already fit those of the encoder. That copies
    them, and its backward pass takes a quarter of a training step on a CPU.

    Args:
        axes: spatial axes, 2 or 3.
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five encoder levels, then of the last decoder level.
        options: others of ``BasicUNet``.

    Raises:
        ValueError: ``features`` are not six counts of channels, or one is too small.
    """

    def __init__(
        self, axes: int, in_channels: int, classes: int, features: Sequence[int], *options: Any, **more: Any
    ) -> None:
        if len(features) != len(_LEAST) or any(count < least for count, least in zip(features, _LEAST, strict=True)):
            msg = f"features are the channels of {len(_LEAST)} levels, at least {_LEAST}, not {list(features)}"
            raise ValueError(msg)
        super().__init__(axes, in_channels, classes, features, *options, **more)
        for level in (self.upcat_1, self.upcat_2, self.upcat_3, self.upcat_4):
            level.__class__ = _UnpaddedUpCat  # as it was built, for the names of its weights


class _UnpaddedUpCat(UpCat):
    def forward(self, x: torch.Tensor, x_e: torch.Tensor) -> torch.Tensor:
        raised = self.upsample(x)
        missing = [wanted - there for wanted, there in zip(x_e.shape[2:], raised.shape[2:], strict=True)]
        if any(missing):
            pads = [pad for gap in reversed(missing) for pad in (0, gap)]
            raised = F.pad(raised, pads, "replicate")
        return self.convs(torch.cat([x_e, raised], dim=1))


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


class UNetValid(SliceNetwork):
    """U-Net (Ronneberger, Fischer and Brox 2015, section 2, figure 1): 572 pixels in, 388 out.

    Convolutions are unpadded, so that 92 pixels a side have no logits: :func:`.base.same_size` and
    :func:`.base.in_tiles` mirror the borders for them. As in the paper they are not normalised, unless that is asked
    for, as when it is compared with networks that are. Weights are Gaussian as in section 3. The paper drops out
    at the end of the contracting path (section 3.1), at no stated rate nor place: here single values, half of those of
    its last two levels, as in the authors' published model.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five levels, finest first.
        dropout: share of values dropped in training.
        norm: ``none``, or ``batch`` after each convolution of 3x3.
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
        norm: Literal["none", "batch"] = "none",
    ) -> None:
        super().__init__(in_channels, classes)
        features, batch = check_features(features), norm == "batch"
        shares = (0.0, 0.0, 0.0, dropout, dropout)
        pairs = pairwise([in_channels, *features])
        self.contracting = nn.ModuleList(
            nn.Sequential(_convolutions(*pair, batch=batch), nn.Dropout(share))
            for pair, share in zip(pairs, shares, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(features))
        self.expansive = nn.ModuleList(_convolutions(2 * count, count, batch=batch) for count in features[:-1])
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


def _convolutions(in_channels: int, out_channels: int, *, batch: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers.append(nn.Conv2d(channels, out_channels, 3, bias=not batch))
        layers += [nn.BatchNorm2d(out_channels)] if batch else []
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _centre(features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    for axis, count in enumerate(size, start=2):
        features = features.narrow(axis, (features.shape[axis] - count) // 2, count)
    return features


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
