"""Lesion scores made by hand, by which tests can tell which candidate is taken when."""

import numpy as np

from LiverTumorSegLib.models import model_folder, store
from LiverTumorSegLib.postprocessing.candidates import MEASURES
from LiverTumorSegLib.postprocessing.lesion_scores import LesionScores, Measure, OperatingPoint
from LiverTumorSegLib.training.card import card_text

POINTS = tuple(
    OperatingPoint(least_probability=least, false_per_patient=false, found=found)
    for least, false, found in ((0.9, 0.0, 0.3), (0.6, 0.5, 0.5), (0.2, 2.0, 0.8))
)


def scores(intercept=0.5, **weights):
    """Scores in which these measures count, each by mean, scale and weight, and no others."""
    parts = dict.fromkeys(MEASURES, (0.0, 1.0, 0.0)) | weights
    measures = tuple(
        Measure(name=name, mean=mean, scale=scale, weight=weight) for name, (mean, scale, weight) in parts.items()
    )
    return LesionScores(intercept=intercept, measures=measures, points=POINTS)


def by_size(smallest_ml=1.0):
    """Scores by which larger candidates are likelier: a half at this volume."""
    return scores(intercept=0.0, log_volume_ml=(float(np.log(smallest_ml)), 1.0, 1.0))


def model_with_scores(folder, kept_scores=None):
    """The first network of the model that ships, in a folder, with scores of its own."""
    target, model = folder / "scored", model_folder.load(store.find_model())
    changed = {"closer": None, "lesion_scores": kept_scores or by_size()}
    model_folder.save(target, model.network, card_text, **model.description.without_weights | changed)
    return target
