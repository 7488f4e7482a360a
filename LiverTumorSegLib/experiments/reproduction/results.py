"""Results of a reproduction: its trials measured in the paper's units, and kept from one protocol to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer

from ...core.about import __version__
from ...core.schema import StrictModel
from ...evaluation import statistics
from ...training import log_table
from ...training.recipe import Recipe
from ..record import MODEL_FOLDER
from ..run_options import RunOptions
from ..trial import PatientResult, run_trial
from . import slice_metrics
from .course import Course
from .data import DataSet
from .nothing import patient_of_nothing, slices_of_nothing
from .sizes import SizeName
from .slice_metrics import PATIENT_MEASURES, SliceScores, patient_values, run_slice_trial
from .systems import PROTOCOLS, Metric, Protocol, ProtocolName
from .volume_steps import VolumeSteps, steps_of

JSON, VALIDATION_LOSS = "reproduction.json", "validation_loss"
NOT_GIVEN = "not given"
"""Of a figure that a paper lacks."""


def _given(value: Any) -> Any:
    return None if value == NOT_GIVEN else value


def _in_words(value: float | None) -> float | str:
    return NOT_GIVEN if value is None else value


PublishedFigure = Annotated[
    float | None, BeforeValidator(_given), PlainSerializer(_in_words, return_type=float | str, when_used="json")
]
"""A paper's figure; None, in JSON :data:`NOT_GIVEN`, where it gives none."""
FORMAT: Literal[2] = 2
"""Of the file: measured in one way."""


class Figure(StrictModel):
    """One measured figure, in the paper's unit.

    Args:
        value: None where it is not defined.
        counted: over how many slices or patients.
        low, high: 95 % interval over patients, None for slices.
    """

    value: float | None
    counted: int
    low: float | None = None
    high: float | None = None


class TrainingSizes(StrictModel):
    """The amount of data and time that went into a row, all trainings together.

    Args:
        trainings: how many.
        steps: that the first one took.
        patients: who was trained on in the first.
        samples: slices, or volumes, that were trained on in the first.
        unit: which of the two.
        measured: what figures are of, all trainings together, where it shows what is measured.
        measured_unit: which of slices and patients.
    """

    trainings: int
    steps: int
    patients: int
    samples: int
    unit: Literal["slices", "volumes"]
    measured: int
    measured_unit: Literal["slices", "patients"]


class Example(StrictModel):
    """A picture of image, reference and prediction.

    Args:
        kind: whether it is the best, the median or the worst by Dice.
        structure: whose Dice.
        dice: of the slice, or of the whole patient in three dimensions.
        of: how many slices or patients it is one of.
        unit: which of the two.
        picture: file below the reproduction's folder.
    """

    kind: Literal["best", "median", "worst"]
    structure: Literal["liver", "lesion"]
    dice: float
    of: int
    unit: Literal["slices", "patients"]
    picture: str


class RowResult(StrictModel):
    """One row.

    Args:
        name: of the row.
        published: the paper's figures by metric, None where it gives none.
        figures: what was measured, by metric.
        nothing: what finding nothing at all would score, by metric; empty where that is not known.
        structures: that its models find; empty for all of the table's.
        sizes: how much went into it.
        notes: what is to be known of this row.
        comparable: whether it starts as the paper's did; else its figures are not compared with the published ones.
        steps: with which whole CTs were segmented; None where slices were measured.
        courses: of its trainings.
        roc: false and true positive rates by structure, where the paper has a ROC curve and slices are measured.
        examples: pictures of its first model.
        seconds: that it took, with its pictures; None in tables of before this was counted.
        foreseen: seconds that were said beforehand; None where none were, or where a part was done already.
    """

    name: str
    published: tuple[PublishedFigure, ...]
    figures: tuple[Figure, ...]
    nothing: tuple[Figure, ...] = ()
    structures: tuple[str, ...] = ()
    sizes: TrainingSizes
    notes: tuple[str, ...] = ()
    comparable: bool = True
    steps: VolumeSteps | None = None
    courses: tuple[Course, ...] = ()
    roc: dict[str, tuple[tuple[float, float], ...]] = Field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    seconds: float | None = None
    foreseen: float | None = None

    def has(self, metric: Metric) -> bool:
        """Whether the row's models find what a metric is of."""
        return not self.structures or metric.structure is None or metric.structure in self.structures


class ProtocolResult(StrictModel):
    """All rows under one protocol.

    Args:
        command: that measured them.
        machine: that they were measured on, without its name.
        rows: of the table.
        notes: what is to be known of all of them.
    """

    command: str
    machine: str = ""
    rows: tuple[RowResult, ...]
    notes: tuple[str, ...] = ()


class Reproduction(StrictModel):
    """Everything that was measured of a system.

    Args:
        name: of the system.
        size: that it was made of.
        data: name of the data's folder, and what it holds.
        metrics: of the table.
        epochs: passes over the training data in place of the paper's, or of the size's steps; None for these.
        changes: values of the user in place of the recipes', by dotted key.
        protocols: those that were run.
    """

    format: Literal[2] = FORMAT
    software: str = f"LiverTumorSeg {__version__}"
    name: str
    size: SizeName
    data: str
    metrics: tuple[Metric, ...]
    epochs: int | None = None
    changes: dict[str, Any] = Field(default_factory=dict)
    protocols: dict[ProtocolName, ProtocolResult] = Field(default_factory=dict)

    def with_protocol(self, name: ProtocolName, result: ProtocolResult, order: Sequence[str] = ()) -> Reproduction:
        """The same with what one protocol measured, the published one first; rows of before that it lacks stay.

        Args:
            name: of the protocol.
            result: what it measured.
            order: names of the table's rows.
        """
        before = self.protocols[name].rows if name in self.protocols else ()
        new = {row.name for row in result.rows}
        kept = tuple(row for row in before if row.name not in new)

        def place(row: RowResult) -> int:
            """A row may be called by more than its name in the paper, such as what it started from."""
            alike = (at for at, known in enumerate(order) if row.name == known or row.name.startswith(f"{known}, "))
            return next(alike, len(order))

        rows = sorted((*result.rows, *kept), key=place)
        result = result.model_copy(update={"rows": tuple(rows)})
        both: dict[ProtocolName, ProtocolResult] = {**self.protocols, name: result}
        return self.model_copy(update={"protocols": {key: both[key] for key in PROTOCOLS if key in both}})


