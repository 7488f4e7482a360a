"""A published system trained and measured again, row by row; what is done is not done again.

``FOLDER/PROTOCOL/ROW[/fold-N]`` are the trials, ``FOLDER/PROTOCOL/split.json`` says who is held out where patients
are, and ``FOLDER/pictures`` are pictures where a system trains from such.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...core.errors import UserError
from ...core.schema import explain_validation_error
from ...datasets import splits
from ...datasets.quality_check import check_data_sets
from ...datasets.splits import Round, Split
from ...training import log_table
from ...training import patients as training_patients
from ...training.network import build_network
from ...training.recipe import Recipe
from ...training.slice_sampling import slices_showing
from ..record import MODEL_FOLDER
from ..run_options import RunOptions
from . import data as data_set
from . import encoder_files, report, results, systems
from .data import DataSet
from .patient_choice import choose_patients
from .results import ProtocolResult, Reproduction, RowResult, TrainingSizes, Trial
from .systems import QUICK_PATIENTS, Protocol, ProtocolName, PublishedRow, System

_OF_LOOKING = 0.05
EXPORTED, SPLIT = "pictures", "split.json"


@dataclass(frozen=True)
class ReproductionRequest:
    """A system to be reproduced, and the way to do it.

    Args:
        system: which.
        protocol: which of its protocols.
        weights: what encoders start from, by network; the others start from random weights.
        folder: to write to.
        small: whether it is made quick.
    """

    system: System
    protocol: ProtocolName
    weights: Mapping[str, str]
    folder: Path
    small: bool

    @property
    def how(self) -> Protocol:
        """The protocol."""
        return self.system.protocol(self.protocol)

    @property
    def rows(self) -> tuple[PublishedRow, ...]:
        """The system's, of which those that start from random weights alone here say so in their names."""
        return tuple(row if self.starts_as_published(row) else row.from_random for row in self.system.rows)

    def starts_as_published(self, row: PublishedRow) -> bool:
        """Whether a row's encoder starts from weights where the paper's does."""
        return self.system.encoder_weights(row) is None or self.system.network_of(row) in self.weights

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.system.recipe["seed"]

    def recipe(self, row: PublishedRow, data: DataSet, split: Mapping[str, Any]) -> Recipe:
        """A row's recipe for some data.

        Raises:
            UserError: the row cannot be trained on them.
        """
        try:
            return systems.recipe_of_row(self.system, row, data.sources, self.weights, small=self.small, split=split)
        except ValidationError as error:
            msg = f"{row.name} cannot be trained on {data.folders}: {explain_validation_error(error, Recipe)}"
            raise UserError(msg) from error


def run_protocol(wanted: ReproductionRequest, data: DataSet, options: RunOptions) -> ProtocolResult:
    """Train and measure every row under one protocol.

    Raises:
        UserError: weights are missing, the data cannot be used, or as the trials.
        Cancelled: the user asked to stop; what is done stays.
    """
    system = wanted.system
    if data.repeated:
        options.say(data.repeated_persons)
    draft = systems.split_of_draft(wanted.how, data.patients)
    drafts = {row.name: wanted.recipe(row, data, draft) for row in wanted.rows}
    for name, recipe in drafts.items():
        _check_network(name, recipe)
    for network in dict.fromkeys(system.network_of(row) for row in system.rows if not wanted.starts_as_published(row)):
        options.say(encoder_files.describe_missing(network))
    looking = options.part(0, _OF_LOOKING)
    rounds = _rounds(wanted, data, looking)
    prepared, notes = _prepared(wanted, data, drafts[wanted.rows[0].name], looking)
    done = []
    for at, row in enumerate(wanted.rows):
        start, end = (_OF_LOOKING + (1 - _OF_LOOKING) * number / len(wanted.rows) for number in (at, at + 1))
        options.say(f"{row.name}, {wanted.protocol} protocol.")
        done.append(_row(row, wanted, prepared, rounds, options.part(start, end)))
    repeated = (data.repeated_persons,) if data.repeated else ()
    return ProtocolResult(command=options.command, rows=tuple(done), notes=(*repeated, *notes))


