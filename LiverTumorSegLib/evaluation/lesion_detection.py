"""Detection of lesions as the LiTS challenge scores it, for a case and for a data set, and each lesion's row.

Bilic et al., Medical Image Analysis 84 (2023), section on metrics; lesions are matched in groups, see
:mod:`.lesion_matching`. A group is found where the IoU of its merged prediction and its merged reference is above a
threshold. True positives are the reference lesions of found groups, each one counted; false negatives are the other
reference lesions; false positives are the predicted lesions that are in no found group.

The public scoring program takes all predicted lesions less the true positives as false positives instead: a lesion
found in two halves leaves 1 there, and two lesions found as one leave -1. A part of a found lesion is no false alarm
and no count is negative, so it is not done here; the program's precision is true positives over predicted lesions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import fsum
from statistics import fmean
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.labels import LESION_LABEL, bounding_box
from ..reporting.diameters import axial_diameter
from .label_pair import LabelPair
from .lesion_matching import FoundGroup, Lesions, match_lesions, measure_found_groups, separate_lesions
from .overlap import ratio

PREDICTION, REFERENCE = "prediction", "reference"
SIZE_CLASSES = ("under_10_mm", "10_to_20_mm", "over_20_mm")

_MICROMETRES = 3


@dataclass(frozen=True)
class LesionRow:
    """One lesion of the prediction or the reference.

    Args:
        of: ``reference`` or ``prediction``.
        number: 1 for the largest of these; of equals, the one whose first voxel comes first.
        volume_ml: voxels times the voxel's volume.
        diameter_mm: longest diameter in any one axial slice, from edge to edge.
        size: class by this diameter, see :func:`size_class`.
        centroid_mm: centre of mass in patient coordinates, RAS.
        found: whether its group's IoU is above the threshold.
        touched: whether it is in a group at all, which means an IoU above 0.
        iou: of its group; 0 where it is in none.
        group: its group's number, from 1; None where it is in none.
        score: of a predicted lesion, the mean probability of lesion in it; None without probabilities.
    """

    of: str
    number: int
    volume_ml: float
    diameter_mm: float
    size: str
    centroid_mm: tuple[float, float, float]
    found: bool
    touched: bool
    iou: float
    group: int | None
    score: float | None = None


def size_class(diameter_mm: float) -> str:
    """One of :data:`SIZE_CLASSES`; exactly 10 and 20 mm are in the middle one.

    It is decided to the micrometre: beyond it, how a file states its axes would decide.
    """
    under, middle, over = SIZE_CLASSES
    rounded = round(diameter_mm, _MICROMETRES)
    if rounded < 10:
        return under
    return middle if rounded <= 20 else over


def lesion_rows(
    of: str,
    parts: Lesions,
    groups: NDArray[np.intp],
    ious: NDArray[np.float64],
    above: float,
    pair: LabelPair,
    probabilities: NDArray[np.float32] | None = None,
) -> Iterator[LesionRow]:
    """Measure the lesions of one side, the largest first.

    Args:
        of: whose lesions they are.
        parts: the lesions, on the pair's grid.
        groups: ``[lesion]``: group of each from 1, 0 of one that is in none.
        ious: ``[group]``.
        above: a group is found where its IoU is above this.
        pair: tells the grid's place in the patient.
        probabilities: of lesion on the same grid, for the scores.
    """
    by_group = np.insert(ious, 0, 0.0)
    scores = None if probabilities is None else parts.means(probabilities)
    for number, index in enumerate(parts.largest_first, start=1):
        box = parts.boxes[index]
        mask = parts.numbers[box] == index + 1
        group, iou = int(groups[index]), float(by_group[groups[index]])
        diameter, _ = axial_diameter(mask, pair.axes_mm)
        yield LesionRow(
            of=of,
            number=number,
            volume_ml=int(parts.sizes[index]) * pair.voxel_ml,
            diameter_mm=diameter,
            size=size_class(diameter),
            centroid_mm=_centroid(mask, box, pair),
            found=group > 0 and iou > above,
            touched=group > 0,
            iou=iou,
            group=group or None,
            score=scores[index] if scores else None,
        )


def _centroid(mask: NDArray[np.bool_], box: tuple[slice, ...], pair: LabelPair) -> tuple[float, float, float]:
    """Centre of mass in the patient, from voxels counted along each axis: their indices could fill the memory."""
    centre = [axis.start for axis in box]
    for axis, length in enumerate(mask.shape):
        along = np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis}))
        centre[axis] += (along @ np.arange(length)) / along.sum()
    r, a, s = (centre @ pair.axes_mm + pair.affine[:3, 3]).tolist()
    return r, a, s


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


def detect_lesions(
    pair: LabelPair,
    *,
    iou: float = 0.5,
    connectivity: int = 18,
    probabilities: NDArray[np.float32] | None = None,
) -> CaseDetection:
    """Compare the lesions of a prediction with those of its reference; either can have none.

    Args:
        pair: both.
        iou: a group is found where its IoU is above this, not where it equals it.
        connectivity: of the found groups' surfaces; lesions themselves are always 6-connected.
        probabilities: of lesion, ``[slice, row, column]`` on the pair's grid; they give predicted lesions their scores.
    """
    lesions = (pair.prediction == LESION_LABEL) | (pair.reference == LESION_LABEL)
    if not lesions.any():
        return CaseDetection()
    box = bounding_box(lesions.view(np.uint8))
    near, scored = _cropped(pair, box), None if probabilities is None else probabilities[box]
    prediction, reference = separate_lesions(near.prediction), separate_lesions(near.reference)
    matching = match_lesions(prediction, reference)
    rows = (
        *lesion_rows(REFERENCE, reference, matching.reference, matching.iou, iou, near),
        *lesion_rows(PREDICTION, prediction, matching.prediction, matching.iou, iou, near, scored),
    )
    groups = measure_found_groups(prediction, reference, matching, iou, near.axes_mm, connectivity)
    return CaseDetection(rows, tuple(groups))


def pool_detections(cases: Mapping[str, CaseDetection], iou: float) -> dict[str, Any]:
    """Pool all lesions of a data set, whichever case they are of.

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
    by_size = {size: _counted((row for row in rows if row.size == size), hit).scores() for size in SIZE_CLASSES}
    return _counted(rows, hit).scores() | {"by_size": by_size}


def _means(groups: Collection[FoundGroup]) -> dict[str, Any]:
    """The number of groups and the mean of each measure, None without a group."""
    names = [field.name for field in fields(FoundGroup)]
    means = {name: fmean(getattr(group, name) for group in groups) if groups else None for name in names}
    return {"groups": len(groups)} | means


def _tumour_free(cases: Iterable[CaseDetection]) -> dict[str, Any]:
    """Lesions found in cases whose reference has none, all of them false."""
    free = [case.rows for case in cases if all(row.of == PREDICTION for row in case.rows)]
    return {
        "cases": len(free),
        "with_false_positives": sum(bool(rows) for rows in free),
        "false_positives": sum(len(rows) for rows in free),
        "false_positive_ml": fsum(row.volume_ml for rows in free for row in rows),
    }
