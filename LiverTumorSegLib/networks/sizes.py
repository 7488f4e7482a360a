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
        the input's size.
    """
    logits, size = network(padded(network, slices)), slices.shape[2:]
    if isinstance(logits, list):
        return [_cut(logits[0], size), *logits[1:]]
    return _cut(logits, size)


def padded(network: SliceNetwork, slices: torch.Tensor) -> torch.Tensor:
    """Slices as large as the network wants them; the added pixels come after the last ones.

    Borders are repeated up to a multiple of the network's stride. Where a network pads nothing itself, they are
    mirrored by its margin on all sides (Ronneberger et al. 2015, section 2, overlap-tile strategy).
    """
    if network.margin:
        for axis in range(2, slices.ndim):
            slices = _mirrored(slices, axis, network)
        return slices
    missing = [max(-n % network.stride, network.smallest - n) for n in slices.shape[2:]]
    pairs = [(0, count) for count in reversed(missing)]
    return F.pad(slices, [n for pair in pairs for n in pair], mode="replicate") if any(missing) else slices


def in_tiles(network: SliceNetwork, slices: torch.Tensor, tile: int = 388) -> torch.Tensor:
    """Logits of the input's size from tiles, for networks that pad nothing themselves (overlap-tile strategy).

    Neighbouring tiles see the same surroundings and start at multiples of the network's stride, so that pooling falls
    alike in both: there is no seam, the logits are those of the whole slice at once.

    Args:
        network: one with a margin.
        slices: ``[batch, channel, row, column]``.
        tile: rows and columns of a tile's logits, at most; the published one has 388.
    """
    height, width = slices.shape[-2:]
    surrounded = padded(network, slices)
    step = tile // network.stride * network.stride
    rows = []
    for top in range(0, height, step):
        row = []
        for left in range(0, width, step):
            bottom, right = (start + step + 2 * network.margin for start in (top, left))
            row.append(network(surrounded[..., top : _valid(network, bottom), left : _valid(network, right)]))
        rows.append(_joined(row, step, -1))
    return _cut(_joined(rows, step, -2), slices.shape[2:])


def _joined(tiles: Sequence[torch.Tensor], step: int, axis: int) -> torch.Tensor:
    whole = [tile.narrow(axis, 0, min(step, tile.shape[axis])) for tile in tiles[:-1]]
    return torch.cat([*whole, tiles[-1]], dim=axis)


def _cut(logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    for axis, count in enumerate(size, start=2):
        logits = logits.narrow(axis, 0, count)
    return logits


def _valid(network: SliceNetwork, size: int) -> int:
    """The smallest size from this on, at which no pooling of an unpadded network meets an odd number of pixels."""
    return max(size, network.smallest) + (network.remainder - max(size, network.smallest)) % network.stride


def _mirrored(slices: torch.Tensor, axis: int, network: SliceNetwork) -> torch.Tensor:
    """Mirror at the first and the last pixel, as often as a short axis needs."""
    size = slices.shape[axis]
    wanted = _valid(network, size + 2 * network.margin)
    period = max(1, 2 * size - 2)
    at = torch.arange(-network.margin, wanted - network.margin, device=slices.device).remainder(period)
    return slices.index_select(axis, torch.minimum(at, period - at) if size > 1 else at * 0)
