"""Where lesion Dice is lost: wrong voxels by kind, by the lesion's size and contrast, and Dice if a kind did not occur.

Lesions are the 6-connected parts of label 2, as in :mod:`.lesion_matching`; two touch where they share a voxel. Each
wrong voxel is of one kind, as in the decomposition of detection errors by Bolya et al. (TIDE, ECCV 2020), here for
voxels: it belongs to a reference lesion that nothing touches (missed) or that is touched (too small), or to a predicted
lesion that touches none (false) or one (too large).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import fsum
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.labels import LESION_LABEL, LIVER_LABEL, bounding_box
from .label_pair import LabelPair
from .lesion_detection import PREDICTION, REFERENCE, SIZE_CLASSES, LesionRow
from .lesion_matching import Lesions, most_shared, overlaps, separate_lesions
from .overlap import ratio

KINDS = ("missed", "too_small", "false", "too_large")
CONTRAST_CLASSES = ("over_40_hu_darker", "20_to_40_hu_darker", "within_20_hu", "over_20_hu_brighter")
"""By the lesion's mean less the liver's median; exactly 20 and 40 HU are in the class nearer to 0."""

ORACLES: Mapping[str, frozenset[str]] = {
    "as_it_is": frozenset(),
    "no_false_lesions": frozenset({"false"}),
    "no_missed_lesions": frozenset({"missed"}),
    "right_outlines": frozenset({"too_small", "too_large"}),
}
"""Kinds of errors that each oracle takes away; right outlines are those of the lesions that are touched."""


@dataclass(frozen=True)
class LesionError:
    """A lesion of the reference with what is wrong about it, or a false one of the prediction.

    Args:
        of: ``reference`` or ``prediction``.
        number: its number among the rows of :class:`.lesion_detection.CaseDetection`.
        size: class by its longest axial diameter.
        contrast: one of :data:`CONTRAST_CLASSES`; None without a CT, or without liver in the reference.
        contrast_hu: its mean less the median of the reference's liver without lesions, HU.
        touched: whether a lesion of the other side shares a voxel with it.
        right, missed, too_small, false, too_large: voxels; what a predicted lesion marks too much counts with the
            reference lesion that it shares most voxels with.
    """

    of: str
    number: int
    size: str
    contrast: str | None
    contrast_hu: float | None
    touched: bool
    right: int = 0
    missed: int = 0
    too_small: int = 0
    false: int = 0
    too_large: int = 0


@dataclass(frozen=True)
class CaseErrors:
    """The wrong voxels of one case.

    Args:
        lesions: those of the reference, the largest first, then the false ones of the prediction.
        voxel_ml: volume of a voxel.
    """

    lesions: tuple[LesionError, ...]
    voxel_ml: float

    def voxels(self, kind: str) -> int:
        """Voxels of a kind, or ``right`` ones."""
        return sum(getattr(lesion, kind) for lesion in self.lesions)

    @property
    def has_reference(self) -> bool:
        """Whether the reference has any lesion."""
        return any(lesion.of == REFERENCE for lesion in self.lesions)

    def dice(self, without: Collection[str] = ()) -> float | None:
        """Dice of lesions if some kinds of errors did not occur; None where neither side has a lesion."""
        left = {kind: 0 if kind in without else self.voxels(kind) for kind in KINDS}
        reference = self.voxels("right") + self.voxels("missed") + self.voxels("too_small")
        right = reference - left["missed"] - left["too_small"]
        return ratio(2 * right, reference + right + left["false"] + left["too_large"])

    def to_dict(self) -> dict[str, Any]:
        """Volumes by kind in ml, Dice by oracle, and a row for each lesion."""
        return {
            **{f"{kind}_ml": self.voxels(kind) * self.voxel_ml for kind in ("right", *KINDS)},
            "oracles": {name: self.dice(without) for name, without in ORACLES.items()},
            "lesions": [asdict(lesion) for lesion in self.lesions],
        }


def contrast_class(difference_hu: float) -> str:
    """One of :data:`CONTRAST_CLASSES`."""
    dark, darker, alike, bright = CONTRAST_CLASSES
    if difference_hu < -40:
        return dark
    if difference_hu < -20:
        return darker
    return alike if difference_hu <= 20 else bright


def find_lesion_errors(pair: LabelPair, rows: Sequence[LesionRow], image: NDArray[np.int16] | None) -> CaseErrors:
    """Sort the wrong voxels of a case's lesions.

    Args:
        pair: prediction and reference.
        rows: the lesions of both, from :func:`.lesion_detection.detect_lesions`.
        image: int16 ``[slice, row, column]``, HU on the pair's grid; without it no lesion has a contrast.
    """
    marked = (pair.prediction == LESION_LABEL) | (pair.reference == LESION_LABEL)
    if not marked.any():
        return CaseErrors((), pair.voxel_ml)
    box = bounding_box(marked.view(np.uint8))
    prediction, reference = separate_lesions(pair.prediction[box]), separate_lesions(pair.reference[box])
    shared, contrasts = overlaps(prediction, reference), _contrasts(pair, image, box)
    of = {owner: [row for row in rows if row.of == owner] for owner in (REFERENCE, PREDICTION)}
    real = _reference_errors(prediction, reference, shared, of[REFERENCE], contrasts)
    false = _false_lesions(prediction, shared, of[PREDICTION], contrasts)
    return CaseErrors((*real, *false), pair.voxel_ml)


_Contrasts = Callable[[Lesions], Sequence[float | None]]
_Overlaps = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def _reference_errors(
    prediction: Lesions, reference: Lesions, overlapping: _Overlaps, rows: Sequence[LesionRow], contrasts: _Contrasts
) -> Iterator[LesionError]:
    found, real, shared = overlapping
    right = np.bincount(real, shared, len(reference.sizes)).astype(np.intp)
    extra = prediction.sizes - np.bincount(found, shared, len(prediction.sizes)).astype(np.intp)
    owner = most_shared(found, real, shared, len(prediction.sizes))
    touching = owner >= 0
    too_large = np.bincount(owner[touching], extra[touching], len(reference.sizes)).astype(np.intp)
    differences = contrasts(reference)
    for row, index in zip(rows, reference.largest_first, strict=True):
        size, good = int(reference.sizes[index]), int(right[index])
        yield LesionError(
            **_facts(row, differences[index]),
            touched=good > 0,
            right=good,
            missed=0 if good else size,
            too_small=size - good if good else 0,
            too_large=int(too_large[index]),
        )


def _false_lesions(
    prediction: Lesions, overlapping: _Overlaps, rows: Sequence[LesionRow], contrasts: _Contrasts
) -> Iterator[LesionError]:
    touching = set(overlapping[0].tolist())
    differences = contrasts(prediction)
    for row, index in zip(rows, prediction.largest_first, strict=True):
        if index not in touching:
            yield LesionError(**_facts(row, differences[index]), touched=False, false=int(prediction.sizes[index]))


def _facts(row: LesionRow, difference_hu: float | None) -> dict[str, Any]:
    contrast = None if difference_hu is None else contrast_class(difference_hu)
    return {"of": row.of, "number": row.number, "size": row.size, "contrast": contrast, "contrast_hu": difference_hu}


def _contrasts(pair: LabelPair, image: NDArray[np.int16] | None, box: tuple[slice, ...]) -> _Contrasts:
    """A function that gives the mean of each lesion in the box less the liver's median, ``[lesion]``."""
    liver = pair.reference == LIVER_LABEL
    if image is None or not liver.any():
        return lambda parts: [None] * len(parts.sizes)
    median, near = float(np.median(image[liver])), image[box]
    return lambda parts: [mean - median for mean in parts.means(near)]