def _check_network(name: str, recipe: Recipe) -> None:
    """Have weights that are missing known before anything is read."""
    try:
        build_network(recipe)
    except UserError as error:
        if recipe.encoder_weights != encoder_files.DOWNLOADED:
            raise
        address = encoder_files.published(recipe.network.name)
        msg = (
            f"{name} starts from the weights in {address}, which cannot be had now: give the file with "
            f"--encoder-weights, or leave imagenet out for random weights. ({error})"
        )
        raise UserError(msg) from error


def _prepared(
    wanted: ReproductionRequest, data: DataSet, recipe: Recipe, options: RunOptions
) -> tuple[DataSet, tuple[str, ...]]:
    """The data as rows are trained from them, and what is to be said about that."""
    data = data.treated(wanted.system.damaged)
    if recipe.patches:
        return data, ()
    fewest = data_set.thinning_for(data, systems.QUICK_SLICES) if wanted.small else 1
    every = max(wanted.system.every, fewest)
    if not wanted.how.exported:
        return data.thinned(every), ()
    if not data.can_be_exported:
        return data.thinned(every), (f"{data.titles} was read as it is, not from exported JPG and PNG files.",)
    place, chain = wanted.folder / EXPORTED, recipe.preprocessing
    return data_set.export_slices(data, place, chain, every, overwrite=options.overwrite, job=options.job), ()


def _rounds(wanted: ReproductionRequest, data: DataSet, options: RunOptions) -> tuple[Round, ...]:
    """Patients that are trained on and measured; what was drawn before stays."""
    if wanted.how.drawn == "slices":
        return (Round(data.patients, ()),)
    path = wanted.folder / wanted.protocol / SPLIT
    if path.exists() and not options.overwrite:
        split = splits.load(path, data.patients)
        same = set(split.names) == set(data.patients)
        alike = len(split.folds) == (systems.fold_count(wanted.how, small=wanted.small) or 0)
        if same and alike and bool(split.test) == bool(wanted.how.validation):
            return split.rounds
        msg = f"{path} was drawn for other patients or folds: choose another folder, or do it anew (--overwrite)."
        raise UserError(msg)
    split = _drawn(wanted, data, options)
    split.save(path, overwrite=True)
    return split.rounds


def _drawn(wanted: ReproductionRequest, data: DataSet, options: RunOptions) -> Split:
    """A split; the tumour load decides where the protocol is stratified."""
    loads: dict[str, float] = dict.fromkeys(data.patients, 0.0)
    persons: list[tuple[str, str]] = []
    if wanted.how.stratified:
        found = check_data_sets(data.used, processes=os.cpu_count() or 1, job=options.job)
        _refuse_unreadable({name: why for each in found.sets for name, why in each.failed.items()})
        loads, persons = found.loads, found.persons
    return systems.draw_split(wanted.how, loads, persons, seed=wanted.seed, small=wanted.small)


def _refuse_unreadable(failed: Mapping[str, str]) -> None:
    if failed:
        name, why = next(iter(failed.items()))
        msg = f"{name} cannot be trained on or measured: {why}"
        raise UserError(msg)


def _row(
    row: PublishedRow, wanted: ReproductionRequest, data: DataSet, rounds: Sequence[Round], options: RunOptions
) -> RowResult:
    system, how = wanted.system, wanted.how
    recipes = [wanted.recipe(row, data, systems.split_of_round(how, each, wanted.seed)) for each in rounds]
    samples = [_samples(recipe, data, options) for recipe in recipes]
    if not wanted.small:
        recipes = [systems.with_steps(recipe, row, count) for recipe, count in zip(recipes, samples, strict=True)]
    twins: Sequence[Path | None] = [None] * len(rounds)
    if row.trained_as:
        twins = _folders(systems.folder_of(row.trained_as), wanted, len(rounds))
    folders = _folders(row.folder, wanted, len(rounds))
    planned = [Trial(*each) for each in zip(recipes, folders, twins, strict=True)]
    figures = results.measure_trials(planned, system.metrics, how, data, options)
    ended = [log_table.last_value(log_table.read_rows(trial.folder / MODEL_FOLDER), "step") for trial in planned]
    sizes = TrainingSizes(
        trainings=len(rounds),
        steps=int(ended[0] or recipes[0].schedule.steps),
        patients=_trained_on(recipes[0]),
        samples=samples[0],
        unit="volumes" if recipes[0].patches else "slices",
        measured=max(figure.counted for figure in figures.measured),
        measured_unit="slices" if how.measured_on == "slices" else "patients",
    )
    return RowResult(
        name=row.name,
        published=tuple(system.published(row).values()),
        figures=figures.measured,
        nothing=figures.nothing,
        structures=recipes[0].labels[1:],
        sizes=sizes,
        notes=(*_notes(row, wanted, recipes[0]), *_endings(recipes, ended)),
        comparable=wanted.starts_as_published(row),
        steps=figures.steps,
    )


