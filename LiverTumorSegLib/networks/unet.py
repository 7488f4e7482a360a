"""U-Nets: same-padded, as published without padding, and with 3D convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from ..core.errors import UserError
from .base import SliceNetwork, he_normal
from .blocks import check_features
from .convolution import CONVOLUTIONS, MAX_POOLS, TRANSPOSED, named, two_convolutions

_LEAST = (1, 1, 2, 2, 2, 1)
"""Channels of each level: the decoder halves those of the three coarsest."""

_HALVINGS = 4


class UNetBody(nn.Module):
    """MONAI's ``BasicUNet`` with the same names of weights and, to the last bit, the same logits, trained faster.

    MONAI pads the features of each decoder level by nothing where they already fit those of the encoder. That copies
    them, and its backward pass takes a quarter of a training step on a CPU.

    Args:
        axes: spatial axes, 2 or 3.
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five encoder levels, then of the last decoder level.
        norm: ``instance`` or ``batch``.
        affine: whether the normalisation has weights.
        bias: whether the convolutions of 3 pixels have one.
        dropout: share of values dropped in training.

    Raises:
        ValueError: ``features`` are not six counts of channels, or one is too small, or ``norm`` is another.
    """

    def __init__(
        self,
        axes: int,
        in_channels: int,
        classes: int,
        features: Sequence[int],
        *,
        norm: str,
        affine: bool = True,
        bias: bool,
        dropout: float = 0.0,
    ) -> None:
        if len(features) != len(_LEAST) or any(count < least for count, least in zip(features, _LEAST, strict=True)):
            msg = f"features are the channels of {len(_LEAST)} levels, at least {_LEAST}, not {list(features)}"
            raise ValueError(msg)
        super().__init__()
        convolutions = partial(two_convolutions, axes, norm=norm, affine=affine, dropout=dropout, bias=bias)
        *levels, last = features
        self.conv_0 = convolutions(in_channels, levels[0])
        for number, pair in enumerate(pairwise(levels), start=1):
            self.add_module(f"down_{number}", named(max_pooling=MAX_POOLS[axes](2), convs=convolutions(*pair)))
        for number in range(_HALVINGS, 0, -1):
            own, coarse = levels[number - 1], levels[number]
            raised, out = (coarse // 2, own) if number > 1 else (coarse, last)
            upsample = named(deconv=TRANSPOSED[axes](coarse, raised, 2, 2))
            self.add_module(f"upcat_{number}", _UpLevel(upsample, convolutions(own + raised, out)))
        self.final_conv = CONVOLUTIONS[axes](last, classes, 1)

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        features, skips = self.conv_0(slices), []
        for number in range(1, _HALVINGS + 1):
            skips.append(features)
            features = self.get_submodule(f"down_{number}")(features)
        for number in range(_HALVINGS, 0, -1):
            features = self.get_submodule(f"upcat_{number}")(features, skips.pop())
        logits: torch.Tensor = self.final_conv(features)
        return logits


class _UpLevel(nn.Module):
    """Coarser features, doubled and joined to a skip connection's; the last are repeated where that has an odd size."""

    def __init__(self, upsample: nn.Module, convs: nn.Module) -> None:
        super().__init__()
        self.upsample, self.convs = upsample, convs

    def forward(self, coarser: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        both = torch.cat([skip, self._raised(coarser, skip.shape[2:])], dim=1)  # the raised alone are needed no more
        joined: torch.Tensor = self.convs(both)
        return joined

    def _raised(self, coarser: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        raised: torch.Tensor = self.upsample(coarser)
        missing = [wanted - there for wanted, there in zip(size, raised.shape[2:], strict=True)]
        pads = [pad for gap in reversed(missing) for pad in (0, gap)]
        return F.pad(raised, pads, "replicate") if any(missing) else raised


class UNet(SliceNetwork):
    """U-Net (Ronneberger, Fischer and Brox 2015, section 2) with same padding, so that logits keep the input's size.

    Four halvings, skip connections by concatenation; any height and width from 32 pixels on.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits.
        features: channels of the five encoder levels, then of the last decoder level.
        norm: ``batch``, or ``instance`` without weights.
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
        affine = str(norm).lower() != "instance"
        self.body = UNetBody(2, in_channels, classes, features, norm=norm, affine=affine, bias=True, dropout=dropout)

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

    It has four halvings where the paper has three, as the ``unet`` for slices has. Patches
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
        bias = False  # which normalisation would take away
        self.body = UNetBody(3, in_channels, classes, features, norm=norm, bias=bias, dropout=dropout)

    def logits(self, slices: torch.Tensor) -> torch.Tensor:
        return self.body(slices)
