"""Summary of several recipes' patients side by side, and its tables for the terminal, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from ..core.errors import UserError
from ..core.text_files import to_csv
from ..datasets.splits import patient_of
from ..evaluation import statistics
from ..evaluation.comparison import add_adjusted_p, paired_statistics
from ..evaluation.lesion_detection import Detections
from ..training.scoring import mean_of_defined
from .trial import PatientResult

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


def summarise_recipes(
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
        :data:`COMPARED` what :func:`LiverTumorSegLib.evaluation.comparison.paired_statistics` says (A is ``against``),
        None for itself; ``tests``, how many p there are.

    Raises:
        UserError: ``against`` is no recipe that was measured.
    """
    reference = _reference(results, against)
    recipes = {name: {**_figures(found), "parameters": parameters[name]} for name, found in results.items()}
    differences = {
        name: {
            key: paired_statistics(_by_patient(results[reference], MEANS[key]), _by_patient(found, MEANS[key]))
            for key in COMPARED
        }
        for name, found in results.items()
        if name != reference
    }
    tests = add_adjusted_p([row for rows in differences.values() for row in rows.values()])
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
        "lesion_recall": statistics.pooled_ratio(hits, real, persons),
        "lesion_recall_touched": statistics.pooled_ratio(near, real, persons),
        "lesion_precision": statistics.pooled_ratio(hits, said, persons),
    }


def _counted(
    found: Results, detections: Callable[[PatientResult], Detections | None], count: Callable[[Detections], int]
) -> dict[str, float | None]:
    return {result.name: count(each) if (each := detections(result)) else None for result in found}


def _hits(detections: Detections) -> int:
    return detections.true_positives


_MEGA = 1e6
_NOTHING = "-"
_LEAST_P = 0.01

_MEANING = (
    (
        "{patients} patients, each measured by a model that was not trained on them; means with the 95 % interval of a "
        "bootstrap over patients, which tells chance among patients, not among trainings."
    ),
    "Lesion Dice: mean over the {with_lesions} patients with lesions; false lesions: mean volume in patients without.",
    "ASSD: mean over the patients in whom something was found, so that who misses the hard ones looks better.",
    "Lesions found: share of all lesions with an IoU above 0.5. Seconds a volume: median, with reading left out.",
)
_DIFFERENCE = (
    "Difference: of lesion Dice, from {against}, paired by patient; where that was chosen as the best by these very "
    "figures, differences come out too large."
)
_TESTED = "p: Wilcoxon's signed-rank test after Holm's correction for {tests} tests."

Summary = Mapping[str, Any]
Row = Mapping[str, Any]


def _mean(key: str, digits: int) -> Callable[[Row], str]:
    """A cell of a mean with its interval, where it has one."""

    def cell(row: Row) -> str:
        mean, low, high = (row[key][name] for name in ("mean", "low", "high"))
        interval = "" if low is None else f" ({low:.{digits}f}–{high:.{digits}f})"
        return f"{_number(mean, digits)}{interval}"

    return cell


def _difference(key: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        found = row["differences"]
        if found is None or found[key]["difference"] is None:
            return _NOTHING
        p = found[key]["p_holm"]
        return f"{found[key]['difference']:+.2f}{'' if p is None else f' (p {_chance(p)})'}"

    return cell


_COMPARED = "difference"
_COLUMNS: dict[str, Callable[[Row], str]] = {
    "million parameters": lambda row: f"{row['parameters'] / _MEGA:.1f}",
    "liver Dice": _mean("liver_dice", 2),
    "lesion Dice": _mean("lesion_dice", 2),
    _COMPARED: _difference("lesion_dice"),
    "liver ASSD mm": _mean("liver_assd_mm", 1),
    "lesion ASSD mm": _mean("lesion_assd_mm", 1),
    "lesions found": _mean("lesion_recall", 2),
    "false lesions ml": lambda row: _number(row["false_lesion_ml"]["mean"], 1),
    "seconds a volume": lambda row: f"{row['seconds']:.1f}",
}
_STATISTICS = ("mean", "low", "high", "counted")
_PAIRED = ("difference", "low", "high", "p", "p_holm", "counted")


def summary_rows(summary: Summary) -> list[list[str]]:
    """A header and a row a recipe, in words; the best lesion Dice first, and no differences where there is one only."""
    found = sorted(summary["recipes"].items(), key=lambda each: -(each[1]["lesion_dice"]["mean"] or 0))
    columns = {name: cell for name, cell in _COLUMNS.items() if name != _COMPARED or len(found) > 1}
    return [["", *columns], *([name, *(cell(row) for cell in columns.values())] for name, row in found)]


def explain_figures(summary: Summary) -> list[str]:
    """Explanations of the figures, a sentence each."""
    compared = (_DIFFERENCE,) if len(summary["recipes"]) > 1 else ()
    sentences = (*_MEANING, *compared, *((_TESTED,) if summary["tests"] else ()))
    return [sentence.format(**summary) for sentence in sentences]


def summary_markdown(summary: Summary, sentences: list[str]) -> str:
    """A table, then sentences."""
    head, *body = summary_rows(summary)
    lines = [f"| {' | '.join(line)} |" for line in (head, *body)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:], "", *sentences, ""])


def summary_csv(summary: Summary) -> str:
    """A row a recipe with every figure; cells of what is not defined are empty."""
    content = [{"recipe": name, **_flat(row)} for name, row in summary["recipes"].items()]
    names = list(dict.fromkeys(key for row in content for key in row))
    return to_csv(names, content)


def _flat(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in row.items():
        if key == "differences":
            found |= {f"{name}_{k}": each[k] for name, each in _prefixed(value).items() for k in _PAIRED}
        elif isinstance(value, Mapping):
            found |= {f"{key}_{k}": value[k] for k in _STATISTICS}
        else:
            found[key] = value
    return found


def _prefixed(differences: Row | None) -> dict[str, Row]:
    return {f"{key}_against": each for key, each in (differences or {}).items()}


def _chance(p: float) -> str:
    """A p that two digits would round to nothing is no nothing."""
    return f"{p:.2f}" if p >= _LEAST_P else f"<{_LEAST_P}"


def _number(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}"
