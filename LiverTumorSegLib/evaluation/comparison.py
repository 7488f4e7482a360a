"""Two evaluations compared patient by patient."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import rankdata, wilcoxon

from ..core import text_files
from ..core.errors import UserError
from .label_pair import LESION_NAME, STRUCTURES
from .statistics import RESAMPLES, SEED, summarise

NOISE = 0.05
REMARK = (
    f"Differences of lesion Dice under {NOISE:g} between folds or trainings are within noise: p tells chance among "
    "patients, not among trainings."
)
SAME_SETTINGS = ("connectivity", "tolerance_mm", "empties", "iou")
"""Settings that change what a figure means."""

COMPARED = ("dice", "surface_dice", "assd_mm", "hd95_mm")
"""Measures that are tested; others say much the same, and each more makes the correction for their number stricter."""

_FEWEST = 6
_MOST_EXACT = 200
_SIGNIFICANT = 0.05
_DECIMALS = 9

Report = Mapping[str, Any]
Values = dict[str, float | None]


class _Measures(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    __pydantic_extra__: dict[str, float | None]
    empty: str | None


class _Case(BaseModel):
    patient: str
    liver: _Measures
    liver_only: _Measures
    lesion: _Measures


class _Report(BaseModel):
    format: Literal[1]
    settings: dict[str, Any]
    cases: dict[str, _Case] = Field(min_length=1)


def load(path: Path) -> dict[str, Any]:
    """Read the report of an evaluation.

    Args:
        path: ``report.json``, or the folder that it is in.

    Raises:
        UserError: it cannot be read, or is no such report.
    """
    path = path / "report.json" if path.is_dir() else path
    try:
        content: dict[str, Any] = json.loads(text_files.read_text(path))
        _Report.model_validate(content)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): give the report.json of an evaluation."
        raise UserError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not the report of an evaluation: give the report.json that livertumorseg evaluate wrote."
        raise UserError(msg) from error
    return content


def compare(a: Report, b: Report, *, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, Any]:
    """Compare two evaluations, paired by patient.

    A patient's value is the mean over the patient's cases, so that none counts twice. Where any of these is not
    defined in either evaluation, the patient is left out of that measure by name: else a mean could improve by what
    was missed.

    Args:
        a: of :func:`load`.
        b: the same.
        resamples: of the bootstrap, see :func:`LiverTumorSegLib.evaluation.statistics.summarise`.
        seed: of the bootstrap.

    Returns:
        ``patients``, how many both have; ``only_a`` and ``only_b``, names of those that one has; ``other_cases``, names
        of those of whom the two have different cases, which are not compared either; ``remarks``, cautions in words;
        ``tests``, how many p there are; ``measures``, of :data:`COMPARED`, by structure and measure:
        ``mean_a`` and ``mean_b`` over the patients that count; ``difference``, the mean of B - A, with ``low`` and
        ``high``, its 95 % interval by patient; ``p`` of :func:`signed_rank`; ``p_holm``, the same adjusted for the
        number of tests by :func:`holm`; ``counted`` patients; ``left_out``, names of those
        without a value.

    Raises:
        UserError: settings that change what a figure means differ, a case was measured against two references, or no
            patient can be compared.
    """
    _refuse_other_settings(a, b)
    _refuse_other_references(a, b)
    first, second = _by_patient(a), _by_patient(b)
    both = sorted(first.keys() & second.keys())
    same = [patient for patient in both if first[patient].keys() == second[patient].keys()]
    if not same:
        msg = "The two evaluations have no patient with the same cases: compare evaluations on the same references."
        raise UserError(msg)
    measures: dict[str, dict[str, dict[str, Any]]] = {
        structure: {
            key: paired_statistics(
                _means(first, same, structure, key),
                _means(second, same, structure, key),
                resamples=resamples,
                seed=seed,
            )
            for key in _keys(a, b, structure)
        }
        for structure in STRUCTURES
    }
    tests = add_adjusted_p([row for rows in measures.values() for row in rows.values()])
    return {
        "patients": len(same),
        "only_a": sorted(first.keys() - second.keys()),
        "only_b": sorted(second.keys() - first.keys()),
        "other_cases": sorted(set(both) - set(same)),
        "measures": measures,
        "tests": tests,
        "remarks": _remarks(measures, len(same), tests),
    }


def signed_rank(differences: Sequence[float]) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test (1945); None where fewer than 6 differences are other than 0.

    With 5, no result can have a p under 0.05: the least is 2 / 2^5. Differences of 0 are ranked and then left out of
    the sums (Pratt 1959): left out beforehand, as Wilcoxon did, patients on whom both agree would not count against a
    difference. The distribution over all signs is exact, also with ties, for up to 200 differences: the normal one
    that SciPy takes for ties gives too small p for few patients.

    Args:
        differences: one a patient; rounded to 9 decimals, so that equal ones tie.
    """
    rounded = np.round(np.asarray(differences, np.float64), _DECIMALS)
    shown = rounded != 0
    if np.count_nonzero(shown) < _FEWEST:
        return None
    if len(rounded) > _MOST_EXACT:
        return float(wilcoxon(rounded, zero_method="pratt", method="approx").pvalue)
    doubled = (2 * rankdata(np.abs(rounded))).astype(int)[shown]  # whole numbers also where ranks are shared
    positive = int(doubled[rounded[shown] > 0].sum())
    tail = min(positive, int(doubled.sum()) - positive)
    return min(1.0, 2 * float(_sums(doubled)[: tail + 1].sum()))


