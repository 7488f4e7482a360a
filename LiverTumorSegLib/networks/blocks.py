"""Layers that several networks of the U-Net family share, attention gates among them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

import torch
from torch import nn
from torch.nn import functional as F

from .convolution import two_convolutions
from .upsampling import double_bilinear, extend_last

LEVELS = 5


def check_features(features: Sequence[int], levels: int = LEVELS) -> tuple[int, ...]:
    """Channels of the levels, finest first.

    Raises:
        ValueError: these are not as many numbers from one on.
    """
    if len(features) != levels or not all(_is_count(value) for value in features):
        msg = f"features are the channels of {levels} levels, not {list(features)}"
        raise ValueError(msg)
    return tuple(features)


def check_positive(name: str, value: int) -> int:
    """An option that counts something.

    Raises:
        ValueError: it is not a whole number from one on.
    """
    if not _is_count(value):
        msg = f"{name} is a whole number from one on, not {value!r}"
        raise ValueError(msg)
    return value


def check_not_negative(name: str, value: float) -> float:
    """An option that is a size.

    Raises:
        ValueError: it is below 0, or no finite number.
    """
    if not 0 <= value < inf:
        msg = f"{name} is a number from 0 on, not {value!r}"
        raise ValueError(msg)
    return value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 1


def upsample_double(features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Features at twice their resolution, bilinear.

    Where the finer level has an odd number of pixels, the last ones are repeated: a resize to its size would shift
    every pixel against those it comes from.

    Args:
        features: ``[batch, channel, row, column]``.
        size: rows and columns of the finer level, each twice those of the features, or one more.
    """
    finer = double_bilinear(features)
    rows, columns = (wanted - there for wanted, there in zip(size, finer.shape[2:], strict=True))
    return extend_last(finer, rows, columns)


class Encoder(nn.Module):
    """Convolutions, with 2x2 max pooling between the levels; an odd last row or column is left out.

    Args:
        in_channels: channels of a slice.
        features: channels of the levels, finest first.
        dropout: share of values dropped in training.
    """

    def __init__(self, in_channels: int, features: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            two_convolutions(2, a, b, dropout=dropout) for a, b in pairwise([in_channels, *features])
        )

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
        self.convolutions = two_convolutions(2, skip + coarse, out_channels, dropout=dropout)

    def forward(self, coarse: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.convolutions(torch.cat([skip, upsample_double(coarse, skip.shape[2:])], dim=1))


class AttentionGate(nn.Module):
    """Lets through what the coarser features ask for (Oktay et al. 2018, Attention U-Net, section 2, figure 2).

    The published figure leaves the intermediate channels open: they are as many as the skip connection's, as in the
    authors' network for abdominal CT. A fresh gate is about half open everywhere, so that training starts with all
    features; the normalisation after it makes up for the half.

    Args:
        skip: channels of the skip connection.
        gate: channels of the gating signal.
    """

    def __init__(self, skip: int, gate: int) -> None:
        super().__init__()
        self.theta = nn.Conv2d(skip, skip, 2, stride=2, bias=False)
        self.phi = nn.Conv2d(gate, skip, 1)
        self.psi = nn.Conv2d(skip, 1, 1)
        self.transform = nn.Sequential(nn.Conv2d(skip, skip, 1), nn.BatchNorm2d(skip))

    def forward(self, skip: torch.Tensor, gate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gate a skip connection.

        Args:
            skip: ``[batch, skip, row, column]``.
            gate: the coarser level's ``[batch, gate, row // 2, column // 2]``, not upsampled: the size that theta gives
                the skip connection's, odd or even.

        Returns:
            The gated features, of the skip connection's size, and the attention ``[batch, 1, row, column]`` from 0
            to 1 that they were multiplied with.
        """
        asked = F.relu(self.theta(skip) + self.phi(gate))
        attention = upsample_double(torch.sigmoid(self.psi(asked)), skip.shape[2:])
        return self.transform(skip * attention), attention
