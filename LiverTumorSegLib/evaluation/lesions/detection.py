"""Detection of lesions as the LiTS challenge scores it, for a case and for a data set.

Bilic et al., Medical Image Analysis 84 (2023), section on metrics; lesions are matched in groups, see :mod:`.matching`.
A group is found where the IoU of its merged prediction and its merged reference is above a threshold. True positives
are the reference lesions of found groups, each one counted; false negatives are the other reference lesions; false
positives are the predicted lesions that are in no found group.

The public scoring program takes all predicted lesions less the true positives as false positives instead: a lesion
found in two halves leaves 1 there, and two lesions found as one leave -1. A part of a found lesion is no false alarm
and no count is negative, so it is not done here; the program's precision is true positives over predicted lesions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from math import fsum
from statistics import fmean
from typing import Any, Literal

import numpy as np

from ...postprocessing import LESION, bounds
from ..overlap import ratio
from ..pairs.label_pair import LabelPair
from .found_groups import FoundGroup, found_groups
from .lesion_rows import PREDICTION, REFERENCE, SIZES, LesionRow, lesion_rows
from .matching import match, parts

Hit = Literal["found", "touched"]


@dataclass(frozen=True)
class Detections:
    """Counted lesions."""

    true_positives: int
    false_positives: int
    false_negatives: int

    def scores(self) -> dict[str, Any]:
        """The counts with precision, recall and F1, each None where its denominator is 0.

        F1 is 2 TP / (2 TP + FP + FN): the harmonic mean of the others, and 0 where one of them is not defined but
        something was missed or wrongly found, so that a model that finds nothing has an F1.
        """
        found, wrong, missed = self.true_positives, self.false_positives, self.false_negatives
        return asdict(self) | {
            "precision": ratio(found, found + wrong),
            "recall": ratio(found, found + missed),
            "f1": ratio(2 * found, 2 * found + wrong + missed),
        }


@dataclass(frozen=True)
class CaseDetection:
    """Lesions of one case.

    Args:
        rows: the reference's lesions, the largest first, then the prediction's.
        detected: the found groups.
    """

    rows: tuple[LesionRow, ...] = ()
    detected: tuple[FoundGroup, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Counts above the threshold and at any overlap, and the found groups."""
        return {
            "above": asdict(_counted(self.rows, "found")),
            "any": asdict(_counted(self.rows, "touched")),
            "detected": [asdict(group) for group in self.detected],
        }


def detect(pair: LabelPair, *, iou: float = 0.5, connectivity: int = 18) -> CaseDetection:
    """Compare the lesions of a prediction with those of its reference; either can have none.

    Args:
        pair: both.
        iou: a group is found where its IoU is above this, not where it equals it.
        connectivity: of the found groups' surfaces; lesions themselves are always 6-connected.
    """
    lesions = (pair.prediction == LESION) | (pair.reference == LESION)
    if not lesions.any():
        return CaseDetection()
    near = _cropped(pair, bounds(lesions.view(np.uint8)))
    prediction, reference = parts(near.prediction), parts(near.reference)
    matching = match(prediction, reference)
    rows = (
        *lesion_rows(REFERENCE, reference, matching.reference, matching.iou, iou, near),
        *lesion_rows(PREDICTION, prediction, matching.prediction, matching.iou, iou, near),
    )
    groups = found_groups(prediction, reference, matching, iou, near.axes_mm, connectivity)
    return CaseDetection(rows, tuple(groups))


def pooled(cases: Mapping[str, CaseDetection], iou: float) -> dict[str, Any]:
    """What all lesions of a data set say together, whichever case they are of.

    Args:
        cases: by name.
        iou: the threshold that they were found at.

    Returns:
        Counts, precision, recall and F1 of all lesions and by size; the same at any overlap; means over the found
        groups; and false positives where the reference has no lesion. Of a size class, true positives and false
        negatives are reference lesions of this size, false positives are predicted lesions of this size.
    """
    rows = [row for case in cases.values() for row in case.rows]
    return {
        "iou_above": iou,
        "reference_lesions": sum(row.of == REFERENCE for row in rows),
        "predicted_lesions": sum(row.of == PREDICTION for row in rows),
        **_scores(rows, "found"),
        "any_overlap": _scores(rows, "touched"),
        "detected": _means([group for case in cases.values() for group in case.detected]),
        "tumour_free": _tumour_free(cases.values()),
    }


def _cropped(pair: LabelPair, box: tuple[slice, ...]) -> LabelPair:
    affine = pair.affine.copy()
    affine[:3, 3] += [axis.start for axis in box] @ pair.axes_mm
    return LabelPair(pair.prediction[box], pair.reference[box], affine)


def _counted(rows: Iterable[LesionRow], hit: Hit) -> Detections:
    counts = Counter((row.of, getattr(row, hit)) for row in rows)
    return Detections(counts[REFERENCE, True], counts[PREDICTION, False], counts[REFERENCE, False])


def _scores(rows: Collection[LesionRow], hit: Hit) -> dict[str, Any]:
    by_size = {size: _counted((row for row in rows if row.size == size), hit).scores() for size in SIZES}
    return _counted(rows, hit).scores() | {"by_size": by_size}


def _means(groups: Collection[FoundGroup]) -> dict[str, Any]:
    """How many groups there are, and the mean of each measure, None without a group."""
    names = [field.name for field in fields(FoundGroup)]
    means = {name: fmean(getattr(group, name) for group in groups) if groups else None for name in names}
    return {"groups": len(groups)} | means


def _tumour_free(cases: Iterable[CaseDetection]) -> dict[str, Any]:
    """What was found in cases whose reference has no lesion, all of it falsely."""
    free = [case.rows for case in cases if all(row.of == PREDICTION for row in case.rows)]
    return {
        "cases": len(free),
        "with_false_positives": sum(bool(rows) for rows in free),
        "false_positives": sum(len(rows) for rows in free),
        "false_positive_ml": fsum(row.volume_ml for rows in free for row in rows),
    }
