"""One row of a published table: trained, measured, drawn, and written into its models' cards."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import torch

from ...core.device import choose_device
from ...core.errors import UserError
from ...core.labels import LESION_LABEL, LIVER_LABEL
from ...datasets.splits import Round
from ...evaluation.probabilities import measure_curves
from ...models import model_folder
from ...models.description import Evidence
from ...training import patients
from ...training.recipe import Recipe
from ...training.slice_sampling import slices_showing
from ...training.validate import store_figures
from ..record import MODEL_FOLDER, read_record
from ..run_options import RunOptions
from . import encoder_files, results, systems
from .course import Course, Stopwatch, read_course
from .data import DataSet
from .estimate import Estimate
from .examples import draw_row
from .report import describe_sizes, measured_cell, published_words
from .request import ReproductionRequest
from .results import RowResult, TrainingSizes, Trial
from .sizes import NOTES
from .slice_metrics import SliceRecord
from .systems import Metric, PublishedRow

_OF_TRIALS, _ROC_POINTS = 0.98, 30


def run_row(
    row: PublishedRow,
    wanted: ReproductionRequest,
    data: DataSet,
    rounds: Sequence[Round],
    foreseen: Estimate,
    options: RunOptions,
) -> RowResult:
    """Train and measure a row, draw its examples, and write what came out into its models' cards.

    Args:
        row: which.
        wanted: what is reproduced.
        data: as rows are trained from them.
        rounds: patients of each training.
        foreseen: what the rows will take.
        options: where to run, and whom to tell.

    Raises:
        UserError: the data cannot be used, or as the trials.
        Cancelled: the user asked to stop; what is done stays.
    """
    system, how = wanted.system, wanted.how
    recipes = [wanted.recipe(row, data, systems.split_of_round(how, each, wanted.seed)) for each in rounds]
    samples = [_samples(recipe, data, options) for recipe in recipes]
    recipes = [wanted.with_steps(recipe, row, count) for recipe, count in zip(recipes, samples, strict=True)]
    planned = [Trial(*each) for each in zip(recipes, wanted.trainings(row), wanted.twins(row), strict=True)]
    watch = Stopwatch(wanted.folder / wanted.protocol / row.folder)
    options = replace(options, job=watch.watched(options.job))
    figures = results.measure_trials(planned, system.metrics, how, data, options.part(0, _OF_TRIALS))
    examples = draw_row(planned[0], system.metrics, how, data, wanted.folder, options.part(_OF_TRIALS, 1))
    watch.write()
    courses = [_course(trial) for trial in planned]
    sizes = TrainingSizes(
        trainings=len(rounds),
        steps=courses[0].steps if courses[0] else recipes[0].schedule.steps,
        patients=len(set(recipes[0].patients) - {*recipes[0].validation, *recipes[0].test}),
        samples=samples[0],
        unit="volumes" if recipes[0].patches else "slices",
        measured=max(figure.counted for figure in figures.measured),
        measured_unit="slices" if how.measured_on == "slices" else "patients",
    )
    done = RowResult(
        name=row.name,
        published=tuple(system.published(row).values()),
        figures=figures.measured,
        nothing=figures.nothing,
        structures=recipes[0].labels[1:],
        sizes=sizes,
        notes=(*_notes(row, wanted, recipes[0]), *_endings(courses)),
        comparable=wanted.starts_as_published(row),
        steps=figures.steps,
        courses=tuple(filter(None, courses)),
        roc=_roc(planned, system.metrics) if how.measured_on == "slices" else {},
        examples=examples,
        seconds=round(watch.seconds, 1),
        foreseen=foreseen.of_whole_row(row.name),
    )
    for trial in planned:
        _write_into_card(trial.folder / MODEL_FOLDER, done, wanted, options.command)
    return done


def _roc(trials: Sequence[Trial], metrics: Sequence[Metric]) -> dict[str, tuple[tuple[float, float], ...]]:
    """Points of the curve of all held-out pixels, by structure, where the table has the area under it."""
    found: dict[str, tuple[tuple[float, float], ...]] = {}
    for structure in dict.fromkeys(m.structure for m in metrics if m.slices == "auc" and m.structure):
        records = [read_record(SliceRecord, trial.folder) for trial in trials]
        scores = [(record.scores or {}).get(structure) for record in records if record]
        counted = [score.histogram for score in scores if score and score.histogram]
        points = measure_curves(reduce(add, counted))["roc"] if counted else []
        if points:
            some = sorted({round(part * (len(points) - 1) / _ROC_POINTS) for part in range(_ROC_POINTS + 1)})
            found[structure] = tuple((round(points[at][0], 4), round(points[at][1], 4)) for at in some)
    return found


def _write_into_card(model: Path, done: RowResult, wanted: ReproductionRequest, command: str) -> None:
    """Put a row's figures beside the published ones into the card of its model."""
    metrics = wanted.system.metrics
    row = f"The row “{done.name}” of {wanted.system.source}, {wanted.protocol} protocol, size {wanted.size}"
    said = [f"{row}: {describe_sizes(done)}.", *done.notes, NOTES[wanted.size]]
    cells = [each for each in enumerate(metrics) if done.has(each[1])]
    table = Evidence(
        title=f"Reproduction of a published row, {wanted.protocol} protocol",
        text=" ".join(filter(None, said)),
        command=command,
        head=("metric", "published", "measured"),
        rows=tuple((m.title, published_words(m, done, at), measured_cell(m, done.figures[at])) for at, m in cells),
    )
    described = model_folder.read_description(model).with_evidence(table)
    store_figures(model, described, described.figures)


