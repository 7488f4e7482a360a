"""The one place that pads slices for a network, and cuts its logits back to their size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from .slice_network import SliceNetwork


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
    missing = [_valid(network, count) - count for count in reversed(slices.shape[2:])]
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
    surrounded, step = padded(network, slices), _step(network, tile)
    rows = []
    for top in range(0, height, step):
        row = []
        for left in range(0, width, step):
            bottom, right = (_valid(network, start + step + 2 * network.margin) for start in (top, left))
            row.append(network(surrounded[..., top:bottom, left:right]))
        rows.append(_joined(row, step, -1))
    return _cut(_joined(rows, step, -2), slices.shape[2:])


def _step(network: SliceNetwork, tile: int) -> int:
    """Pixels from a tile to the next: all of its logits, but for those that do not fill a stride."""
    step = (tile - (network.remainder - 2 * network.margin) % network.stride) // network.stride * network.stride
    if not network.margin or step < network.stride:
        msg = f"{type(network).__name__} cannot run in tiles of {tile} pixels"
        raise ValueError(msg)
    return step


def _joined(tiles: Sequence[torch.Tensor], step: int, axis: int) -> torch.Tensor:
    return torch.cat([*(tile.narrow(axis, 0, step) for tile in tiles[:-1]), tiles[-1]], dim=axis)


def _share(logits: torch.Tensor, surrounded: torch.Tensor, size: Sequence[int]) -> list[int]:
    """How many of a level's pixels the unpadded input has, at least one."""
    counts = zip(logits.shape[-len(size) :], surrounded.shape[2:], size, strict=True)
    return [max(1, round(there * wanted / whole)) for there, whole, wanted in counts]


def _cut(logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    for axis, count in enumerate(reversed(size), start=1):
        logits = logits.narrow(-axis, 0, count)
    return logits


def _valid(network: SliceNetwork, size: int) -> int:
    """The smallest size from this on at which no pooling meets an odd number of pixels."""
    size = max(size, network.smallest)
    return size + (network.remainder - size) % network.stride


def _mirrored(slices: torch.Tensor, axis: int, network: SliceNetwork) -> torch.Tensor:
    """Mirror at the first and the last pixel, as often as a short axis needs."""
    size = slices.shape[axis]
    wanted = _valid(network, size + 2 * network.margin)
    period = max(1, 2 * size - 2)
    at = torch.arange(-network.margin, wanted - network.margin, device=slices.device).remainder(period)
    return slices.index_select(axis, torch.minimum(at, period - at))