def _sums(ranks: NDArray[np.int_]) -> NDArray[np.float64]:
    """Probability of each sum of those of the ranks whose sign is positive, every sign being as likely."""
    shares = np.ones(1)
    for rank in ranks:
        without, including = np.pad(shares, (0, rank)), np.pad(shares, (rank, 0))
        shares = (without + including) / 2
    return shares


def holm(values: Sequence[float]) -> list[float]:
    """P values adjusted for their number, step by step from the smallest (Holm 1979); valid however tests depend."""
    order = np.argsort(values, kind="stable")
    steps = np.asarray(values, np.float64)[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(steps).clip(max=1)
    return adjusted.tolist()


def paired_statistics(first: Values, second: Values, *, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, Any]:
    """The comparison of one measure, as :func:`compare` returns it.

    Args:
        first: of A by patient; None where not defined.
        second: of B, of the same patients.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        One entry of ``measures`` of :func:`compare`, its ``p_holm`` still None.
    """
    both = {name: (x, y) for name in first if (x := first[name]) is not None and (y := second[name]) is not None}
    differences = {name: y - x for name, (x, y) in both.items()}
    statistics = summarise(
        {name: differences.get(name) for name in first}, {name: name for name in first}, resamples=resamples, seed=seed
    )
    return {
        "mean_a": float(np.mean([x for x, _ in both.values()])) if both else None,
        "mean_b": float(np.mean([y for _, y in both.values()])) if both else None,
        "difference": statistics["mean"],
        "low": statistics["low"],
        "high": statistics["high"],
        "p": signed_rank(list(differences.values())),
        "p_holm": None,
        "counted": statistics["counted"],
        "left_out": statistics["left_out"],
    }


def add_adjusted_p(rows: Sequence[dict[str, Any]]) -> int:
    """Set ``p_holm`` of what :func:`paired_statistics` made, corrected for how many p there are, which is returned."""
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
    return len(tested)


def _refuse_other_settings(a: Report, b: Report) -> None:
    for name in SAME_SETTINGS:
        first, second = (report["settings"].get(name) for report in (a, b))
        if first != second:
            msg = f"The two evaluations differ in {name} ({first} and {second}): evaluate both alike, then compare."
            raise UserError(msg)


def _refuse_other_references(a: Report, b: Report) -> None:
    for name in a["cases"].keys() & b["cases"].keys():
        first, second = (report["cases"][name].get("reference_checksum") for report in (a, b))
        if first and second and first != second:
            msg = f"{name} was measured against two different references: compare evaluations on the same ones."
            raise UserError(msg)


def _remarks(measures: Mapping[str, Any], patients: int, tests: int) -> list[str]:
    remarks = []
    difference = measures[LESION_NAME].get("dice", {}).get("difference")
    if difference and abs(difference) < NOISE:
        remarks.append(REMARK)
    if not tests:
        remarks.append(f"In no measure do {_FEWEST} patients differ or more, which a test needs.")
    if tests * 2.0 ** (1 - patients) > _SIGNIFICANT:
        remarks.append(f"{patients} patients are too few for any of {tests} tests to reach 0.05 after the correction.")
    return remarks


def _by_patient(report: Report) -> dict[str, dict[str, Any]]:
    """Cases of each patient, by name."""
    patients: dict[str, dict[str, Any]] = {}
    for name, case in report["cases"].items():
        patients.setdefault(case["patient"], {})[name] = case
    return patients


def _keys(a: Report, b: Report, structure: str) -> list[str]:
    """Measures of a structure that are compared and that both evaluations have."""
    first, second = (next(iter(report["cases"].values()))[structure] for report in (a, b))
    return [key for key in COMPARED if key in first and key in second]


def _means(patients: Mapping[str, Mapping[str, Any]], names: Sequence[str], structure: str, key: str) -> Values:
    """Mean of each patient's cases; None where it is not defined for one of them."""
    values = {name: [case[structure].get(key) for case in patients[name].values()] for name in names}
    return {name: None if None in cases else sum(cases) / len(cases) for name, cases in values.items()}
