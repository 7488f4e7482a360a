"""Convolutions with what follows them, for slices and volumes; weights have the names that MONAI's blocks give theirs.

Importing any part of MONAI loads all of it, which takes longer than loading PyTorch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from torch import nn

ByAxes = Mapping[int, Callable[..., nn.Module]]
"""Layers by the number of spatial axes."""

CONVOLUTIONS: ByAxes = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: ByAxes = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
MAX_POOLS: ByAxes = {2: nn.MaxPool2d, 3: nn.MaxPool3d}

_NORMALISATIONS: Mapping[str, ByAxes] = {
    "batch": {2: nn.BatchNorm2d, 3: nn.BatchNorm3d},
    "instance": {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d},
}


def normalisation(name: str, axes: int, channels: int, *, affine: bool = True, eps: float = 1e-5) -> nn.Module:
    """A layer that normalises.

    Args:
        name: ``batch`` or ``instance``.
        axes: spatial axes, 2 or 3.
        channels: of its input.
        affine: whether it has a weight and a bias for each channel.
        eps: added to the variance.

    Raises:
        ValueError: the name is another.
    """
    kind = _NORMALISATIONS.get(str(name).lower())
    if kind is None:
        msg = f"norm is {' or '.join(_NORMALISATIONS)}, not {name!r}"
        raise ValueError(msg)
    return kind[axes](channels, eps=eps, affine=affine)


def named(**layers: nn.Module) -> nn.Sequential:
    """Layers one after another, with these names."""
    return nn.Sequential(OrderedDict(layers))


class Convolution(nn.Sequential):
    """Same-padded convolution, normalisation, dropout and ReLU.

    Args:
        axes: spatial axes, 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of what comes out.
        kernel: pixels along each axis, odd.
        norm: as in :func:`normalisation`.
        affine: as in :func:`normalisation`.
        dropout: share of values dropped in training.
        bias: whether the convolution has one.
    """

    def __init__(
        self,
        axes: int,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 3,
        norm: str = "batch",
        affine: bool = True,
        dropout: float = 0.0,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.conv = CONVOLUTIONS[axes](in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)
        normalised = normalisation(norm, axes, out_channels, affine=affine)
        self.adn = named(N=normalised, D=nn.Dropout(dropout), A=nn.ReLU(inplace=True))


def two_convolutions(
    axes: int,
    in_channels: int,
    out_channels: int,
    *,
    norm: str = "batch",
    affine: bool = True,
    dropout: float = 0.0,
    bias: bool = False,
) -> nn.Sequential:
    """Two of :class:`Convolution`, one after the other."""
    first, second = (
        Convolution(axes, channels, out_channels, norm=norm, affine=affine, dropout=dropout, bias=bias)
        for channels in (in_channels, out_channels)
    )
    return named(conv_0=first, conv_1=second)
