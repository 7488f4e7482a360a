"""A recipe's patients: who is trained on, who is validated on, and where their slices are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.progress import Job
from ..datasets import automatic_maps, cache, slices, splits, volumes
from ..datasets.cache import format_size
from ..datasets.dump import LeftOut
from ..datasets.scans import VolumeScan
from ..datasets.slices import Patient, SliceSource
from ..datasets.sources import Source
from ..datasets.splits import Round, patient_of
from ..datasets.volumes import ScanRequest, VolumeSource
from .held_out import SliceSplit, SplitFile
from .recipe import Recipe
from .resume import Say


def split_slices(patients: Sequence[Patient], split: SliceSplit) -> tuple[list[Patient], list[Patient]]:
    """Patients with the slices to train on, and with those to validate on; whoever has none is left out of either.

    A slice of one part is no neighbour of one of another, either: the nearest of its own part stands in for it.

    Args:
        patients: with all of their slices.
        split: which share is held out, rounded, and at least one slice. Where it has a share for validation, the same
            slices are held out, and are in neither part.
    """
    counts = [len(patient.numbers) for patient in patients]
    order = np.random.default_rng(split.seed).permutation(sum(counts))
    held_out = max(1, round(split.slices * len(order)))
    validated = max(1, round(split.validation * len(order))) if split.validation else 0
    part = np.zeros(sum(counts), int)
    part[order[:held_out]] = 1
    part[order[held_out : held_out + validated]] = 2
    both = list(zip(patients, np.split(part, np.cumsum(counts)[:-1]), strict=True))
    return _of_part(both, 0), _of_part(both, 2 if validated else 1)


def _of_part(patients: Sequence[tuple[Patient, NDArray[np.intp]]], number: int) -> list[Patient]:
    return [patient.only(np.flatnonzero(part == number)) for patient, part in patients if (part == number).any()]


class Patients(NamedTuple):
    """Patients of a recipe.

    Args:
        train: to be trained on.
        validation: to be measured during training; empty where the recipe never does.
        held_out: names of all that are for validation.
        test: names of those whom the recipe keeps to be measured afterwards.
    """

    train: list[Patient]
    validation: list[Patient]
    held_out: tuple[str, ...]
    test: tuple[str, ...] = ()

    @property
    def slice_counts(self) -> Mapping[str, Mapping[str, int]]:
        """Slices of each patient that was read, by what it is for and its name."""
        parts = {"training": self.train, "validation": self.validation}
        return {part: {patient.name: len(patient.numbers) for patient in those} for part, those in parts.items()}


class _Opened(NamedTuple):
    """A source, and its CTs by name or nothing for slice pictures."""

    source: Source
    members: dict[str, VolumeScan | None]


def read(recipe: Recipe, data: Path, cache_folder: Path | None, *, say: Say, job: Job, device: str = "cpu") -> Patients:
    """Read whom a recipe trains and validates on, and nobody else.

    Args:
        recipe: which data, split and preprocessing.
        data: folder that holds the recipe's data folders and the split's file.
        cache_folder: for what CTs become; None for the user's.
        say: told what is left out of the data, and what the cache costs.
        job: told while CTs are read.
        device: what preprocesses CTs that the cache lacks.

    Raises:
        UserError: data are missing or cannot be read, or they and the split do not name the same patients.
        Cancelled: the user asked to stop.
    """
    if not recipe.data:
        msg = "The recipe names no data: list at least one folder of slices in its data."
        raise UserError(msg)
    opened = [_open(source, data, say) for source in recipe.data]
    names = [name for each in opened for name in each.members]
    parts = split_patients(recipe, data, names)
    if not parts.train:
        msg = "The recipe keeps all patients for validation: leave some for training."
        raise UserError(msg)
    for sentence in _shared_persons(parts):
        say(sentence)
    wanted = {*parts.train, *(parts.validation if recipe.validates else ())}
    patients = _read(opened, wanted, recipe, data, cache_folder or cache.default_folder(), say, job, device)
    if recipe.clicks and recipe.click_sampling.automatic:
        folder = data / recipe.click_sampling.automatic
        patients = automatic_maps.with_maps(patients, folder, recipe.preprocessing.spacing_mm)
    if isinstance(recipe.split, SliceSplit):
        train, validated = split_slices(patients, recipe.split)
        return Patients(train, validated if recipe.validates else [], (), tuple(p.name for p in patients))
    return Patients(
        [p for p in patients if p.name in parts.train],
        [p for p in patients if p.name not in parts.train],
        parts.validation,
        parts.test,
    )


def split_patients(recipe: Recipe, data: Path, names: Sequence[str]) -> Round:
    """The patients in the data, by what they are for.

    Raises:
        UserError: the recipe or its split's file names who is not in the data, or that file leaves out who is.
    """
    if isinstance(recipe.split, SplitFile):
        return _from_file(recipe.split, data / recipe.split.file, names)
    _refuse_unknown("validation patients", set(recipe.validation) - set(names))
    _refuse_unknown("test patients", set(recipe.test) - set(names))
    _refuse_unknown("patients", set(recipe.patients) - set(names))
    used, held_out = recipe.patients or names, {*recipe.validation, *recipe.test}
    return Round(tuple(name for name in used if name not in held_out), recipe.validation, recipe.test)


def _refuse_unknown(what: str, names: set[str]) -> None:
    if names:
        msg = f"The recipe's {what} {', '.join(sorted(names))} are not in the data."
        raise UserError(msg)


def _from_file(chosen: SplitFile, path: Path, names: Sequence[str]) -> Round:
    split = splits.load(path, names)
    unnamed = sorted(set(names) - set(split.names))
    if unnamed:
        others = f" and {len(unnamed) - 1} more" if len(unnamed) > 1 else ""
        msg = f"{path} does not say what {unnamed[0]}{others} of the data are for: draw a split of all of the data."
        raise UserError(msg)
    if not split.folds and chosen.fold is not None:
        msg = f"{path} holds no folds: leave fold out of the recipe's split."
        raise UserError(msg)
    if split.folds and (chosen.fold is None or chosen.fold >= len(split.folds)):
        msg = f"{path} holds {len(split.folds)} folds: give one of 0 to {len(split.folds) - 1} as fold of the split."
        raise UserError(msg)
    return split.rounds[chosen.fold or 0]


def _shared_persons(parts: Round) -> Iterator[str]:
    """A sentence for each person who is trained on under one data set's name and held out under another's."""
    held_out = {patient_of(name): name for name in (*parts.validation, *parts.test)}
    for name in parts.train:
        if other := held_out.get(patient_of(name)):
            yield f"Warning: {name}, who is trained on, and {other}, who is not, are the same patient by their numbers."


def _open(source: Source, data: Path, say: Say) -> _Opened:
    if isinstance(source, SliceSource):
        return _Opened(source, dict.fromkeys(slices.patient_names(source, data)))
    scans, left_out = volumes.find(source, data)
    if left_out:
        say(_without(data / source.folder, left_out))
    return _Opened(source, {scan.name: scan for scan in scans})


def _without(folder: Path, left_out: Sequence[LeftOut]) -> str:
    named = "; ".join(f"{each.name}, as {each.reason}" for each in left_out)
    return f"Left out of {folder}: {named}."


def _read(
    opened: Sequence[_Opened],
    names: set[str],
    recipe: Recipe,
    data: Path,
    cache_folder: Path,
    say: Say,
    job: Job,
    device: str,
) -> list[Patient]:
    """The patients of these names: of slice pictures first, then of CTs, in the order of their sources."""
    chain = recipe.preprocessing
    pictures = [
        patient
        for source, _ in opened
        if isinstance(source, SliceSource)
        for patient in slices.read_patients(source, data, chain, names)
    ]
    wanted = [
        ScanRequest(scan, source, chain, recipe.patches.spacing_mm if recipe.patches else None, device, recipe.frame)
        for source, members in opened
        if isinstance(source, VolumeSource)
        for name, scan in members.items()
        if scan is not None and name in names
    ]
    return pictures + volumes.read_patients(wanted, cache_folder, say=say, job=job)


_DEVICE_SHARE = 0.5
"""Of the memory that is free on an accelerator; the rest is for the network and what it computes."""


def free_device_bytes(device: torch.device) -> int:
    """Memory that is free on an accelerator, 0 where it is not known or is the CPU's own."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def move_to_device(
    patients: Sequence[Patient], device: torch.device, free: int, say: Callable[[str], None]
) -> list[Patient]:
    """Patients whose slices are on the device, if all of them fit into a share of what is free there.

    Labels stay, since what a slice is cut around is drawn on the CPU. A batch is on the device that its slices are on,
    and is the same on either.

    Args:
        patients: preprocessed.
        device: that trains.
        free: bytes that are free there; 0 where it shares the CPU's memory.
        say: told what was chosen, where there is a choice.
    """
    size = sum(patient.pixels.nbytes for patient in patients)
    if not free:
        return list(patients)
    if size > _DEVICE_SHARE * free:
        say(f"The slices ({format_size(size)}) stay in the host's memory: {device} has {format_size(free)} free.")
        return list(patients)
    say(f"The slices ({format_size(size)}) are kept on {device}.")
    return [replace(patient, pixels=patient.pixels.to(device), known=patient.overview) for patient in patients]
