"""Parts that several networks of the U-Net family share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.nets.basic_unet import TwoConv
from torch import nn
from torch.nn import functional as F

LEVELS = 5


def checked(features: Sequence[int]) -> tuple[int, ...]:
    """Channels of the levels, finest first.

    Raises:
        ValueError: these are not five numbers from one on.
    """
    if len(features) != LEVELS or not all(_is_count(value) for value in features):
        msg = f"features are the channels of {LEVELS} levels, not {list(features)}"
        raise ValueError(msg)
    return tuple(features)


def positive(name: str, value: int) -> int:
    """An option that counts something.

    Raises:
        ValueError: it is not a whole number from one on.
    """
    if not _is_count(value):
        msg = f"{name} is a whole number from one on, not {value!r}"
        raise ValueError(msg)
    return value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 1


def convolutions(in_channels: int, out_channels: int, dropout: float = 0.0) -> nn.Module:
    """Two same-padded 3x3 convolutions, each with batch normalisation, dropout and ReLU."""
    activation = ("relu", {"inplace": True})
    return TwoConv(2, in_channels, out_channels, activation, norm="batch", bias=False, dropout=dropout)


def doubled(features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Features at twice their resolution, bilinear.

    Where the finer level has an odd number of pixels, the last ones are repeated: a resize to its size would shift
    every pixel against those it comes from.

    Args:
        features: ``[batch, channel, row, column]``.
        size: rows and columns of the finer level, each twice those of the features, or one more.
    """
    finer = F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
    rows, columns = (wanted - there for wanted, there in zip(size, finer.shape[2:], strict=True))
    return F.pad(finer, (0, columns, 0, rows), mode="replicate") if rows or columns else finer


class Encoder(nn.Module):
    """Convolutions, with 2x2 max pooling between the levels; an odd last row or column is left out.

    Args:
        in_channels: channels of a slice.
        features: channels of the levels, finest first.
        dropout: share of values dropped in training.
    """

    def __init__(self, in_channels: int, features: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.levels = nn.ModuleList(convolutions(a, b, dropout) for a, b in pairwise([in_channels, *features]))

    def forward(self, slices: torch.Tensor) -> list[torch.Tensor]:
        """Features of all levels, finest first."""
        features = [self.levels[0](slices)]
        for level in self.levels[1:]:
            features.append(level(F.max_pool2d(features[-1], 2)))
        return features


class DecoderLevel(nn.Module):
    """Coarser features, upsampled and joined to a skip connection's by convolutions.

    Args:
        coarse: channels of the coarser features.
        skip: channels of the skip connection.
        out_channels: channels of what comes out.
        dropout: share of values dropped in training.
    """

    def __init__(self, coarse: int, skip: int, out_channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.convolutions = convolutions(skip + coarse, out_channels, dropout)

    def forward(self, coarse: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.convolutions(torch.cat([skip, doubled(coarse, skip.shape[2:])], dim=1))
