"""The trials of a row: one training, or one a fold, each measured as its protocol says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..experiments.run_options import RunOptions
from ..experiments.trial import run_trial
from ..training.recipe import Recipe
from .data_set import DataSet
from .figures import MeasuredPatients, of_patients, of_slices
from .results import Figure
from .slice_scores import of_nothing
from .slice_trial import run_slice_trial
from .system import Metric, Protocol
from .volume_auc import volume_auc

_BEFORE_AUC = 0.9


class Trial(NamedTuple):
    """One training.

    Args:
        recipe: which holds its patients or slices out.
        folder: to write to.
    """

    recipe: Recipe
    folder: Path


class Figures(NamedTuple):
    """A figure for each metric, over all trials of a row.

    Args:
        measured: of the row's models.
        nothing: what a model that never finds anything would score on the same slices; empty for whole CTs.
    """

    measured: tuple[Figure, ...]
    nothing: tuple[Figure, ...] = ()


def measured(
    trials: Sequence[Trial], metrics: tuple[Metric, ...], protocol: Protocol, data: DataSet, options: RunOptions
) -> Figures:
    """Train and measure the trials of a row; what is done is not done again.

    Raises:
        UserError: as :func:`.slice_trial.run_slice_trial` and :func:`LiverTumorSegLib.experiments.trial.run_trial`.
        Cancelled: the user asked to stop; what is done stays.
    """
    parts = [options.part(at / len(trials), (at + 1) / len(trials)) for at in range(len(trials))]
    both = list(zip(trials, parts, strict=True))
    if protocol.measured_on == "slices":
        scores = [run_slice_trial(*trial, data.root, metrics, protocol.shown, part) for trial, part in both]
        nothing = [{name: of_nothing(one) for name, one in each.items()} for each in scores]
        return Figures(*(tuple(of_slices(metric, each) for metric in metrics) for each in (scores, nothing)))
    patients = [_volumes(trial, metrics, data, part) for trial, part in both]
    return Figures(tuple(of_patients(metric, patients) for metric in metrics))


def _volumes(trial: Trial, metrics: Sequence[Metric], data: DataSet, options: RunOptions) -> MeasuredPatients:
    recipe, folder = trial
    results = run_trial(recipe, data.root, folder, options.part(0, _BEFORE_AUC))
    asked = next((metric.structure for metric in metrics if metric.volumes == "auc"), None)
    if asked is None:
        return MeasuredPatients(results, {})
    references = {one.name: one.reference for one in results}
    rest = options.part(_BEFORE_AUC, 1)
    return MeasuredPatients(results, volume_auc(folder, asked, recipe.data[0], data.root, references, rest))
