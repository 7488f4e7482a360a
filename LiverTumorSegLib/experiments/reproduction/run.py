"""A published system trained and measured again, row by row; what is done is not done again.

``FOLDER/PROTOCOL/ROW[/fold-N]`` are the trials, ``FOLDER/PROTOCOL/split.json`` says who is held out where patients
are, and ``FOLDER/pictures`` are pictures where a system trains from such.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from ...core.errors import UserError
from ...datasets import splits
from ...datasets.quality_check import check_data_sets
from ...datasets.splits import Round, Split
from ...training.network import build_network
from ...training.recipe import Recipe
from ..run_options import RunOptions
from . import data as data_set
from . import earlier_results, encoder_files, output_files, sizes, systems
from .data import DataSet
from .estimate import Estimate, estimate
from .patient_choice import choose_patients
from .request import ReproductionRequest, Settings
from .results import ProtocolResult, Reproduction, RowResult
from .rows import describe_machine, run_row
from .sizes import SHRINKING
from .systems import ProtocolName, System

_OF_LOOKING = 0.05
EXPORTED, SPLIT = "pictures", "split.json"


def run_protocol(
    wanted: ReproductionRequest,
    data: DataSet,
    foreseen: Estimate,
    options: RunOptions,
    keep: Callable[[ProtocolResult], None],
) -> None:
    """Train and measure every row under one protocol.

    Args:
        wanted: what is reproduced.
        data: of the user.
        foreseen: what it will take.
        options: where to run, and whom to tell.
        keep: given what is measured after each row.

    Raises:
        UserError: the data cannot be used, or as the trials.
        Cancelled: the user asked to stop; what is done stays.
    """
    rows = wanted.rows
    if data.repeated:
        options.say(data.repeated_persons)
    for network in wanted.from_random:
        options.say(encoder_files.describe_missing(network))
    looking = options.part(0, _OF_LOOKING)
    rounds = _rounds(wanted, data, looking)
    prepared, notes = _prepared(wanted, data, wanted.draft(rows[0], data), looking)
    done: list[RowResult] = []
    machine, repeated = describe_machine(options.device), (data.repeated_persons,) if data.repeated else ()
    for at, row in enumerate(rows):
        start, end = (_OF_LOOKING + (1 - _OF_LOOKING) * number / len(rows) for number in (at, at + 1))
        options.say(f"{row.name}, {wanted.protocol} protocol.")
        done.append(run_row(row, wanted, prepared, rounds, foreseen, options.part(start, end)))
        result = ProtocolResult(command=options.command, machine=machine, rows=tuple(done), notes=(*repeated, *notes))
        keep(result)


def check_networks(wanted: ReproductionRequest, data: DataSet) -> None:
    """Have weights that are missing, and settings that fit nothing, known before anything is read.

    Raises:
        UserError: weights are missing, or a row cannot be trained on the data.
    """
    for row in wanted.rows:
        _check_network(row.name, wanted.draft(row, data))


def _check_network(name: str, recipe: Recipe) -> None:
    starts_from_file = recipe.encoder_weights is not None or recipe.initial is not None
    try:
        with nullcontext() if starts_from_file else torch.device("meta"):  # where weights take neither time nor memory
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
    every = wanted.thinning(data)
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
        alike = len(split.folds) == (sizes.fold_count(wanted.how.folds, wanted.size) or 0)
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
    return systems.draw_split(wanted.how, loads, persons, seed=wanted.seed, size=wanted.size)


def _refuse_unreadable(failed: Mapping[str, str]) -> None:
    if failed:
        name, why = next(iter(failed.items()))
        msg = f"{name} cannot be trained on or measured: {why}"
        raise UserError(msg)


@dataclass(frozen=True)
class _Start:
    """All that is known before anything is done: the whole system, what is wanted of it, and what there is."""

    whole: System
    wanted: ReproductionRequest
    data: DataSet
    known: Reproduction


def _start(
    name: str,
    data: Path | Sequence[Path],
    folder: Path,
    protocol: ProtocolName,
    settings: Settings,
    options: RunOptions,
) -> _Start:
    if settings.resume and options.overwrite:
        msg = "--resume goes on with what is there and --overwrite begins it anew: leave one of them out."
        raise UserError(msg)
    whole = systems.load(name)
    whole.protocol(protocol)
    chosen, how = whole.only(settings.rows), SHRINKING[settings.size]
    files = encoder_files.by_network(settings.weights, chosen.from_weights)
    found = choose_patients(data_set.find(data, settings.intensities), settings.patients)
    found = found.first(how.patients if how else None)
    size, epochs, changes = settings.size, settings.epochs, dict(settings.changes)
    wanted = ReproductionRequest(chosen, protocol, files, folder, size, epochs, changes)
    fresh = Reproduction(
        name=name, size=size, data=found.in_words, metrics=chosen.metrics, epochs=epochs, changes=changes
    )
    known = earlier_results.read_results(
        folder, fresh, overwrite=options.overwrite, resume=settings.resume, say=options.say
    )
    wanted.refuse_too_few(found)
    check_networks(wanted, found)
    return _Start(whole, wanted, found, known)


def foresee(
    name: str,
    data: Path | Sequence[Path],
    folder: Path,
    protocol: ProtocolName,
    settings: Settings | None = None,
    options: RunOptions | None = None,
) -> Estimate:
    """Find out what a reproduction will take, by a few steps of each row, and refuse what the machine cannot hold.

    Args:
        name: of :func:`.systems.names`.
        data: as for :func:`reproduce`, like all others.
        folder: that would be written to.
        protocol: that would be followed.
        settings: what else the user says; None for nothing.
        options: where to run, and whom to tell.

    Raises:
        UserError: as :func:`reproduce`, or there is too little memory or room on disk.
        Cancelled: the user asked to stop.
    """
    options = options or RunOptions()
    begun = _start(name, data, folder, protocol, settings or Settings(), options)
    return _foreseen(begun, options, timed=True)


def _foreseen(begun: _Start, options: RunOptions, *, timed: bool) -> Estimate:
    found = estimate(begun.wanted, begun.data, options, timed=False)
    found.refuse_unfitting()
    return estimate(begun.wanted, begun.data, options, timed=True) if timed else found


def reproduce(
    name: str,
    data: Path | Sequence[Path],
    folder: Path,
    protocol: ProtocolName,
    settings: Settings | None = None,
    options: RunOptions | None = None,
) -> Reproduction:
    """Train and measure a published system, and write its tables, page and ``.json`` after every row.

    What is in the folder of this reproduction, by whichever protocol, stays and comes into the tables; what is done is
    not done again. What it will take is said before anything starts.

    Args:
        name: of :func:`.systems.names`.
        data: folder of LiTS, 3D-IRCADb-01, MSD Task03_Liver or slice pictures, or several that are used together.
        folder: to write to.
        protocol: ``published``, as far as the paper says, ``sound``, or ``slices``, which Kulkarni's figures suggest.
        settings: what else the user says; None for nothing.
        options: where to run, and whom to tell.

    Raises:
        UserError: there is no such system or protocol, the data or weights cannot be used, the machine has too little
            memory or room on disk, or the folder holds something else.
        Cancelled: the user asked to stop; what is done stays.
    """
    options = options or RunOptions()
    begun = _start(name, data, folder, protocol, settings or Settings(), options)
    known, whole = begun.known, begun.whole
    foreseen = _foreseen(begun, options.part(0, 0), timed=begun.wanted.size != "quick")
    for sentence in foreseen.sentences():
        options.say(sentence)
    output_files.keep(folder, known)
    order = [row.name for row in whole.rows]

    def keep(result: ProtocolResult) -> None:
        nonlocal known
        known = known.with_protocol(protocol, result, order)
        output_files.write(folder, whole, known)

    run_protocol(begun.wanted, begun.data, foreseen, options, keep)
    return known
