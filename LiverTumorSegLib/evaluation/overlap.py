"""Overlap of two label volumes, all from counting each pair of labels once.

Every measure is a ratio of true and false positives and negatives (Taha and Hanbury, BMC Medical Imaging 15, 2015,
section "Spatial overlap based metrics"); a ratio of nothing to nothing is None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pairs.label_pair import LabelPair
from .structures import values

_LABELS = 3


@dataclass(frozen=True)
class Counts:
    """Voxels of one structure that are right and wrong.

    Args:
        tp, fp, fn, tn: true and false positives, false and true negatives.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def dice(self) -> float | None:
        """Dice coefficient 2|P∩R| / (|P|+|R|), which is the F1 of the voxels."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float | None:
        """Intersection over union, the Jaccard index."""
        return ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def rvd(self) -> float | None:
        """Relative volume difference (|P|-|R|) / |R|, positive where too much was found."""
        return ratio(self.fp - self.fn, self.tp + self.fn)

    def measures(self) -> dict[str, float | None]:
        """Every overlap measure by its key in a report."""
        return {
            "dice": self.dice,
            "iou": self.iou,
            "voe": None if self.iou is None else 1 - self.iou,
            "rvd": self.rvd,
            "sensitivity": ratio(self.tp, self.tp + self.fn),
            "specificity": ratio(self.tn, self.tn + self.fp),
            "precision": ratio(self.tp, self.tp + self.fp),
            "accuracy": ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn),
        }


def confusion(pair: LabelPair) -> NDArray[np.int64]:
    """Voxels by slice and by pair of labels, ``[slice, reference, prediction]``."""
    counted = np.zeros((len(pair.reference), _LABELS * _LABELS), np.int64)
    for row, reference, prediction in zip(counted, pair.reference, pair.prediction, strict=True):
        row += np.bincount((reference * np.uint8(_LABELS) + prediction).ravel(), minlength=_LABELS * _LABELS)
    return counted.reshape(-1, _LABELS, _LABELS)


def counts(matrix: NDArray[np.int64], structure: str) -> Counts:
    """A structure's counts in a confusion matrix ``[reference, prediction]``."""
    tp, found, real = (int(n) for n in _tally(matrix, structure))
    return Counts(tp, found - tp, real - tp, int(matrix.sum()) - found - real + tp)


def counts_by_slice(slices: NDArray[np.int64], structure: str) -> list[Counts]:
    """A structure's counts in each slice of ``[slice, reference, prediction]``."""
    tally = np.stack([*_tally(slices, structure), slices.sum((-2, -1))], axis=-1).tolist()
    return [Counts(tp, found - tp, real - tp, every - found - real + tp) for tp, found, real, every in tally]


def dice_per_slice(slices: NDArray[np.int64], structure: str) -> float | None:
    """Mean Dice over the axial slices where prediction or reference has the structure; None where none has.

    Args:
        slices: ``[slice, reference, prediction]``, from :func:`confusion`.
        structure: what is compared.
    """
    tp, found, real = _tally(slices, structure)
    shown = found + real > 0
    return float(np.mean(2 * tp[shown] / (found + real)[shown])) if shown.any() else None


def _tally(matrices: NDArray[np.int64], structure: str) -> tuple[NDArray[np.int64], ...]:
    """Voxels of prediction and reference in common, of the prediction, of the reference."""
    inside = np.isin(np.arange(_LABELS), values(structure))
    real = matrices[..., inside, :]
    return real[..., inside].sum((-2, -1)), matrices[..., inside].sum((-2, -1)), real.sum((-2, -1))


def dice(result: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float | None:
    """Dice coefficient 2|A∩B| / (|A|+|B|) of two masks; None where both are empty."""
    both, either = int(np.count_nonzero(result & reference)), int(np.count_nonzero(result | reference))
    return ratio(2 * both, both + either)


def ratio(part: float, whole: int) -> float | None:
    """A share, None of nothing."""
    return part / whole if whole else None
