"""Overlap of two label volumes, all from counting each pair of labels once, and the rule for empty masks.

Every measure is a ratio of true and false positives and negatives (Taha and Hanbury, BMC Medical Imaging 15, 2015,
section "Spatial overlap based metrics"); a ratio of nothing to nothing is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from .label_pair import LabelPair, structure_values

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
    inside = np.isin(np.arange(_LABELS), structure_values(structure))
    real = matrices[..., inside, :]
    return real[..., inside].sum((-2, -1)), matrices[..., inside].sum((-2, -1)), real.sum((-2, -1))


def dice(result: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float | None:
    """Dice coefficient 2|A∩B| / (|A|+|B|) of two masks; None where both are empty."""
    both, either = int(np.count_nonzero(result & reference)), int(np.count_nonzero(result | reference))
    return ratio(2 * both, both + either)


def ratio(part: float, whole: int) -> float | None:
    """A share, None of nothing."""
    return part / whole if whole else None


DISTANCES = ("assd_mm", "rmsd_mm", "hd_mm", "hd95_mm")


class Empties(str, Enum):
    """The rule for empty masks.

    ``LITS``: Dice, IoU and surface Dice are 1 where both are empty and 0 where one is, as LiTS scores Dice per case;
    distances are not defined then, and such a case is left out of their means by name.

    ``WORST``: the same, but a distance is 0 where both are empty and the image's diagonal where one is, so that a
    missed structure cannot improve a mean (Maier-Hein et al., Metrics reloaded, Nature Methods 21, 2024).

    ``LEAVE_OUT``: a case whose reference is empty is left out, also of the pooled Dice, as MONAI's metrics do by
    default; a missed structure has Dice 0 and no distance. Volumes, burden and lesions count all cases.
    """

    LITS = "lits"
    WORST = "worst"
    LEAVE_OUT = "leave-out"

    def apply(self, measured: dict[str, float | None], empty: str | None, diagonal_mm: float) -> None:
        """Fill in, or take out, what is not defined by itself.

        Args:
            measured: by key; changed in place.
            empty: as :func:`emptiness` gives it.
            diagonal_mm: the longest distance in the image.
        """
        if empty is None:
            return
        if self is Empties.LEAVE_OUT and empty != "prediction":
            measured.update(dict.fromkeys(measured))
            return
        agreed = float(empty == "both")
        measured.update({"dice": agreed, "iou": agreed, "voe": 1 - agreed, "surface_dice": agreed})
        if empty == "both":
            measured["rvd"] = 0.0
        if self is Empties.WORST:
            measured.update(dict.fromkeys(DISTANCES, 0.0 if agreed else diagonal_mm))


def emptiness(counts: Counts) -> str | None:
    """The empty one of the masks: ``prediction``, ``reference``, ``both`` or None."""
    found, real = counts.tp + counts.fp, counts.tp + counts.fn
    if found and real:
        return None
    if not found and not real:
        return "both"
    return "reference" if found else "prediction"
