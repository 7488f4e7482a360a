"""Patients of a cross-validation, each segmented by the model of the fold that held them out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..datasets import sources
from ..inference.segment import Segmentation, SegmentationOptions, segment
from ..models import model_folder
from ..models.joining import join
from ..training.recipe import Recipe
from .compare import TRIALS
from .record import MODEL_FOLDER, read_record
from .run_options import RunOptions
from .trial import PatientsRecord


class HeldOutPatient(NamedTuple):
    """A patient, segmented by a model that was not trained on them.

    Args:
        name: in the data.
        found: what was found, with the candidates for lesions.
        reference: labels ``[k, j, i]``.
        lesions_apart: whether the reference tells lesions from liver.
    """

    name: str
    found: Segmentation
    reference: NDArray[np.uint8]
    lesions_apart: bool


def trials_of(folder: Path) -> tuple[Path, ...]:
    """Folders of the finished folds of one recipe, of a comparison's folder or of the recipe's own in it.

    Raises:
        UserError: there are none, or those of several recipes.
    """
    inner = sorted(folder.glob(f"{TRIALS}/*/"))
    if len(inner) > 1:
        msg = f"{folder} compares several recipes: give the folder of one of them, such as {inner[0]}."
        raise UserError(msg)
    own = inner[0] if inner else folder
    folds = tuple(sorted(own.glob("fold-*/")))
    if not folds:
        msg = f"{folder} holds no fold that was trained and measured: give what livertumorseg compare wrote."
        raise UserError(msg)
    for each in folds:
        _record(each)
    return folds


def recipes_of(trials: tuple[Path, ...]) -> dict[str, Recipe]:
    """The recipes of trials, by the names of their folders.

    Raises:
        UserError: a record is damaged.
    """
    return {trial.name: Recipe.model_validate(_record(trial).recipe) for trial in trials}


def segment_held_out(
    trials: tuple[Path, ...], data: Path, options: RunOptions, closer: tuple[Path, ...] = ()
) -> Iterator[HeldOutPatient]:
    """Segment the patients that were measured in each fold, with the fold's model.

    Args:
        trials: of :func:`trials_of`.
        data: folder that holds the recipe's data folders.
        options: where to run, and whom to tell.
        closer: trials of a recipe that looks closer, whose models are joined to those of the same folds.

    Raises:
        UserError: a record or a model is damaged, a patient cannot be read, or the folds are others.
        Cancelled: the user asked to stop.
    """
    wanted = SegmentationOptions(candidates=True, probabilities=True)
    recipes = recipes_of(trials)
    for at, trial in enumerate(trials):
        names, recipe = list(_record(trial).patients), recipes[trial.name]
        model = model_folder.load(trial / MODEL_FOLDER)
        if closer:
            model = join(model, model_folder.load(_of_same_fold(closer, at, names) / MODEL_FOLDER))
        for number, name in enumerate(names):
            part = options.job.part(
                (at + number / len(names)) / len(trials), (at + (number + 1) / len(names)) / len(trials)
            )
            part.at(0, f"Segmenting {name}")
            source = sources.source_of(recipe.data, data, name)
            volume, reference = sources.read(source, data, name)
            found = segment(volume, model, options.device, part.at, part.cancel, options=wanted)
            yield HeldOutPatient(name, found, reference, source.lesions_apart)


def _of_same_fold(closer: tuple[Path, ...], at: int, names: list[str]) -> Path:
    if at >= len(closer) or set(_record(closer[at]).patients) != set(names):
        msg = (
            f"{closer[0].parent} holds other folds than the models that find the liver: run livertumorseg compare for "
            "both with one --split."
        )
        raise UserError(msg)
    return closer[at]


def _record(trial: Path) -> PatientsRecord:
    record = read_record(PatientsRecord, trial)
    if record is None or not record.patients:
        msg = f"{trial} was not measured yet: run livertumorseg compare again, which goes on with it."
        raise UserError(msg)
    return record