def figure_over_slices(metric: Metric, trials: Sequence[Mapping[str, SliceScores]]) -> Figure:
    """A metric over the held-out slices of all trials of a row."""
    if metric.slices is None or metric.structure is None:
        return Figure(value=None, counted=0)
    if metric.slices in PATIENT_MEASURES:
        by_patient = patient_values([scores[metric.structure] for scores in trials])
        return _mean_of_patients({name: _in_paper_unit(metric, value) for name, value in by_patient.items()})
    value, count = slice_metrics.compute_metric(metric.slices, [scores[metric.structure] for scores in trials])
    return Figure(value=_in_paper_unit(metric, value), counted=count)


def figure_over_patients(metric: Metric, trials: Sequence[Sequence[PatientResult]]) -> Figure:
    """The mean over patients whose reference shows the structure, each measured in three dimensions.

    Where nothing is found, an overlap is 0 and a distance not defined; the interval is of
    :func:`LiverTumorSegLib.evaluation.statistics.summarise`.
    """
    values: dict[str, float | None] = {}
    for trial in trials:
        values |= {one.name: _in_paper_unit(metric, _patient_value(metric, one)) for one in trial}
    return _mean_of_patients(values)


def _mean_of_patients(values: Mapping[str, float | None]) -> Figure:
    found = statistics.summarise(values, {name: name for name in values})
    return Figure(value=found["mean"], counted=found["counted"], low=found["low"], high=found["high"])


def _mean_loss(losses: Sequence[float | None], trials: Sequence[Sequence[PatientResult]]) -> Figure:
    """The last validation losses of trials; None where training has measured none."""
    known = [(loss, len(results)) for loss, results in zip(losses, trials, strict=True) if loss is not None]
    value = fmean(loss for loss, _ in known) if known else None
    return Figure(value=value, counted=sum(count for _, count in known))


def _patient_value(metric: Metric, result: PatientResult) -> float | None:
    measures = result.liver if metric.structure == "liver" else result.lesion
    if not measures or not measures["reference_ml"] or metric.volumes is None:
        return None
    return result.auc.get(str(metric.structure)) if metric.volumes == "auc" else measures[metric.volumes]


def _in_paper_unit(metric: Metric, value: float | None) -> float | None:
    return 100 * value if metric.percent and value is not None else value


class Trial(NamedTuple):
    """One training.

    Args:
        recipe: which holds its patients or slices out.
        folder: to write to.
        twin: folder of the trial that is trained alike, None where there is none.
    """

    recipe: Recipe
    folder: Path
    twin: Path | None = None


class RowFigures(NamedTuple):
    """A figure for each metric, over all trials of a row.

    Args:
        measured: of the row's models.
        nothing: what a model that never finds anything would score on the same slices or patients.
        steps: with which whole CTs were segmented; None for slices.
    """

    measured: tuple[Figure, ...]
    nothing: tuple[Figure, ...] = ()
    steps: VolumeSteps | None = None


def measure_trials(
    trials: Sequence[Trial], metrics: tuple[Metric, ...], protocol: Protocol, data: DataSet, options: RunOptions
) -> RowFigures:
    """Train and measure the trials of a row; what is done is not done again.

    Raises:
        UserError: as :func:`.slice_metrics.run_slice_trial` and :func:`LiverTumorSegLib.experiments.trial.run_trial`.
        Cancelled: the user asked to stop; what is done stays.
    """
    stretches = [options.part(at / len(trials), (at + 1) / len(trials)) for at in range(len(trials))]
    parts = [replace(part, twin=trial.twin) for part, trial in zip(stretches, trials, strict=True)]
    both = list(zip(trials, parts, strict=True))
    if protocol.measured_on == "slices":
        scores = [
            run_slice_trial(trial.recipe, trial.folder, data.root, metrics, protocol.shown, part)
            for trial, part in both
        ]
        nothing = [{name: slices_of_nothing(one) for name, one in each.items()} for each in scores]
        ours, none = (tuple(figure_over_slices(metric, each) for metric in metrics) for each in (scores, nothing))
        return RowFigures(ours, none)
    steps = steps_of(trials[0].recipe, metrics)
    patients = [
        run_trial(trial.recipe, data.root, trial.folder, part, measuring=steps.measuring) for trial, part in both
    ]
    losses = [log_table.last_value(log_table.read_rows(each.folder / MODEL_FOLDER), VALIDATION_LOSS) for each in trials]
    of_nothing = [[patient_of_nothing(one) for one in each] for each in patients]
    return RowFigures(
        _of_whole_cts(metrics, patients, _mean_loss(losses, patients)),
        _of_whole_cts(metrics, of_nothing, Figure(value=None, counted=0)),
        steps,
    )


def _of_whole_cts(
    metrics: Sequence[Metric], trials: Sequence[Sequence[PatientResult]], loss: Figure
) -> tuple[Figure, ...]:
    return tuple(
        loss if metric.volumes == VALIDATION_LOSS else figure_over_patients(metric, trials) for metric in metrics
    )
