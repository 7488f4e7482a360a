"""A published system trained and measured again, row by row; what is done is not done again.

``FOLDER/PROTOCOL/ROW[/fold-N]`` are the trials, ``FOLDER/PROTOCOL/split.json`` says who is held out where patients
are, and ``FOLDER/slices`` are pictures where a system trains from such.
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
from ...training import patients
from ...training.network import build_network
from ...training.recipe import Recipe
from ...training.slice_sampling import slices_showing
from ..run_options import RunOptions
from . import data as data_set
from . import encoder_files, report, results, sizes, systems
from .data import DataSet
from .results import ProtocolResult, Reproduction, RowResult, TrainingSizes, Trial
from .sizes import SHRINKING, SizeName
from .systems import Protocol, ProtocolName, PublishedRow, System

_OF_LOOKING = 0.05
EXPORTED, SPLIT = "slices", "split.json"


@dataclass(frozen=True)
class ReproductionRequest:
    """A system to be reproduced, and the way to do it.

    Args:
        system: which.
        protocol: which of its protocols.
        weights: files of ImageNet weights, by network.
        folder: to write to.
        size: that it is made of.
    """

    system: System
    protocol: ProtocolName
    weights: Mapping[str, Path]
    folder: Path
    size: SizeName

    @property
    def how(self) -> Protocol:
        """The protocol."""
        return self.system.protocols[self.protocol]

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
            return systems.recipe_of_row(self.system, row, data.source, self.weights, size=self.size, split=split)
        except ValidationError as error:
            msg = f"{row.name} cannot be trained on {data.layout.folder}: {explain_validation_error(error, Recipe)}"
            raise UserError(msg) from error


def run_protocol(wanted: ReproductionRequest, data: DataSet, options: RunOptions) -> ProtocolResult:
    """Train and measure every row under one protocol.

    Raises:
        UserError: weights are missing, the data cannot be used, or as the trials.
        Cancelled: the user asked to stop; what is done stays.
    """
    system = wanted.system
    drafts = {row.name: wanted.recipe(row, data, {"validation": data.patients[:1]}) for row in system.rows}
    for name, recipe in drafts.items():
        _check_network(name, recipe)
    looking = options.part(0, _OF_LOOKING)
    rounds = _rounds(wanted, data, looking)
    prepared, notes = _prepared(wanted, data, drafts[system.rows[0].name], looking)
    done = []
    for at, row in enumerate(system.rows):
        start, end = (_OF_LOOKING + (1 - _OF_LOOKING) * number / len(system.rows) for number in (at, at + 1))
        options.say(f"{row.name}, {wanted.protocol} protocol.")
        done.append(_row(row, wanted, prepared, rounds, options.part(start, end)))
    return ProtocolResult(command=options.command, rows=tuple(done), notes=notes)


def _check_network(name: str, recipe: Recipe) -> None:
    """Have weights that are missing known before anything is read."""
    try:
        build_network(recipe)
    except UserError as error:
        if recipe.encoder_weights != "imagenet":
            raise
        address = encoder_files.published(recipe.network.name)
        msg = f"{name} starts from the weights in {address}: give the file with --encoder-weights. ({error})"
        raise UserError(msg) from error


def _prepared(
    wanted: ReproductionRequest, data: DataSet, recipe: Recipe, options: RunOptions
) -> tuple[DataSet, tuple[str, ...]]:
    """The data as rows are trained from them, and what is to be said about that."""
    if recipe.patches:
        return data, ()
    how = SHRINKING[wanted.size]
    every = max(wanted.system.every, data_set.thinning_for(data, how.slices) if how and how.slices else 1)
    if not wanted.how.exported:
        return data.thinned(every), ()
    if not data.can_be_exported:
        return data.thinned(every), (f"{data.layout.title} was read as it is, not from exported JPG and PNG files.",)
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
        if same and len(split.folds) == (sizes.fold_count(wanted.how.folds, wanted.size) or 0):
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
        found = check_data_sets([data.used], processes=os.cpu_count() or 1, job=options.job)
        _refuse_unreadable({name: why for each in found.sets for name, why in each.failed.items()})
        loads, persons = found.loads, found.persons
    return systems.draw_split(wanted.how, loads, persons, seed=wanted.seed, size=wanted.size)


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
    if wanted.size == "published":
        recipes = [systems.with_steps(recipe, row, count) for recipe, count in zip(recipes, samples, strict=True)]
    planned = [Trial(*each) for each in zip(recipes, _folders(row, wanted, len(rounds)), strict=True)]
    figures = results.measure_trials(planned, system.metrics, how, data, options)
    sizes = TrainingSizes(
        trainings=len(rounds),
        steps=recipes[0].schedule.steps,
        patients=len(rounds[0].train),
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
        sizes=sizes,
        notes=tuple(_doubts(row, wanted, recipes[0])),
    )


def _folders(row: PublishedRow, wanted: ReproductionRequest, count: int) -> list[Path]:
    folder = wanted.folder / wanted.protocol / row.folder
    return [folder / f"fold-{number}" for number in range(count)] if count > 1 else [folder]


def _doubts(row: PublishedRow, wanted: ReproductionRequest, recipe: Recipe) -> Iterator[str]:
    if recipe.encoder_weights is None and (wanted.system.recipe | row.recipe).get("encoder_weights"):
        yield "It started from random weights, not from ImageNet's."


def _samples(recipe: Recipe, data: DataSet, options: RunOptions) -> int:
    """Slices that a recipe trains on, or patients where it cuts patches from volumes."""
    if recipe.patches:
        return len(set(recipe.patients) - set(recipe.validation))
    found = patients.read(recipe, data.root, options.cache, say=options.say, job=options.job)
    return sum(len(slices_showing(patient, recipe.sampling.shuffled or "all")) for patient in found.train)


def reproduce(
    name: str,
    data: Path,
    folder: Path,
    protocol: ProtocolName,
    *,
    size: SizeName = "published",
    weights: Sequence[Path] = (),
    intensities: tuple[float, float] | None = None,
    options: RunOptions | None = None,
) -> Reproduction:
    """Train and measure a published system, and write ``reproduction.csv``, ``.json`` and ``.md``.

    What is in the folder of this reproduction, by whichever protocol, stays and comes into the tables; what is done is
    not done again.

    Args:
        name: of :func:`.systems.names`.
        data: folder of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures.
        folder: to write to.
        protocol: ``published``, as far as the paper says, or ``sound``.
        size: that it is made of, see :mod:`.sizes`.
        weights: files of ImageNet weights.
        intensities: HU of the darkest and brightest grey of slice pictures that do not say them.
        options: where to run, and whom to tell.

    Raises:
        UserError: there is no such system, the data or weights cannot be used, or the folder holds something else.
        Cancelled: the user asked to stop; what is done stays.
    """
    chosen, options = systems.load(name), options or RunOptions()
    files = encoder_files.by_network(weights)
    encoder_files.refuse_unused(files, chosen.from_weights)
    how = SHRINKING[size]
    found = data_set.find(data, intensities, how.patients if how else None)
    fresh = Reproduction(name=name, size=size, data=found.in_words, metrics=chosen.metrics)
    known = results.read_results(folder, fresh, overwrite=options.overwrite)
    wanted = ReproductionRequest(chosen, protocol, files, folder, size)
    done = known.with_protocol(protocol, run_protocol(wanted, found, options))
    report.write(folder, chosen, done)
    return done
