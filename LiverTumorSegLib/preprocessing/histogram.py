"""Steps that spread a slice's grey values: histogram equalisation, CLAHE and frequency-histogram scaling."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch.nn import functional as F

from .filters import mirrored_positions
from .slices import Slices, map_slices
from .step import SliceStream, Step, check_count


def count_values(index: torch.Tensor, values: int) -> torch.Tensor:
    """Counts of each value in each slice; whole numbers, so they are deterministic on a GPU as well.

    Args:
        index: ``[slice, ...]`` of any whole type, from 0 to before ``values``.
        values: how many there are.

    Returns:
        int64 ``[slice, value]``.
    """
    places = _offset_by_slice(index, values).flatten()
    return torch.bincount(places, minlength=len(index) * values).view(len(index), values)


def look_up(tables: torch.Tensor, index: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Entry ``index[n, ...]`` of table ``n``.

    Args:
        tables: ``[slice, entry]``.
        index: ``[slice, ...]`` of any whole type.
        out: contiguous, of the index' shape and the tables' type; written where it is given.

    Returns:
        As ``index``, of the tables' type.
    """
    places = _offset_by_slice(index, tables.shape[1]).flatten().long()
    into = None if out is None else out.view(-1)
    return torch.index_select(tables.flatten(), 0, places, out=into).view(index.shape)


def _offset_by_slice(index: torch.Tensor, values: int) -> torch.Tensor:
    """``index[n, ...] + n * values``."""
    if len(index) == 1:
        return index
    first = torch.arange(len(index), device=index.device) * values
    return index + first.view(-1, *[1] * (index.ndim - 1))


_FINER = 16
_TAILS = (0.001, 0.999)
_SAMPLES = 2**22


class HistogramEqualisation(Step):
    """Map a slice and channel by its cumulative distribution (Gonzalez and Woods, Digital Image Processing, §3.3).

    Values are clipped to [0, 1]: a window comes before. Between the centres of bins the cumulative histogram is
    interpolated linearly. scikit-image's ``equalize_hist`` does so for each pixel; here it is read from a table of 16
    entries a bin, which differs by at most 1/32 of the share of pixels in the fullest bin, the lowest left out.

    Args:
        bins: of the histogram, over [0, 1].
    """

    spreads_greys: ClassVar[bool] = True
    step: Literal["histogram_equalisation"] = "histogram_equalisation"
    bins: int = Field(256, ge=2, le=1024)

    def _apply(self, slices: Slices) -> Slices:
        return slices.with_pixels(map_slices(self._equalise, slices.pixels))

    def _equalise(self, planes: torch.Tensor, out: torch.Tensor) -> None:
        entries = self.bins * _FINER
        index = planes.mul(entries).clamp_(0, entries - 1).short()
        counts = count_values(index, entries).view(-1, 1, self.bins, _FINER).sum(-1)
        cumulative = counts.cumsum(-1) / planes[0].numel()
        table = F.interpolate(cumulative, scale_factor=_FINER, mode="linear")  # constant beyond the outer centres
        look_up(table[:, 0].to(planes.dtype), index, out)


class FrequencyHistogram(Step):
    """Scale to [0, 1] so that each bin, all of them equally populated, takes an equal share of grey values.

    Kulkarni et al., sections 3.4 and 3.5; they leave the number of bins open, as well as whether a slice or a volume
    is sorted.

    Args:
        bins: see :func:`frequency_bins`.
        over: whose pixels make the bins: each slice and channel its own, or each channel of the whole volume.
        breaks: of a fitted volume, ascending, one tuple a channel, or one for all.
    """

    spreads_greys: ClassVar[bool] = True
    step: Literal["frequency_histogram"] = "frequency_histogram"
    bins: int = Field(100, ge=1, le=4096)
    over: Literal["slice", "volume"] = "slice"
    breaks: tuple[tuple[float, ...], ...] | None = None

    @property
    def needs_volume(self) -> bool:
        return self.over == "volume" and self.breaks is None

    def _fitted(self, volume: SliceStream) -> Step:
        breaks = frequency_bins(_sample(volume), self.bins)
        return self.model_copy(update={"breaks": tuple(tuple(channel) for channel in breaks.tolist())})

    def _apply(self, slices: Slices) -> Slices:
        if self.breaks is None:
            return slices.with_pixels(map_slices(self._scale, slices.pixels))
        count = slices.pixels.shape[1]
        check_count(len(self.breaks), count, "a frequency_histogram with breaks")
        channels = zip(slices.pixels.unbind(1), slices.pixels.new_tensor(self.breaks).expand(count, -1), strict=True)
        scaled = [map_slices(partial(self._scale, breaks=breaks), pixels) for pixels, breaks in channels]
        return slices.with_pixels(torch.stack(scaled, dim=1))

    def _scale(self, planes: torch.Tensor, out: torch.Tensor, breaks: torch.Tensor | None = None) -> None:
        values = planes.flatten(1)
        scaled = frequency_scaled(values, frequency_bins(values, self.bins) if breaks is None else breaks)
        out.copy_(scaled.view(planes.shape))

    @model_validator(mode="after")
    def _breaks_belong(self) -> FrequencyHistogram:
        if self.breaks is None:
            return self
        if self.over != "volume":
            msg = "breaks are those of a volume, and this is over each slice"
            raise ValueError(msg)
        if not all(len(b) == self.bins + 2 and sorted(b) == list(b) for b in self.breaks):
            msg = f"each channel has {self.bins + 2} breaks, in ascending order"
            raise ValueError(msg)
        return self


