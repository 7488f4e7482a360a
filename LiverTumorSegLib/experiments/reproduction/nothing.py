"""The scores of a result in which nothing is ever found, on the same slices and patients as a measured one.

A figure that is no better than this one says nothing. Where most slices show no tumour, a mean over slices is high for
it; where most pixels are background, so is accuracy.
"""

from __future__ import annotations

import numpy as np

from ...evaluation import overlap
from ...evaluation.case import MEASURES
from ...evaluation.label_pair import LESION_NAME, LIVER_NAME
from ...evaluation.overlap import Empties, emptiness
from ...evaluation.probabilities import LEVELS
from ..trial import Measures, PatientResult
from .slice_metrics import SliceScore, SliceScores

BY_CHANCE = 0.5
"""Area under the ROC curve where all voxels are equally likely: a tie counts half."""


def slices_of_nothing(scores: SliceScores) -> SliceScores:
    """Scores of the same slices where nothing is found and no pixel is likelier than another."""
    missed = tuple(SliceScore(0, 0, one.tp + one.fn, one.fp + one.tn, None) for one in scores.slices)
    inside, outside = (sum(one[at] or 0 for one in missed) for at in (2, 3))
    rest = (0,) * LEVELS
    return SliceScores(
        slices=missed, inside=(int(inside), *rest), outside=(int(outside), *rest), patients=scores.patients
    )


def patient_of_nothing(result: PatientResult) -> PatientResult:
    """The same patient where nothing is found: an overlap is 0, or 1 where there is nothing; a distance is None."""
    matrix = np.array(result.confusion)
    missed = np.zeros_like(matrix)
    missed[:, 0] = matrix.sum(axis=1)
    structures = {"liver": (LIVER_NAME, result.liver), "lesion": (LESION_NAME, result.lesion)}
    measures = {key: _measures(missed, name, found) for key, (name, found) in structures.items()}
    areas = {name: None if area is None else BY_CHANCE for name, area in result.auc.items()}
    return result.model_copy(update={**measures, "confusion": tuple(map(tuple, missed.tolist())), "auc": areas})


def _measures(missed: np.ndarray, structure: str, found: Measures | None) -> Measures | None:
    if found is None:
        return None
    counts = overlap.counts(missed, structure)
    measured: Measures = dict.fromkeys(MEASURES) | counts.measures()
    Empties.LITS.apply(measured, emptiness(counts), 0.0)
    by_slice = 0.0 if counts.fn else None
    return measured | {"dice_per_slice": by_slice, "prediction_ml": 0.0, "reference_ml": found["reference_ml"]}