def describe_machine(device: str) -> str:
    """What trains: processor cores, and the GPU where one is used; never the machine's name."""
    place = choose_device(device, "auto").device
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else place.type.upper()
    return f"{name}, {os.cpu_count()} cores, {platform.machine()}"


def _notes(row: PublishedRow, wanted: ReproductionRequest, recipe: Recipe) -> Iterator[str]:
    start = encoder_files.describe_start(recipe, wanted.system.encoder_weights(row))
    if start:
        yield start
    if row.trained_as:
        yield f"Its models are those of {row.trained_as}, or trained alike where that row is not there."


def _course(trial: Trial) -> Course | None:
    """Of its training, which is another trial's where its model is."""
    planned = trial.recipe.schedule.steps
    return read_course(trial.folder, planned) or (read_course(trial.twin, planned) if trial.twin else None)


def _endings(courses: Sequence[Course | None]) -> Iterator[str]:
    """A sentence where early stopping ended trainings."""
    early = [course for course in courses if course and course.steps < course.planned]
    if early and len(courses) == 1:
        ended, steps = early[0].steps, early[0].planned
        yield f"Training ended early, after {ended} of {steps} steps, as its validations got no better."
    elif early:
        steps = early[0].planned
        yield f"Of the trainings {len(early)} ended early, as their validations got no better; {steps} were planned."


def _samples(recipe: Recipe, data: DataSet, options: RunOptions) -> int:
    """Slices that a recipe trains on, or patients where it cuts patches from volumes.

    Raises:
        UserError: nothing of what is to be learnt is in any patient.
    """
    found = patients.read(recipe, data.root, options.cache, say=options.say, job=options.job)
    wanted = LESION_LABEL if "lesion" in recipe.labels else LIVER_LABEL
    if max(int(patient.overview.shown.max()) for patient in found.train) < wanted:
        msg = (
            f"None of the {len(found.train)} patients of {data.folders} that would be trained on has "
            f"{'a lesion' if wanted == LESION_LABEL else 'any liver'} in its labels: give other data."
        )
        raise UserError(msg)
    if recipe.patches:
        return len(found.train)
    return sum(len(slices_showing(patient, recipe.sampling.shuffled or "all")) for patient in found.train)
