"""Weights that a network starts from."""

from __future__ import annotations

import torch
from torch import nn


def he_normal(module: nn.Module) -> None:
    """Fill convolutions so that rectified features keep their variance (He et al. 2015, section 2.2); biases are zero.

    A transposed convolution of stride s adds up only one in s squared of its kernel's products in a pixel, so that its
    weights are that much larger.
    """
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            spread = part.stride[0] * part.stride[1] if part.transposed else 1
            products = part.in_channels * part.weight[0, 0].numel() / spread
            nn.init.normal_(part.weight, std=(2 / products) ** 0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def linear_interpolation(factor: int) -> torch.Tensor:
    """Kernel with which a transposed convolution of this stride interpolates linearly between the pixels it is given.

    Returns:
        ``[2 * factor - 1, 2 * factor - 1]``, odd, so that each given pixel keeps its own value.
    """
    distance = torch.arange(1 - factor, factor).abs()
    line = 1 - distance / factor
    return torch.outer(line, line)
