"""Steps that map each pixel's value (windows, ranges, z-scores), and a data set's foreground statistics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from ..core.errors import UserError
from .hu_counts import HuCounts
from .slices import Slices, map_slices
from .step import SliceStream, Step, check_count

_SMALLEST_DEVIATION = 1e-6


def _one_or_more(value: object) -> object:
    """As a tuple, which lists of a model.json are not, in which nothing is taken for anything else."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, (int, float)) else value


ByChannel = Annotated[tuple[float, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
"""A number a channel, or one for all of them."""


class Window(Step):
    """Clip to ``level ± width / 2`` HU and scale to [0, 1]."""

    step: Literal["window"] = "window"
    level: float
    width: float = Field(ge=1e-3, le=1e6)

    def hu_span(self, before: float) -> float:
        return self.width if isinf(before) else max(self.width, before)

    def _apply(self, slices: Slices) -> Slices:
        low = self.level - self.width / 2
        return slices.with_pixels(slices.pixels.sub(low).div_(self.width).clamp_(0, 1))


class HuRange(Step):
    """Clip to ``low`` to ``high`` HU; what lies between keeps its HU."""

    step: Literal["hu_range"] = "hu_range"
    low: float
    high: float

    def _apply(self, slices: Slices) -> Slices:
        return slices.with_pixels(slices.pixels.clamp(self.low, self.high))

    @model_validator(mode="after")
    def _in_order(self) -> HuRange:
        _check_order(self.low, self.high)
        return self


class LiverLevel(Step):
    """Shift HU so that the liver's median comes to lie at a given value, whatever the patient and the contrast phase.

    Args:
        hu: where the liver's median comes to lie.
        median: of the patient's liver in HU; what is stored of a chain leaves it out, and a patient brings it.
    """

    step: Literal["liver_level"] = "liver_level"
    hu: float
    median: float | None = None

    @property
    def needs_liver(self) -> bool:
        return self.median is None

    def _apply(self, slices: Slices) -> Slices:
        if self.median is None:
            msg = f"“{self.step}” needs the liver's median: call the chain's `with_liver` with it first"
            raise ValueError(msg)
        return slices.with_pixels(slices.pixels + (self.hu - self.median))


class MinMax(Step):
    """Scale each slice and channel to [0, 1] by its least and greatest pixel; constant slices become 0."""

    step: Literal["min_max"] = "min_max"

    def _apply(self, slices: Slices) -> Slices:
        low = slices.pixels.amin((-2, -1), keepdim=True)
        span = slices.pixels.amax((-2, -1), keepdim=True).sub_(low)
        return slices.with_pixels((slices.pixels - low).div_(span.masked_fill_(span == 0, 1)))


class ZScore(Step):
    """Subtract a mean and divide by a (population) standard deviation.

    Args:
        over: what they are of. ``slice``: each slice and channel on its own; constant ones become 0. ``volume``: each
            channel of the whole volume, once fitted. ``foreground``: the liver voxels of a data set, as nnU-Net
            normalises CT (Isensee et al. 2021, Nature Methods 18); see
            :func:`foreground_statistics`.
        mean: of the volume or the foreground, one a channel or one for all.
        deviation: the same of the standard deviation.
        low: of the foreground: what is below is clipped first; nnU-Net takes the 0.5 percentile.
        high: the same above, the 99.5 percentile.
    """

    step: Literal["z_score"] = "z_score"
    over: Literal["slice", "volume", "foreground"] = "slice"
    mean: ByChannel | None = None
    deviation: ByChannel | None = None
    low: float | None = None
    high: float | None = None

    @property
    def needs_volume(self) -> bool:
        return self.over == "volume" and self.mean is None

    def _fitted(self, volume: SliceStream) -> Step:
        mean, deviation = _moments(volume)
        return self.model_copy(update={"mean": mean, "deviation": deviation})

    def _apply(self, slices: Slices) -> Slices:
        pixels = slices.pixels
        if self.mean is None or self.deviation is None:
            return slices.with_pixels(map_slices(_standardise, pixels))
        for numbers, what in ((self.mean, "means"), (self.deviation, "deviations")):
            check_count(len(numbers), pixels.shape[1], f"a z_score with {what}")
        mean, deviation = (pixels.new_tensor(x).view(-1, 1, 1) for x in (self.mean, self.deviation))
        centred = pixels - mean if self.low is None else pixels.clamp(self.low, self.high).sub_(mean)
        return slices.with_pixels(centred.div_(deviation.clamp_min_(_SMALLEST_DEVIATION)))

    @model_validator(mode="after")
    def _numbers_belong(self) -> ZScore:
        moments = (self.mean is not None) + (self.deviation is not None)
        if moments not in {"slice": (0,), "volume": (0, 2), "foreground": (2,)}[self.over]:
            msg = "a foreground needs its mean and its deviation, a volume has both or neither, and a slice none"
            raise ValueError(msg)
        limits = (self.low is not None) + (self.high is not None)
        if limits not in ((0, 2) if self.over == "foreground" else (0,)):
            msg = "low and high are set together, and only over the foreground"
            raise ValueError(msg)
        if self.low is not None and self.high is not None:
            _check_order(self.low, self.high)
        return self


def _check_order(low: float, high: float) -> None:
    if low >= high:
        msg = f"low ({low:g}) is not below high ({high:g})"
        raise ValueError(msg)


def _standardise(planes: torch.Tensor, out: torch.Tensor) -> None:
    torch.sub(planes, planes[:, :1, :1], out=out)  # what is constant is 0 exactly, and rounding that of the contrast
    out.sub_(out.mean((-2, -1), keepdim=True))
    deviation = out.square().mean((-2, -1), keepdim=True).sqrt_()
    out.div_(deviation.clamp_min_(_SMALLEST_DEVIATION))


def _moments(volume: SliceStream) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, from those of all rows, which are equally long.

    The rows' are added up in float64 on the CPU: GPUs of Apple have none. The rows' own are taken of differences to
    their first pixel, so that what is constant has no deviation.
    """
    means, variances = [], []
    for slices in volume:
        first = slices.pixels[..., :1]
        centred = slices.pixels - first
        means.append((first[..., 0].cpu().double() + centred.mean(-1).cpu().double()).movedim(1, 0).flatten(1))
        variances.append(centred.var(-1, correction=0).cpu().double().movedim(1, 0).flatten(1))
    rows, within = torch.cat(means, dim=1), torch.cat(variances, dim=1)
    deviation = (within.mean(1) + rows.var(1, correction=0)).sqrt()  # law of total variance
    return tuple(rows.mean(1).tolist()), tuple(deviation.tolist())


@dataclass(frozen=True)
class ForegroundStatistics:
    """HU of all voxels with a label, named as the options of ``z_score`` over the foreground.

    Args:
        mean: of the voxels.
        deviation: population standard deviation.
        low: 0.5 percentile.
        high: 99.5 percentile.
    """

    mean: float
    deviation: float
    low: float
    high: float


def foreground_statistics(cases: Iterable[tuple[NDArray[np.int16], NDArray[np.uint8]]]) -> ForegroundStatistics:
    """Pool the labelled voxels of several patients, as nnU-Net does for CT (Isensee et al. 2021, Nature Methods 18).

    nnU-Net draws a sample of each patient's voxels; here all are counted, so a large liver weighs more. Percentiles are
    interpolated linearly, as NumPy does.

    Args:
        cases: voxels in HU and labels (0 background) of each patient, of one shape; one is held at a time.

    Raises:
        UserError: no voxel has a label.
    """
    counts = HuCounts()
    for voxels, labels in cases:
        for plane, marked in zip(voxels, labels, strict=True):
            counts.add(plane[marked > 0])
    if not counts.total:
        msg = "No voxel of these label volumes is labelled: choose patients whose liver was segmented."
        raise UserError(msg)
    return ForegroundStatistics(counts.mean, counts.deviation, counts.percentile(0.5), counts.percentile(99.5))