def frequency_bins(values: torch.Tensor, bins: int = 100) -> torch.Tensor:
    """Edges between groups of about equally many values (Kulkarni et al., section 3.4).

    These are the sorted values at the fractions 0.001, (i + 1/2) / ``bins`` and 0.999 of their number: the outer two
    keep a thousandth on either side out of the scaling.

    Args:
        values: ``[..., value]``.
        bins: how many groups.

    Returns:
        ``[..., bins + 2]``, ascending; an edge that several fractions share is repeated and counts once.
    """
    count = values.shape[-1]
    fractions = np.concatenate([_TAILS[:1], (np.arange(bins) + 0.5) / bins, _TAILS[1:]])
    ranks = np.sort((fractions * count).astype(np.int64))
    return _sorted(values).index_select(-1, torch.from_numpy(ranks).to(values.device))


def frequency_scaled(values: torch.Tensor, breaks: torch.Tensor) -> torch.Tensor:
    """Map to [0, 1] so that the distinct edges are evenly spread, linearly between them (Kulkarni et al., section 3.4).

    Where all edges are one, as those of a constant slice, everything becomes 0.

    Args:
        values: ``[..., value]``.
        breaks: from :func:`frequency_bins`, with the same leading axes or fewer.

    Returns:
        As ``values``.
    """
    breaks = breaks.expand(*values.shape[:-1], -1).contiguous()
    widths = breaks.diff(dim=-1)
    rank = F.pad((widths > 0).cumsum(-1), (1, 0))
    heights = rank / rank[..., -1:].clamp_min(1)
    slopes = torch.where(widths > 0, heights.diff(dim=-1) / widths, 0).to(values.dtype)
    at = torch.searchsorted(breaks, values.contiguous(), right=True).sub_(1).clamp_(0, widths.shape[-1] - 1)
    scaled = (values - breaks.gather(-1, at)).mul_(slopes.gather(-1, at))
    return scaled.add_(heights.to(values.dtype).gather(-1, at)).clamp_(0, 1)


def _sorted(values: torch.Tensor) -> torch.Tensor:
    if values.is_cpu and values.dtype == torch.float32:  # NumPy sorts ten times faster than PyTorch
        return torch.from_numpy(np.sort(values.numpy(), axis=-1))
    return values.sort(dim=-1).values


def _sample(volume: SliceStream) -> torch.Tensor:
    """Values of each channel ``[channel, value]``: all, or of a large volume those on an even grid in every slice."""
    parts = []
    for slices in volume:
        rows, columns = slices.size
        stride = max(1, int(np.ceil(np.sqrt(volume.count * rows * columns / _SAMPLES))))
        parts.append(slices.pixels[..., ::stride, ::stride].movedim(1, 0).flatten(1).cpu())
    return torch.cat(parts, dim=1)


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
        return slices.with_pixels(map_slices(self._equalise, slices.pixels))

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
        """New value of each bin of each tile, ``[slice, row's tile, column's tile, bin]``."""
        whole = bins.index_select(1, rows.padded).index_select(2, columns.padded)
        tiles = whole.view(-1, rows.tiles, rows.length, columns.tiles, columns.length).transpose(2, 3)
        pixels = rows.length * columns.length
        limit = max(1, int(self.clip_limit * pixels))
        counts = _limited(count_values(tiles.flatten(0, 2), self.bins) * _UNIT, limit * _UNIT)
        cumulative = counts.cumsum(-1).float() / (pixels * _UNIT)  # no GPU of Apple has float64
        return cumulative.view(-1, rows.tiles, columns.tiles, self.bins)


class _Tiling:
    """An axis cut into tiles, and each pixel's neighbours among their centres.

    Args:
        count: pixels along the axis.
        tiles: wanted.
        device: of the tensors.
    """

    def __init__(self, count: int, tiles: int, device: torch.device) -> None:
        self.length = -(-count // tiles)
        self.tiles = -(-count // self.length)
        self.padded = mirrored_positions(count, 0, self.tiles * self.length - count, device)
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
        return look_up(tables, tile * mappings.shape[-1] + bins)

    def along_row(row: torch.Tensor) -> torch.Tensor:
        return mapped(row, columns.lower).lerp_(mapped(row, columns.upper), columns.weight.to(tables.dtype))

    return along_row(rows.lower).lerp_(along_row(rows.upper), rows.weight.to(tables.dtype)[:, None])
