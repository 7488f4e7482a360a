"""Steps that spread a slice's grey values: histogram equalisation and frequency-histogram scaling."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch.nn import functional as F

from .slices import Slices, by_slice
from .step import SliceStream, Step, check_count
from .tables import counted, looked_up

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
        return slices.with_pixels(by_slice(self._equalise, slices.pixels))

    def _equalise(self, planes: torch.Tensor, out: torch.Tensor) -> None:
        entries = self.bins * _FINER
        index = planes.mul(entries).clamp_(0, entries - 1).short()
        counts = counted(index, entries).view(-1, 1, self.bins, _FINER).sum(-1)
        cumulative = counts.cumsum(-1) / planes[0].numel()
        table = F.interpolate(cumulative, scale_factor=_FINER, mode="linear")  # constant beyond the outer centres
        looked_up(table[:, 0].to(planes.dtype), index, out)


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
            return slices.with_pixels(by_slice(self._scale, slices.pixels))
        count = slices.pixels.shape[1]
        check_count(len(self.breaks), count, "a frequency_histogram with breaks")
        channels = zip(slices.pixels.unbind(1), slices.pixels.new_tensor(self.breaks).expand(count, -1), strict=True)
        scaled = [by_slice(partial(self._scale, breaks=breaks), pixels) for pixels, breaks in channels]
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
