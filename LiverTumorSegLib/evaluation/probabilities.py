"""Quality of probabilities: ROC, precision and recall, calibration.

All voxels of a volume count, the background too. It is so large and so easily told apart that the area under the ROC
curve, the calibration error and the Brier score look good whatever a model does; the average precision counts no
true negatives and is not flattered so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .overlap import ratio

LEVELS = 4096
"""Probabilities are rounded to so many parts of 1, which bounds memory for any number of voxels."""

BINS = 10
"""Of the calibration curve, equally wide."""

_POINTS = 200
_PROBABILITIES = np.arange(LEVELS + 1) / LEVELS


@dataclass(frozen=True)
class Histogram:
    """Voxels by level of probability; histograms of cases add up to that of all.

    Args:
        positives: int64 ``[LEVELS + 1]``, voxels inside the structure at probability ``level / LEVELS``.
        negatives: the same of voxels outside it.
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    def __add__(self, other: Histogram) -> Histogram:
        return Histogram(self.positives + other.positives, self.negatives + other.negatives)


def histogram(inside: NDArray[np.bool_], probabilities: NDArray) -> Histogram:
    """Count voxels by rounded probability, slice by slice.

    Only 0 and 1 themselves are rounded to 0 and 1: certainty, such as outside the box of a coarse pass, stays apart.

    Args:
        inside: ``[slice, row, column]``, where the structure is.
        probabilities: of the structure, 0 to 1, of the same shape and any floating-point type.

    Raises:
        ValueError: the shapes differ, or a number is no probability.
    """
    if inside.shape != probabilities.shape:
        msg = f"probabilities {probabilities.shape} do not lie on the voxels of the structure {inside.shape}"
        raise ValueError(msg)
    counts = np.zeros(2 * (LEVELS + 1), np.int64)
    for mask, plane in zip(inside, probabilities, strict=True):
        counts += np.bincount((_levels(plane) + mask * (LEVELS + 1)).ravel(), minlength=len(counts))
    return Histogram(counts[LEVELS + 1 :], counts[: LEVELS + 1])


def measure_curves(counted: Histogram) -> dict[str, Any]:
    """Curves and figures of a structure's probabilities.

    Args:
        counted: of a case, or of several added up.

    Returns:
        ``voxels`` and ``positives``, how many there are and lie inside;
        ``auc``, area under the ROC curve by trapezoids, which counts a tie as half: the share of pairs of a voxel
        inside and one outside in which the one inside is likelier; None unless there are both;
        ``average_precision``, the sum over falling thresholds of precision times the gain in recall, without
        interpolation, as scikit-learn defines it; None without voxels inside;
        ``brier``, mean squared difference of probability and truth (Brier 1950);
        ``calibration_error``, the mean over voxels of the distance between mean probability and observed share in their
        bin (Naeini et al. 2015; Guo et al. 2017, section 2, here of the structure's own probability);
        ``calibration``, ``[mean probability, observed share, voxels]`` of each bin of width 0.1 that has voxels, bins
        with their upper but not their lower end, the first with both;
        ``roc``, ``[false positive rate, true positive rate]``, and ``precision_recall``, ``[recall, precision]``, from
        the highest threshold to the lowest, at most 200 points each; empty where the figure is None.
    """
    inside, outside = counted.positives, counted.negatives
    voxels, positives = int((inside + outside).sum()), int(inside.sum())
    bins = _calibration(counted)
    return {
        "voxels": voxels,
        "positives": positives,
        **_ranking(counted),
        "brier": ratio(float(inside @ (1 - _PROBABILITIES) ** 2 + outside @ _PROBABILITIES**2), voxels),
        "calibration_error": ratio(sum(count * abs(mean - observed) for mean, observed, count in bins), voxels),
        "calibration": bins,
    }


def _levels(plane: NDArray) -> NDArray[np.intp]:
    if not ((plane >= 0) & (plane <= 1)).all():  # neither is NaN
        msg = "probabilities lie between 0 and 1"
        raise ValueError(msg)
    levels = np.rint(plane * LEVELS).astype(np.intp)
    levels[(levels == 0) & (plane > 0)] = 1
    levels[(levels == LEVELS) & (plane < 1)] = LEVELS - 1
    return levels


def _ranking(counted: Histogram) -> dict[str, Any]:
    """Measures of the order of the probabilities alone, from the true and false positives at every threshold."""
    some = (counted.positives + counted.negatives)[::-1] > 0
    true, false = (counts[::-1][some].cumsum() for counts in (counted.positives, counted.negatives))
    figures: dict[str, Any] = {"auc": None, "average_precision": None, "roc": [], "precision_recall": []}
    if not len(true) or not true[-1]:
        return figures
    recall, precision = true / true[-1], true / (true + false)
    figures["average_precision"] = float(np.diff(recall, prepend=0) @ precision)
    figures["precision_recall"] = _thinned(np.stack([recall, precision], axis=1))
    if false[-1]:
        x, y = (np.concatenate([[0], rate]) for rate in (false / false[-1], recall))
        figures["auc"] = float(np.diff(x) @ (y[1:] + y[:-1]) / 2)
        figures["roc"] = _thinned(np.stack([x, y], axis=1))
    return figures


def _thinned(points: NDArray[np.float64]) -> list[list[float]]:
    """Points at about even distances along a curve, so that steep parts keep theirs; the ends stay."""
    along = np.abs(np.diff(points, axis=0, prepend=points[:1])).sum(axis=1).cumsum()
    kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], _POINTS)))
    return points[kept].tolist()


def _calibration(counted: Histogram) -> list[list[float]]:
    bins = np.maximum(-(-np.arange(LEVELS + 1) * BINS // LEVELS) - 1, 0)
    voxels = counted.positives + counted.negatives
    sums = (voxels, voxels * _PROBABILITIES, counted.positives)
    count, expected, observed = (np.bincount(bins, each) for each in sums)
    some = count > 0
    columns = (expected[some] / count[some], observed[some] / count[some], count[some].astype(np.int64))
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
