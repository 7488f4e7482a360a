"""What published systems measure on single slices, whatever patient these are of.

Papers do not say how they join slices to a figure, so each way has a name of its own: pixels of all slices pooled, or
a mean over slices. A slice without the structure in which none is found agrees wholly: it counts 1 in the latter, as
Dice and IoU with a smoothing term in numerator and denominator do in most training scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import add
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

from ..evaluation.overlap import Counts
from ..evaluation.probabilities import Histogram, curve


class SliceScore(NamedTuple):
    """One slice's pixels that are right and wrong, and the distance of the contours where both masks have one."""

    tp: int
    fp: int
    fn: int
    tn: int
    assd_px: float | None

    @property
    def counts(self) -> Counts:
        """Without the distance."""
        return Counts(self.tp, self.fp, self.fn, self.tn)


class SliceScores(BaseModel):
    """What was measured of one structure.

    Args:
        slices: in any order.
        inside: pixels of the structure by level of probability, as :class:`Histogram` has them; empty if not counted.
        outside: the same of the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    slices: tuple[SliceScore, ...]
    inside: tuple[int, ...] = ()
    outside: tuple[int, ...] = ()

    @property
    def histogram(self) -> Histogram | None:
        """Of the probabilities, where they were counted."""
        return Histogram(np.array(self.inside), np.array(self.outside)) if self.inside else None


class Measured(NamedTuple):
    """A figure and how many slices it is over; None where it is not defined."""

    value: float | None
    slices: int


def score(found: NDArray[np.bool_], reference: NDArray[np.bool_], *, distances: bool = True) -> SliceScore:
    """Compare two masks ``[row, column]``, with their contours if these are wanted."""
    both, mine, theirs = (int(np.count_nonzero(each)) for each in (found & reference, found, reference))
    assd = _assd(found, reference) if distances and mine and theirs else None
    return SliceScore(both, mine - both, theirs - both, found.size - mine - theirs + both, assd)


def of_nothing(scores: SliceScores) -> SliceScores:
    """What a result that never finds anything scores on the same slices, its probabilities unknown."""
    missed = (SliceScore(0, 0, one.tp + one.fn, one.fp + one.tn, None) for one in scores.slices)
    return SliceScores(slices=tuple(missed))


def measure(name: str, several: Sequence[SliceScores]) -> Measured:
    """A measure over the slices of one or several trainings, each with its own held-out ones.

    Args:
        name: of :data:`MEASURES`.
        several: of one structure.
    """
    if name == "auc":
        histograms = [scores.histogram for scores in several if scores.histogram]
        pooled = curve(reduce(add, histograms))["auc"] if histograms else None
        return Measured(pooled, sum(len(scores.slices) for scores in several))
    slices = [one for scores in several for one in scores.slices]
    return _POOLED[name](slices) if name in _POOLED else _mean(map(_BY_SLICE[name], slices))


def _pooled(key: str) -> Callable[[Sequence[SliceScore]], Measured]:
    def measured(slices: Sequence[SliceScore]) -> Measured:
        total = Counts(*(sum(one[at] or 0 for one in slices) for at in range(4)))  # type: ignore[arg-type]
        return Measured(total.measures()[key], len(slices))

    return measured


def _mean(values: Iterable[float | None]) -> Measured:
    defined = [value for value in values if value is not None]
    return Measured(fmean(defined) if defined else None, len(defined))


def _agreed(value: float | None) -> float:
    """Of a slice; nothing to find, and nothing found, is full agreement."""
    return 1.0 if value is None else value


_POOLED = {key: _pooled(key) for key in ("accuracy", "sensitivity", "specificity", "dice", "iou")}
_BY_SLICE: dict[str, Callable[[SliceScore], float | None]] = {
    "mean_dice": lambda one: _agreed(one.counts.dice),
    "mean_iou": lambda one: _agreed(one.counts.iou),
    "shown_dice": lambda one: one.counts.dice if one.tp + one.fn else None,
    "shown_assd_px": lambda one: one.assd_px,
}
MEASURES = {
    "accuracy": "share of all pixels that are right, slices pooled",
    "sensitivity": "share of the structure's pixels that were found, slices pooled",
    "specificity": "share of all other pixels that were left alone, slices pooled",
    "dice": "Dice of all pixels, slices pooled",
    "iou": "IoU of all pixels, slices pooled",
    "auc": "area under the ROC curve of all pixels, slices pooled",
    "mean_dice": "mean over slices of Dice, 1 where there is nothing and nothing is found",
    "mean_iou": "mean over slices of IoU, 1 where there is nothing and nothing is found",
    "shown_dice": "mean over the slices whose reference shows the structure of Dice",
    "shown_assd_px": "mean over the slices in which both show the structure of the average symmetric distance of the "
    "contours, in pixels",
}
"""What each measure is, in words."""


def _assd(found: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Mean over the contours' pixels of the distance to the other contour, in pixels; neither mask is empty.

    A contour is the pixels of a mask that share a side with one outside it; beyond the slice all is outside.
    """
    mine, theirs = (mask & ~ndimage.binary_erosion(mask) for mask in (found, reference))
    ways = [ndimage.distance_transform_edt(~there)[here] for here, there in ((mine, theirs), (theirs, mine))]
    return float(np.concatenate(ways).mean())
