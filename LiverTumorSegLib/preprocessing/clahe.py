"""Contrast-limited adaptive histogram equalisation."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator

from .borders import mirrored
from .slices import Slices, by_slice
from .step import Step
from .tables import counted, looked_up

_UNIT = 2**24
"""Counts are kept in these parts of a pixel: whole numbers add up to the same on any device, in any order."""


class Clahe(Step):
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994, Graphics Gems IV, section VIII.5).

    Each of ``tiles`` x ``tiles`` tiles gets the mapping that equalises its own histogram, once its bins are cut to a
    limit and what was cut off is spread over the others; between the tiles' centres the mappings are interpolated
    bilinearly. Values are clipped to [0, 1]: a window comes before.

    scikit-image's ``equalize_adapthist`` is the same, but for this: it first stretches a slice to its own extremes and
    afterwards its result, and here no mapping depends on other tiles (``min_max`` does it where it is wanted); of
    256 bins it uses 253; it puts a tile's centre half a pixel further; it hands out the last pixels cut off one by
    one, here each bin gets an equal part; and where a size is not a multiple of ``tiles``, it takes smaller tiles and
    one more of them, here they are larger, the last one mirrored to full size. On 512 x 512 CT slices in a window of
    250 HU, both stretched, the results differ by 0.002 on average and by 0.03 at most.

    Args:
        tiles: along the rows and along the columns; fewer where a slice has fewer pixels.
        clip_limit: largest share of a tile's pixels that a bin may hold; 1 does not limit.
        bins: of the histograms, over [0, 1].
    """

    spreads_greys: ClassVar[bool] = True
    step: Literal["clahe"] = "clahe"
    tiles: int = Field(8, ge=1, le=64)
    clip_limit: float = Field(0.01, gt=0, le=1)
    bins: int = Field(256, ge=2, le=4096)

    def _apply(self, slices: Slices) -> Slices:
        return slices.with_pixels(by_slice(self._equalise, slices.pixels))

    @model_validator(mode="after")
    def _limit_holds_all(self) -> Clahe:
        if self.clip_limit * self.bins < 1:
            msg = f"{self.bins} bins of at most {self.clip_limit:g} cannot hold all pixels: raise clip_limit or bins"
            raise ValueError(msg)
        return self

    def _equalise(self, planes: torch.Tensor, out: torch.Tensor) -> None:
        bins = planes.mul(self.bins).int().clamp_(0, self.bins - 1)
        rows, columns = (_Tiling(count, self.tiles, planes.device) for count in planes.shape[1:])
        out.copy_(_interpolated(self._mappings(bins, rows, columns).to(planes.dtype), bins, rows, columns))

    def _mappings(self, bins: torch.Tensor, rows: _Tiling, columns: _Tiling) -> torch.Tensor:
        """What each bin of each tile becomes, ``[slice, row's tile, column's tile, bin]``."""
        whole = bins.index_select(1, rows.padded).index_select(2, columns.padded)
        tiles = whole.view(-1, rows.tiles, rows.length, columns.tiles, columns.length).transpose(2, 3)
        pixels = rows.length * columns.length
        limit = max(1, int(self.clip_limit * pixels))
        counts = _limited(counted(tiles.flatten(0, 2), self.bins) * _UNIT, limit * _UNIT)
        cumulative = counts.cumsum(-1).float() / (pixels * _UNIT)  # no GPU of Apple has float64
        return cumulative.view(-1, rows.tiles, columns.tiles, self.bins)


class _Tiling:
    """How an axis is cut into tiles, and each pixel's neighbours among their centres.

    Args:
        count: pixels along the axis.
        tiles: wanted.
        device: of the tensors.
    """

    def __init__(self, count: int, tiles: int, device: torch.device) -> None:
        self.length = -(-count // tiles)
        self.tiles = -(-count // self.length)
        self.padded = mirrored(count, 0, self.tiles * self.length - count, device)
        at = (torch.arange(count, device=device, dtype=torch.float32) + 0.5) / self.length - 0.5
        at.clamp_(0, self.tiles - 1)
        self.lower = at.int()
        self.upper = (self.lower + 1).clamp_max(self.tiles - 1)
        self.weight = at - self.lower


def _limited(counts: torch.Tensor, limit: int) -> torch.Tensor:
    """Cut counts ``[tile, bin]`` to a limit and add to every bin the one number that makes up for it, up to the limit.

    With the room below the limit sorted, the number that fills the k smallest rooms and itself into each other follows
    from the sum; of these candidates the greatest is the one that spends all.
    """
    excess = (counts - limit).clamp_min(0).sum(-1, keepdim=True)
    room = (limit - counts).clamp_min(0).sort(-1).values
    filled = room.cumsum(-1) - room
    others = torch.arange(counts.shape[-1], 0, -1, device=counts.device)
    extra = torch.div(excess - filled, others, rounding_mode="floor").amax(-1, keepdim=True)
    return (counts.clamp_max(limit) + extra).clamp_max(limit)


def _interpolated(mappings: torch.Tensor, bins: torch.Tensor, rows: _Tiling, columns: _Tiling) -> torch.Tensor:
    tables = mappings.flatten(1)

    def mapped(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        tile = row[:, None] * columns.tiles + column
        return looked_up(tables, tile * mappings.shape[-1] + bins)

    def along_row(row: torch.Tensor) -> torch.Tensor:
        return mapped(row, columns.lower).lerp_(mapped(row, columns.upper), columns.weight.to(tables.dtype))

    return along_row(rows.lower).lerp_(along_row(rows.upper), rows.weight.to(tables.dtype)[:, None])