def pool_lesion_errors(cases: Mapping[str, CaseErrors]) -> dict[str, Any]:
    """All cases together.

    Args:
        cases: by name.

    Returns:
        ``right_ml`` and the volume of each kind; ``shares`` of the wrong volume; ``oracles``, the mean over the cases
        whose reference has a lesion of Dice by oracle, None without such a case; ``counted``, how many these are; and
        ``by_size`` and ``by_contrast``: lesions, touched ones, false ones and volumes, by class. By contrast is None
        where no lesion has one.
    """
    volumes = {kind: fsum(case.voxels(kind) * case.voxel_ml for case in cases.values()) for kind in ("right", *KINDS)}
    wrong = fsum(volumes[kind] for kind in KINDS)
    counted = [case for case in cases.values() if case.has_reference]
    lesions = [(lesion, case.voxel_ml) for case in cases.values() for lesion in case.lesions]
    has_contrast = any(lesion.contrast for lesion, _ in lesions)
    return {
        **{f"{kind}_ml": volume for kind, volume in volumes.items()},
        "shares": {kind: volumes[kind] / wrong if wrong else None for kind in KINDS},
        "counted": len(counted),
        "oracles": {name: _mean([case.dice(without) for case in counted]) for name, without in ORACLES.items()},
        "by_size": {name: _class_row([x for x in lesions if x[0].size == name]) for name in SIZE_CLASSES},
        "by_contrast": {name: _class_row([x for x in lesions if x[0].contrast == name]) for name in CONTRAST_CLASSES}
        if has_contrast
        else None,
    }


def _mean(values: Collection[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return fmean(defined) if defined else None


def _class_row(lesions: Collection[tuple[LesionError, float]]) -> dict[str, Any]:
    real = [lesion for lesion, _ in lesions if lesion.of == REFERENCE]
    return {
        "lesions": len(real),
        "touched": sum(lesion.touched for lesion in real),
        "false_lesions": len(lesions) - len(real),
        **{f"{kind}_ml": fsum(getattr(one, kind) * ml for one, ml in lesions) for kind in ("right", *KINDS)},
    }