def _folders(row: str, wanted: ReproductionRequest, count: int) -> list[Path]:
    folder = wanted.folder / wanted.protocol / row
    return [folder / f"fold-{number}" for number in range(count)] if count > 1 else [folder]


def _notes(row: PublishedRow, wanted: ReproductionRequest, recipe: Recipe) -> Iterator[str]:
    start = encoder_files.describe_start(recipe, wanted.system.encoder_weights(row))
    if start:
        yield start
    if row.trained_as:
        yield f"Its models are those of {row.trained_as}, or trained alike where that row is not there."


def _endings(recipes: Sequence[Recipe], ended: Sequence[float | None]) -> Iterator[str]:
    """A sentence where early stopping ended trainings."""
    steps = recipes[0].schedule.steps
    early = [at for recipe, at in zip(recipes, ended, strict=True) if at is not None and at < recipe.schedule.steps]
    if early and len(recipes) == 1:
        yield f"Training ended early, after {early[0]:.0f} of {steps} steps, as its validations got no better."
    elif early:
        yield f"Of the trainings {len(early)} ended early, as their validations got no better; {steps} were planned."


def _trained_on(recipe: Recipe) -> int:
    return len(set(recipe.patients) - {*recipe.validation, *recipe.test})


def _samples(recipe: Recipe, data: DataSet, options: RunOptions) -> int:
    """Slices that a recipe trains on, or patients where it cuts patches from volumes."""
    if recipe.patches:
        return _trained_on(recipe)
    found = training_patients.read(recipe, data.root, options.cache, say=options.say, job=options.job)
    return sum(len(slices_showing(patient, recipe.sampling.shuffled or "all")) for patient in found.train)


def reproduce(
    name: str,
    data: Path | Sequence[Path],
    folder: Path,
    protocol: ProtocolName,
    *,
    quick: bool = False,
    weights: Sequence[Path] = (),
    intensities: tuple[float, float] | None = None,
    patients: str | None = None,
    options: RunOptions | None = None,
) -> Reproduction:
    """Train and measure a published system, and write ``reproduction.csv``, ``.json`` and ``.md``.

    What is in the folder of this reproduction, by whichever protocol, stays and comes into the tables; what is done is
    not done again.

    Args:
        name: of :func:`.systems.names`.
        data: folder of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures, or several that are used together.
        folder: to write to.
        protocol: ``published``, as far as the paper says, ``sound``, or ``slices``, which Kulkarni's figures suggest.
        quick: make it small, see :func:`.systems.make_quick`.
        weights: files of ImageNet weights, and the word ``imagenet`` where the missing ones are to be downloaded; rows
            without any start from random weights and are not compared with the published figures.
        intensities: HU of the darkest and brightest grey of slice pictures that do not say them.
        patients: who of the data is used, see :func:`.patient_choice.choose_patients`; None for all.
        options: where to run, and whom to tell.

    Raises:
        UserError: there is no such system or protocol, the data or weights cannot be used, or the folder holds
            something else.
        Cancelled: the user asked to stop; what is done stays.
    """
    chosen, options = systems.load(name), options or RunOptions()
    chosen.protocol(protocol)
    files = encoder_files.by_network(weights, chosen.from_weights)
    found = choose_patients(data_set.find(data, intensities), patients).first(QUICK_PATIENTS if quick else None)
    fresh = Reproduction(name=name, quick=quick, data=found.in_words, metrics=chosen.metrics)
    known = results.read_results(folder, fresh, overwrite=options.overwrite, say=options.say)
    wanted = ReproductionRequest(chosen, protocol, files, folder, quick)
    done = known.with_protocol(protocol, run_protocol(wanted, found, options))
    report.write(folder, chosen, done)
    return done
