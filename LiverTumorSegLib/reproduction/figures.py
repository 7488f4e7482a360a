"""From what trials measured to the figures of a table, in the paper's units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..evaluation import statistics
from ..experiments.patient_result import PatientResult
from . import slice_scores
from .results import Figure
from .slice_scores import SliceScores
from .system import Metric


class MeasuredPatients(NamedTuple):
    """What one trial measured of its held-out patients, and the areas under their ROC curves where these are asked."""

    results: Sequence[PatientResult]
    auc: Mapping[str, float | None]


def of_slices(metric: Metric, trials: Sequence[Mapping[str, SliceScores]]) -> Figure:
    """A metric over the held-out slices of all trials of a row."""
    if metric.slices is None:
        return Figure(value=None, counted=0)
    value, count = slice_scores.measure(metric.slices, [scores[metric.structure] for scores in trials])
    return Figure(value=_scaled(metric, value), counted=count)


def of_patients(metric: Metric, trials: Sequence[MeasuredPatients]) -> Figure:
    """The mean over patients whose reference shows the structure, each measured in three dimensions.

    Where nothing is found, an overlap is 0 and a distance not defined; the interval is of
    :func:`LiverTumorSegLib.evaluation.statistics.summarise`.
    """
    values: dict[str, float | None] = {}
    for trial in trials:
        values |= {one.name: _scaled(metric, _value(metric, one, trial.auc)) for one in trial.results}
    found = statistics.summarise(values, {name: name for name in values})
    return Figure(value=found["mean"], counted=found["counted"], low=found["low"], high=found["high"])


def _value(metric: Metric, result: PatientResult, auc: Mapping[str, float | None]) -> float | None:
    measures = result.liver if metric.structure == "liver" else result.lesion
    if not measures or not measures["reference_ml"]:
        return None
    return auc.get(result.name) if metric.volumes == "auc" else measures[metric.volumes]


def _scaled(metric: Metric, value: float | None) -> float | None:
    return 100 * value if metric.percent and value is not None else value
