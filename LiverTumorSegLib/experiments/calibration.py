"""Lesion scores of a model, fitted on candidates in patients that their networks were not trained on.

A logistic regression tells how likely a candidate is a lesion; patients count alike in it, however many candidates they
have. What is said of it is nested by patient: a patient's candidates are judged by a regression that was fitted on all
others'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..datasets.splits import patient_of
from ..evaluation.reliability import summarise_reliability
from ..models.description import Description, Evidence, LesionsFound, MeasuredAccuracy, PatientDice
from ..postprocessing.candidates import MEASURES
from ..postprocessing.ct_likeness import SeenCTs
from ..postprocessing.lesion_scores import LesionScores, Measure, OperatingPoint, point_for
from ..training.validate import store_figures
from .candidate_cases import GOOD_IOU, CandidateCase, found_by_size

FALSE_A_PATIENT = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False lesions a patient at which points are kept."""

DEFAULT_FALSE = 1.0
_REGULARISATION = 0.1
"""Inverse strength of the penalty on the weights (C of scikit-learn): a few hundred candidates decide ten of them."""

_FEWEST = len(MEASURES)
"""Candidates of either kind that are learnt from."""


@dataclass(frozen=True)
class Calibration:
    """Scores of a model, and how they did on patients that had no part in them.

    Args:
        cases: candidates by patient.
        levels: probability ``[candidate]`` of each case, by a regression that was fitted on the other patients.
        scores: fitted on all.
    """

    cases: tuple[CandidateCase, ...]
    levels: tuple[NDArray[np.float64], ...]
    scores: LesionScores

    def taken(self, sensitivity: float = DEFAULT_FALSE) -> list[NDArray[np.bool_]]:
        """Which candidates of each case are taken."""
        least = point_for(self.scores.points, sensitivity).least_probability
        return [each >= least for each in self.levels]

    @property
    def reliability(self) -> dict[str, Any]:
        """Of all candidates, see :func:`LiverTumorSegLib.evaluation.reliability.summarise_reliability`."""
        real = np.concatenate([case.real for case in self.cases])
        return summarise_reliability(zip(np.concatenate(self.levels), real, strict=True)) or {}


def calibrate(cases: Sequence[CandidateCase]) -> Calibration:
    """Fit the scores.

    Args:
        cases: the patients' candidates beside the reference.

    Raises:
        UserError: scikit-learn is missing, or there are too few candidates of either kind to learn from.
    """
    if not cases:
        _refuse_few(np.zeros(0, bool))
    others = [_of_others(cases, case) for case in cases]
    for left in others:
        _refuse_few(np.concatenate([np.zeros(0, bool), *(each.real for each in left)]))
    levels = tuple(_fit(left).probabilities(case.measures) for case, left in zip(cases, others, strict=True))
    scores = _fit(cases).model_copy(update={"points": operating_points(cases, levels)})
    return Calibration(tuple(cases), levels, scores)


def _of_others(cases: Sequence[CandidateCase], one: CandidateCase) -> list[CandidateCase]:
    """Cases of other patients; a patient may have been scanned twice."""
    return [each for each in cases if patient_of(each.name) != patient_of(one.name)]


def operating_points(
    cases: Sequence[CandidateCase], levels: Sequence[NDArray[np.float64]]
) -> tuple[OperatingPoint, ...]:
    """What comes of each least probability, where false lesions a patient pass :data:`FALSE_A_PATIENT`, and of none."""
    lesions = sum(len(case.lesion_sizes) for case in cases)

    def point(least: float) -> OperatingPoint:
        taken = [level >= least for level in levels]
        false = sum(case.false(chosen) for case, chosen in zip(cases, taken, strict=True))
        found = sum(int(case.found(chosen).sum()) for case, chosen in zip(cases, taken, strict=True))
        return OperatingPoint(
            least_probability=least, false_per_patient=false / len(cases), found=found / lesions if lesions else 0.0
        )

    nothing = OperatingPoint(least_probability=1.0, false_per_patient=0.0, found=0.0)  # though some level is 1 itself
    tried = [nothing, *(point(float(least)) for least in np.unique(np.concatenate(levels))[::-1])]
    kept = [[one for one in tried if one.false_per_patient <= most][-1] for most in FALSE_A_PATIENT]
    points = {(one.false_per_patient, one.found): one for one in [*kept, point(0.0)]}
    return tuple(points.values())


def _refuse_few(real: NDArray[np.bool_]) -> None:
    fewest = min(int(real.sum()), int((~real).sum()))
    if fewest < _FEWEST:
        msg = (
            f"There are {int(real.sum())} candidates that are lesions and {int((~real).sum())} that are none without "
            f"one of the patients: at least {_FEWEST} of each are needed, so take more patients."
        )
        raise UserError(msg)


