"""Base class of the networks, the sizes they are padded to, and the weights they start from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from ..core.errors import UserError


class SliceNetwork(nn.Module, ABC):
    """A network that maps axial slices to logits.

    Networks take any height and width from :attr:`smallest` on and return logits of the input's size; whoever runs them
    may pad to :attr:`stride`, where features of all levels lie exactly upon each other.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits: 1 for a sigmoid, more for a softmax.

    Attributes:
        stride: pixels of the input to one of the coarsest features.
        smallest: pixels that each spatial axis needs at least.
        margin: pixels a side that the logits lack, since borders are not padded.
        remainder: what is left of an input's size, divided by the stride, where such a network can take it.
        axes: spatial axes, 2 for slices, 3 for volumes.
        source: the paper, with its section.
    """

    stride: ClassVar[int] = 1
    smallest: ClassVar[int] = 1
    margin: ClassVar[int] = 0
    remainder: ClassVar[int] = 0
    axes: ClassVar[int] = 2
    source: ClassVar[str]

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.in_channels, self.classes = in_channels, classes

    def forward(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Map ``[batch, in_channels, *size]`` to logits ``[batch, classes, *size]``.

        Networks with deep supervision return a list while they are trained: the logits, then those of coarser levels.

        Raises:
            UserError: the channels are not :attr:`in_channels`, or an axis is shorter than :attr:`smallest`.
        """
        self._check(slices)
        return self.logits(slices)

    @abstractmethod
    def logits(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Logits of an input that has been checked."""

    def _check(self, slices: torch.Tensor) -> None:
        name, size = type(self).__name__, tuple(slices.shape[2:])
        if slices.ndim != self.axes + 2 or slices.shape[1] != self.in_channels:
            expected = ("batch", self.in_channels, *("depth", "height", "width")[-self.axes :])
            msg = f"{name} takes [{', '.join(map(str, expected))}], not {list(slices.shape)}."
            raise UserError(msg)
        if min(size) < self.smallest:
            least = " x ".join([str(self.smallest)] * self.axes)
            msg = f"{name} takes at least {least} pixels, not {' x '.join(map(str, size))}."
            raise UserError(msg)


def same_size(network: SliceNetwork, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
    """Logits of the input's size, whatever it is and whatever the network's borders lack.

    Args:
        network: any network of this package.
        slices: ``[batch, channel, *size]``.

    Returns:
        ``[batch, classes, *size]``; a list while a network with deep supervision is trained, of which the first has
        the input's size and the others, as nearly as their coarser pixels can, show the same part of it.
    """
    surrounded, size = padded(network, slices), slices.shape[2:]
    logits = network(surrounded)
    if isinstance(logits, list):
        return [_cut(level, _share(level, surrounded, size)) for level in logits]
    return _cut(logits, size)


def padded(network: SliceNetwork, slices: torch.Tensor) -> torch.Tensor:
    """Slices as large as the network wants them.

    Borders are repeated up to a multiple of the network's stride, after the last pixels. Where a network pads nothing
    itself, they are mirrored by its margin on all sides (Ronneberger et al. 2015, section 2, overlap-tile strategy).
    """
    if network.margin:
        for axis in range(2, slices.ndim):
            slices = _mirrored(slices, axis, network)
        return slices
    missing = [_next_valid_size(network, count) - count for count in reversed(slices.shape[2:])]
    return F.pad(slices, [n for count in missing for n in (0, count)], mode="replicate") if any(missing) else slices


def in_tiles(network: SliceNetwork, slices: torch.Tensor, tile: int = 388) -> torch.Tensor:
    """Logits of the input's size from tiles, for networks that pad nothing themselves (overlap-tile strategy).

    Neighbouring tiles see the same surroundings and start at multiples of the network's stride, so that pooling falls
    alike in both: there is no seam, the logits are those of the whole slice at once.

    Args:
        network: one with a margin, in evaluation mode.
        slices: ``[batch, channel, row, column]``.
        tile: rows and columns of a tile's logits, at most; the published one has 388.

    Raises:
        ValueError: the network has no margin, or the tile is smaller than its smallest logits.
    """
    height, width = slices.shape[2:]
    surrounded, step = padded(network, slices), _tile_step(network, tile)
    rows = []
    for top in range(0, height, step):
        row = []
        for left in range(0, width, step):
            bottom, right = (_next_valid_size(network, start + step + 2 * network.margin) for start in (top, left))
            row.append(network(surrounded[..., top:bottom, left:right]))
        rows.append(_joined(row, step, -1))
    return _cut(_joined(rows, step, -2), slices.shape[2:])


def _tile_step(network: SliceNetwork, tile: int) -> int:
    """Pixels from a tile to the next: all of its logits, but for those that do not fill a stride."""
    step = (tile - (network.remainder - 2 * network.margin) % network.stride) // network.stride * network.stride
    if not network.margin or step < network.stride:
        msg = f"{type(network).__name__} cannot run in tiles of {tile} pixels"
        raise ValueError(msg)
    return step


def _joined(tiles: Sequence[torch.Tensor], step: int, axis: int) -> torch.Tensor:
    return torch.cat([*(tile.narrow(axis, 0, step) for tile in tiles[:-1]), tiles[-1]], dim=axis)


def _share(logits: torch.Tensor, surrounded: torch.Tensor, size: Sequence[int]) -> list[int]:
    """Pixels of a level that belong to the unpadded input, at least one an axis."""
    counts = zip(logits.shape[-len(size) :], surrounded.shape[2:], size, strict=True)
    return [max(1, round(there * wanted / whole)) for there, whole, wanted in counts]


def _cut(logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    for axis, count in enumerate(reversed(size), start=1):
        logits = logits.narrow(-axis, 0, count)
    return logits


def _next_valid_size(network: SliceNetwork, size: int) -> int:
    """The smallest size from this on at which no pooling meets an odd number of pixels."""
    size = max(size, network.smallest)
    return size + (network.remainder - size) % network.stride


def _mirrored(slices: torch.Tensor, axis: int, network: SliceNetwork) -> torch.Tensor:
    """Mirror at the first and the last pixel, as often as a short axis needs."""
    size = slices.shape[axis]
    wanted = _next_valid_size(network, size + 2 * network.margin)
    period = max(1, 2 * size - 2)
    at = torch.arange(-network.margin, wanted - network.margin, device=slices.device).remainder(period)
    return slices.index_select(axis, torch.minimum(at, period - at))


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
