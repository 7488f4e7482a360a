"""Results of a reproduction: its trials measured in the paper's units, and kept from one protocol to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from ...core.about import __version__
from ...core.errors import UserError
from ...core.schema import StrictModel
from ...evaluation import statistics
from ...training.recipe import Recipe
from ..run_options import RunOptions
from ..trial import PatientResult, run_trial
from . import slice_metrics
from .course import Course
from .data import DataSet
from .sizes import SizeName
from .slice_metrics import SliceScores, run_slice_trial, score_of_nothing
from .systems import PROTOCOLS, Metric, Protocol, ProtocolName
from .volume_auc import volume_auc

JSON = "reproduction.json"


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
        steps: of one.
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
        sizes: how much went into it.
        notes: what is to be known of this row.
        courses: of its trainings.
        roc: false and true positive rates by structure, where the paper has a ROC curve and slices are measured.
        examples: pictures of its first model.
        seconds: that it took, with its pictures; None in tables of before this was counted.
        foreseen: seconds that were said beforehand; None where none were, or where a part was done already.
    """

    name: str
    published: tuple[float | None, ...]
    figures: tuple[Figure, ...]
    nothing: tuple[Figure, ...] = ()
    sizes: TrainingSizes
    notes: tuple[str, ...] = ()
    courses: tuple[Course, ...] = ()
    roc: dict[str, tuple[tuple[float, float], ...]] = Field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    seconds: float | None = None
    foreseen: float | None = None


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

    format: Literal[1] = 1
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

    def difference(self, other: Reproduction) -> str:
        """The first setting in which another differs, in words; nothing where both are of one system, data and size."""
        for key in ("name", "size", "data", "epochs", "changes", "metrics"):
            mine, theirs = getattr(self, key), getattr(other, key)
            if mine != theirs:
                return _TOLD[key].format(_in_words(mine), _in_words(theirs))
        return ""


_TOLD = {
    "name": "is of {}, not of {}",
    "data": "is on {}, not on {}",
    "size": "has --size {}, not {}",
    "epochs": "has --epochs {}, not {}",
    "changes": "has --set {}, not {}",
    "metrics": "measures what this version does not",
}


def _in_words(setting: Any) -> str:
    if isinstance(setting, dict):
        return " ".join(f"{key}={value}" for key, value in setting.items()) or "nothing"
    return "as published" if setting is None else str(setting)


def read_results(folder: Path, wanted: Reproduction, *, overwrite: bool, resume: bool = False) -> Reproduction:
    """Read what a folder holds already of a reproduction; ``wanted`` itself where it holds nothing.

    Args:
        folder: of the reproduction.
        wanted: what is to be done.
        overwrite: whether another reproduction may be given up.
        resume: whether there has to be one to go on with.

    Raises:
        UserError: it holds another reproduction that may not be given up, a damaged one, or none to go on with.
    """
    path = folder / JSON
    try:
        found = Reproduction.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        if not resume:
            return wanted
        msg = f"{folder} holds no reproduction to go on with: leave --resume out, or give the folder of one."
        raise UserError(msg) from None
    except (OSError, ValidationError) as error:
        if overwrite:
            return wanted
        msg = f"{path} is not what this version writes: choose another folder, or have it replaced (--overwrite)."
        raise UserError(msg) from error
    other = found.difference(wanted)
    if not other:
        return found
    if overwrite:
        return wanted
    msg = (
        f"The reproduction in {folder} {other}: give the same settings to go on with it, choose another folder, or "
        "have it replaced (--overwrite)."
    )
    raise UserError(msg)


class MeasuredPatients(NamedTuple):
    """Measures of one trial's held-out patients, and the areas under their ROC curves where these are asked."""

    results: Sequence[PatientResult]
    auc: Mapping[str, float | None]


def figure_over_slices(metric: Metric, trials: Sequence[Mapping[str, SliceScores]]) -> Figure:
    """A metric over the held-out slices of all trials of a row."""
    if metric.slices is None:
        return Figure(value=None, counted=0)
    value, count = slice_metrics.compute_metric(metric.slices, [scores[metric.structure] for scores in trials])
    return Figure(value=_in_paper_unit(metric, value), counted=count)


def figure_over_patients(metric: Metric, trials: Sequence[MeasuredPatients]) -> Figure:
    """The mean over patients whose reference shows the structure, each measured in three dimensions.

    Where nothing is found, an overlap is 0 and a distance not defined; the interval is of
    :func:`LiverTumorSegLib.evaluation.statistics.summarise`.
    """
    values: dict[str, float | None] = {}
    for trial in trials:
        values |= {one.name: _in_paper_unit(metric, _patient_value(metric, one, trial.auc)) for one in trial.results}
    found = statistics.summarise(values, {name: name for name in values})
    return Figure(value=found["mean"], counted=found["counted"], low=found["low"], high=found["high"])


def _patient_value(metric: Metric, result: PatientResult, auc: Mapping[str, float | None]) -> float | None:
    measures = result.liver if metric.structure == "liver" else result.lesion
    if not measures or not measures["reference_ml"]:
        return None
    return auc.get(result.name) if metric.volumes == "auc" else measures[metric.volumes]


def _in_paper_unit(metric: Metric, value: float | None) -> float | None:
    return 100 * value if metric.percent and value is not None else value


_BEFORE_AUC = 0.9


class Trial(NamedTuple):
    """One training.

    Args:
        recipe: which holds its patients or slices out.
        folder: to write to.
    """

    recipe: Recipe
    folder: Path


class RowFigures(NamedTuple):
    """A figure for each metric, over all trials of a row.

    Args:
        measured: of the row's models.
        nothing: what a model that never finds anything would score on the same slices; empty for whole CTs.
    """

    measured: tuple[Figure, ...]
    nothing: tuple[Figure, ...] = ()


def measure_trials(
    trials: Sequence[Trial], metrics: tuple[Metric, ...], protocol: Protocol, data: DataSet, options: RunOptions
) -> RowFigures:
    """Train and measure the trials of a row; what is done is not done again.

    Raises:
        UserError: as :func:`.slice_metrics.run_slice_trial` and :func:`LiverTumorSegLib.experiments.trial.run_trial`.
        Cancelled: the user asked to stop; what is done stays.
    """
    parts = [options.part(at / len(trials), (at + 1) / len(trials)) for at in range(len(trials))]
    both = list(zip(trials, parts, strict=True))
    if protocol.measured_on == "slices":
        scores = [run_slice_trial(*trial, data.root, metrics, protocol.shown, part) for trial, part in both]
        nothing = [{name: score_of_nothing(one) for name, one in each.items()} for each in scores]
        return RowFigures(
            *(tuple(figure_over_slices(metric, each) for metric in metrics) for each in (scores, nothing))
        )
    patients = [_volumes(trial, metrics, data, part) for trial, part in both]
    return RowFigures(tuple(figure_over_patients(metric, patients) for metric in metrics))


def _volumes(trial: Trial, metrics: Sequence[Metric], data: DataSet, options: RunOptions) -> MeasuredPatients:
    recipe, folder = trial
    results = run_trial(recipe, data.root, folder, options.part(0, _BEFORE_AUC))
    asked = next((metric.structure for metric in metrics if metric.volumes == "auc"), None)
    if asked is None:
        return MeasuredPatients(results, {})
    references = {one.name: one.reference for one in results}
    rest = options.part(_BEFORE_AUC, 1)
    return MeasuredPatients(results, volume_auc(folder, asked, recipe.data[0], data.root, references, rest))