def _fit(cases: Sequence[CandidateCase]) -> LesionScores:
    """Scores with no operating points of their own yet."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError as error:
        msg = "Lesion scores need scikit-learn: install it with pip install 'livertumorseg[train]'."
        raise UserError(msg) from error

    measures, real = np.concatenate([c.measures for c in cases]), np.concatenate([c.real for c in cases])
    counted = len(real) / sum(len(c.real) > 0 for c in cases)
    alike = np.concatenate(
        [np.full(len(c.real), counted / max(len(c.real), 1)) for c in cases]
    )  # whatever a patient has
    scaler = StandardScaler().fit(measures, sample_weight=alike)
    regression = LogisticRegression(C=_REGULARISATION, max_iter=1000)
    fitted = regression.fit(scaler.transform(measures), real, sample_weight=alike)
    parts = zip(MEASURES, scaler.mean_.tolist(), scaler.scale_.tolist(), fitted.coef_[0].tolist(), strict=True)
    none = OperatingPoint(least_probability=0.0, false_per_patient=0.0, found=0.0)
    return LesionScores(
        intercept=float(fitted.intercept_[0]),
        measures=tuple(Measure(name=name, mean=mean, scale=scale, weight=w) for name, mean, scale, w in parts),
        points=(none,),
    )


_RULE = (
    "A candidate is a lesion where half of its voxels are lesion in the reference, or its IoU with the lesions that it "
    "touches is 0.1 or more; a lesion is found where such a candidate touches it."
)
_NESTED = (
    "Each patient was segmented by a model that was not trained on them, and their candidates were judged by a "
    "regression that was fitted on the other patients'."
)


def write_into_model(folder: Path, described: Description, done: Calibration, command: str, changed: str = "") -> None:
    """Put scores into a model's folder, and what the cross-validation says of them into its card.

    Args:
        folder: of the model.
        described: its description.
        done: the scores.
        command: that made them.
        changed: in what the recipe that was cross-validated differs from the model's own, a sentence or nothing.

    Raises:
        UserError: the folder cannot be written.
    """
    seen = [case.ct for case in done.cases if case.ct]
    with_scores = described.model_copy(
        update={"lesion_scores": done.scores, "seen_cts": SeenCTs.of(seen) if seen else None}
    )
    for table in (_points_table(done, command), _reliability_table(done, command)):
        with_scores = with_scores.with_evidence(table)
    store_figures(folder, with_scores, _figures(done, command, changed))


def _figures(done: Calibration, command: str, changed: str) -> MeasuredAccuracy:
    taken = done.taken()
    rows = list(zip(done.cases, taken, strict=True))
    cases = {
        case.name: PatientDice(
            liver_dice=case.liver_dice, lesion_dice=case.lesion_dice(chosen), false_lesion_ml=case.false_ml(chosen)
        )
        for case, chosen in rows
    }
    with_hits = [case.lesion_dice(chosen) for case, chosen in rows if case.found(chosen).any()]
    dices = [dice for dice in with_hits if dice is not None]
    lesions = LesionsFound(
        patients=len(rows),
        by_size=found_by_size(done.cases, taken),
        by_size_well_outlined=found_by_size(done.cases, taken, least_iou=GOOD_IOU),
        false_per_patient=sum(case.false(chosen) for case, chosen in rows) / len(rows),
        dice_where_found=sum(dices) / len(dices) if dices else None,
    )
    definition = (
        "Dice in three dimensions, by patient, in a cross-validation, after postprocessing and at the usual "
        f"sensitivity. {_NESTED} Liver: labels 1 and 2 together, before candidates are judged; lesion: label 2."
    )
    return MeasuredAccuracy(definition=definition, command=command, cases=cases, lesions=lesions, remark=changed)


def points_rows(done: Calibration) -> list[tuple[str, ...]]:
    """A heading and a row for each operating point, as they are printed."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for point in done.scores.points:
        taken = [level >= point.least_probability for level in done.levels]
        sizes = [f"{found} of {everyone}" for found, everyone in found_by_size(done.cases, taken).values()]
        dices = [case.lesion_dice(chosen) for case, chosen in zip(done.cases, taken, strict=True)]
        defined = [dice for dice in dices if dice is not None]
        mean = f"{sum(defined) / len(defined):.3f}" if defined else "-"
        least, false = f"{point.least_probability:.3f}", f"{point.false_per_patient:.2f}"
        rows.append((false, least, f"{point.found:.2f}", *sizes, mean))
    return rows


_HEAD = (
    "false lesions a patient",
    "least probability",
    "lesions found",
    "under 10 mm",
    "10 to 20 mm",
    "over 20 mm",
    "mean lesion Dice",
)


def _points_table(done: Calibration, command: str) -> Evidence:
    head, *rows = points_rows(done)
    return Evidence(
        title="Sensitivity",
        text=(
            f"What comes of the option sensitivity, over {len(done.cases)} patients. {_NESTED} The least probability "
            f"of each row was chosen on these patients, which flatters it a little. {_RULE}"
        ),
        command=command,
        head=head,
        rows=tuple(rows),
    )


def _reliability_table(done: Calibration, command: str) -> Evidence:
    return Evidence(
        title="How sure it is",
        text=(
            f"Candidates by their probability: how many there are, the mean of what was said, and the share that were "
            f"lesions. Brier score {done.reliability['brier']:.3f}. {_NESTED} {_RULE}"
        ),
        command=command,
        head=("probability", "candidates", "said", "were lesions"),
        rows=tuple(
            (f"{one['low']:g} to {one['high']:g}", str(one["lesions"]), f"{one['said']:.2f}", f"{one['real']:.2f}")
            for one in done.reliability["bins"]
        ),
    )
