"""Additive attention gate of a skip connection."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import doubled


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
        attention = doubled(torch.sigmoid(self.psi(asked)), skip.shape[2:])
        return self.transform(skip * attention), attention
