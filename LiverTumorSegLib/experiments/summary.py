"""What the patients of several recipes say side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from ..datasets.patients import patient_of
from ..errors import UserError
from ..evaluation import statistics
from ..evaluation.comparison import adjust, paired
from ..evaluation.lesions.detection import Detections
from ..training.scores import mean_of_defined
from .patient_result import PatientResult

Results = Sequence[PatientResult]

MEANS: dict[str, Callable[[PatientResult], float | None]] = {
    "liver_dice": lambda result: result.liver_dice,
    "lesion_dice": lambda result: result.lesion_dice,
    "liver_assd_mm": lambda result: result.liver_assd_mm,
    "lesion_assd_mm": lambda result: result.lesion_assd_mm,
    "false_lesion_ml": lambda result: result.false_lesion_ml,
}
"""Figures that are averaged over the patients for whom they are defined."""

COMPARED = ("liver_dice", "lesion_dice")
"""Figures that are tested: distances are not defined where nothing was found, and to miss all would look better."""


def summarise(
    results: Mapping[str, Results], parameters: Mapping[str, int], against: str | None = None
) -> dict[str, Any]:
    """Figures of each recipe, and its differences from one of them, paired by patient.

    Args:
        results: patients by recipe, the same of all.
        parameters: of the networks, by recipe.
        against: the recipe that the others are compared with; None for the one with the best lesion Dice (liver Dice,
            where lesions are not defined).

    Returns:
        ``against``; ``patients``, ``with_lesions``, how many there are, two scans of one counting once; ``recipes``, by
        name: of :data:`MEANS` what :func:`LiverTumorSegLib.evaluation.statistics.summarise` says, ``lesion_recall``,
        ``lesion_recall_touched`` and ``lesion_precision``, pooled over all lesions with intervals by patient,
        ``largest_false_lesion_ml``, ``seconds``, the median over patients, ``parameters``, and ``differences``, of
        :data:`COMPARED` what :func:`LiverTumorSegLib.evaluation.comparison.paired` says (A is ``against``), None for
        itself; ``tests``, how many p there are.

    Raises:
        UserError: ``against`` is no recipe that was measured.
    """
    reference = _reference(results, against)
    recipes = {name: {**_figures(found), "parameters": parameters[name]} for name, found in results.items()}
    differences = {
        name: {
            key: paired(_by_patient(results[reference], MEANS[key]), _by_patient(found, MEANS[key])) for key in COMPARED
        }
        for name, found in results.items()
        if name != reference
    }
    tests = adjust([row for rows in differences.values() for row in rows.values()])
    return {
        "against": reference,
        "patients": len({patient_of(result.name) for result in results[reference]}),
        "with_lesions": recipes[reference]["lesion_dice"]["patients"],
        "recipes": {name: {**row, "differences": differences.get(name)} for name, row in recipes.items()},
        "tests": tests,
    }


def _reference(results: Mapping[str, Results], against: str | None) -> str:
    if against is None:
        return max(results, key=lambda name: _quality(results[name]))
    if against not in results:
        msg = f"{against} is none of what was measured: compare with one of {', '.join(results)}."
        raise UserError(msg)
    return against


def _quality(found: Results) -> tuple[float, float]:
    lesion, liver = (mean_of_defined(map(MEANS[key], found)) for key in ("lesion_dice", "liver_dice"))
    return (-1.0 if lesion is None else lesion, -1.0 if liver is None else liver)


def _values(found: Results, of: Callable[[PatientResult], float | None]) -> dict[str, float | None]:
    return {result.name: of(result) for result in found}


def _by_patient(found: Results, of: Callable[[PatientResult], float | None]) -> dict[str, float | None]:
    """Mean of each patient's scans; None where it is not defined for one of them."""
    scans: dict[str, list[float | None]] = {}
    for result in found:
        scans.setdefault(patient_of(result.name), []).append(of(result))
    return {name: None if None in each else fmean(value or 0.0 for value in each) for name, each in scans.items()}


def _figures(found: Results) -> dict[str, Any]:
    persons = {result.name: patient_of(result.name) for result in found}
    false = [ml for result in found if (ml := result.false_lesion_ml) is not None]
    return {
        **{key: statistics.summarise(_values(found, of), persons) for key, of in MEANS.items()},
        **_lesions(found, persons),
        "largest_false_lesion_ml": max(false, default=None),
        "seconds": median(result.seconds for result in found),
    }


def _lesions(found: Results, persons: Mapping[str, str]) -> dict[str, Any]:
    """Recall at an IoU above 0.5 and at any overlap, and precision, of all lesions together."""
    hits = _counted(found, lambda result: result.detection, _hits)
    real = _counted(found, lambda result: result.detection, lambda each: _hits(each) + each.false_negatives)
    said = _counted(found, lambda result: result.detection, lambda each: _hits(each) + each.false_positives)
    near = _counted(found, lambda result: result.touched, _hits)
    return {
        "lesion_recall": statistics.ratio(hits, real, persons),
        "lesion_recall_touched": statistics.ratio(near, real, persons),
        "lesion_precision": statistics.ratio(hits, said, persons),
    }


def _counted(
    found: Results, detections: Callable[[PatientResult], Detections | None], count: Callable[[Detections], int]
) -> dict[str, float | None]:
    return {result.name: count(each) if (each := detections(result)) else None for result in found}


def _hits(detections: Detections) -> int:
    return detections.true_positives
