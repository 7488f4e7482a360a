"""Cross-validation: a recipe trained once a fold and measured, all folds together, on every patient of the split."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.errors import UserError
from ..core.progress import Job
from ..datasets import layouts, sources, splits
from ..datasets.quality_check import check_data_sets
from ..datasets.sources import Source
from ..datasets.splits import PatientNames, Split, patient_of
from ..training.recipe import Recipe
from .run_options import RunOptions
from .trial import PatientResult, run_trial

_WORTH_A_PROCESS = 4
"""Scans that take longer to look at than a process takes to start."""


OF_FOLD = "{fold}"
"""Stands in the name of the model that training starts from for the number of the fold."""


class Fold(NamedTuple):
    """One training of a cross-validation.

    Args:
        number: from 0.
        held_out: who is not trained on.
        measured: who of them is measured.
    """

    number: int
    held_out: PatientNames
    measured: PatientNames


def draw_folds(data_of: Sequence[Source], root: Path, folds: int, seed: int, job: Job) -> Split:
    """Split the patients whose lesions are marked, by tumour load, as ``livertumorseg data split`` does.

    Patients of sources whose masks join lesions to the liver are in no fold, since lesions cannot be measured on
    them: they are always trained on. Where all sources are such, all of their patients are split.

    Args:
        data_of: sources.
        root: folder that holds theirs.
        folds: how many.
        seed: decides among equals.
        job: told of every patient that is looked at.

    Raises:
        UserError: a source cannot be read, or there are too few patients.
        Cancelled: the user asked to stop.
    """
    sets = [layouts.find(root / each.folder) for each in _measurable(data_of)]
    scans = sum(len(each.scans) for each in sets)
    found = check_data_sets(sets, processes=min(os.cpu_count() or 1, max(1, scans // _WORTH_A_PROCESS)), job=job)
    failed = {name: why for report in found.sets for name, why in report.failed.items()}
    if failed:
        name, why = next(iter(failed.items()))
        msg = f"{name} cannot be put into a fold: {why}"
        raise UserError(msg)
    return splits.draw(found.loads, folds=folds, seed=seed, groups=found.persons)


def folds_of(split: Split, data_of: Sequence[Source], root: Path) -> tuple[Fold, ...]:
    """Patients that are held out and that are measured in each fold of a split.

    Held out are also other scans of the same persons, by their numbers, in any source; measured are those whose lesions
    are marked. A split without folds is one fold: its validation patients are measured, its test patients held out.

    Raises:
        UserError: the split names somebody who is not in the data, or nobody in a fold can be measured.
    """
    known = list(dict.fromkeys(name for source in data_of for name in sources.files(source, root)))
    splits.refuse_unknown_patients(split, known, "The split")
    marked = measurable_patients(data_of, root)
    found = []
    for number, each in enumerate(split.rounds):
        persons = {patient_of(name) for name in (*each.validation, *each.test)}
        held_out = tuple(name for name in known if patient_of(name) in persons)
        measured = tuple(name for name in each.validation if name in marked)
        if not measured:
            msg = f"Fold {number} of the split holds nobody whose lesions are marked: draw another split."
            raise UserError(msg)
        found.append(Fold(number, held_out, measured))
    return tuple(found)


def measurable_patients(data_of: Sequence[Source], root: Path) -> set[str]:
    """Patients that are put into folds: those whose lesions are marked apart, or all where there is no such source.

    Raises:
        UserError: a source cannot be read.
    """
    return {name for source in _measurable(data_of) for name in sources.files(source, root)}


def recipe_of_fold(recipe: Recipe, fold: Fold) -> Recipe:
    """A recipe that holds a fold out, whatever it says itself of validation, and that never looks at it in training.

    Where the model that it starts from is named with :data:`OF_FOLD`, it is that of the same fold.

    Raises:
        UserError: the recipe judges by validations, so that who is measured would have a say in the weights; or it
            names patients or test patients, while folds are of everybody in the data.
    """
    named = [entry for entry in ("patients", "test") if getattr(recipe, entry)]
    if named:
        mend = f"leave {named[0]} out of the recipe, or name data without them"
        msg = f"Folds are drawn from everybody in the data: {mend}."
        raise UserError(msg)
    if recipe.monitored:
        entry = next(iter(recipe.monitored))
        msg = (
            f"{entry} lets the patients that are measured choose the weights, which flatters: leave it out "
            "(such as --set callbacks.save=last)."
        )
        raise UserError(msg)
    changes = {
        "initial": recipe.initial and recipe.initial.replace(OF_FOLD, str(fold.number)),
        "validation": fold.held_out,
        "split": None,
        "schedule": recipe.schedule.model_copy(update={"validate_every": 0}),
        "callbacks": recipe.callbacks.model_copy(update={"pictures_every": 0}),
    }
    return recipe.model_copy(update=changes)


def cross_validate(
    recipe: Recipe,
    data: Path,
    folder: Path,
    folds: Sequence[Fold],
    options: RunOptions,
) -> tuple[PatientResult, ...]:
    """Train and measure every fold in ``FOLDER/fold-N``; what is done is not done again.

    Args:
        recipe: how to train; its own validation is overruled.
        data: folder that holds the recipe's data folders.
        folder: of the recipe's trials.
        folds: of :func:`folds_of`.
        options: where to run, and whom to tell.

    Returns:
        The patients of all folds.

    Raises:
        UserError: as :func:`recipe_of_fold` and :func:`.trial.run_trial`.
        Cancelled: the user asked to stop; what is done stays.
    """
    known = {name for source in recipe.data for name in sources.files(source, data)}
    results: list[PatientResult] = []
    for at, fold in enumerate(folds):
        own = fold._replace(held_out=tuple(name for name in fold.held_out if name in known or name in fold.measured))
        results += run_trial(
            recipe_of_fold(recipe, own),
            data,
            folder / f"fold-{fold.number}",
            options.part(at / len(folds), (at + 1) / len(folds)).under(f"fold {fold.number}"),
            measured=fold.measured,
        )
    return tuple(results)


def _measurable(data_of: Sequence[Source]) -> list[Source]:
    """The sources on whose patients lesions can be measured; all where there is no such source."""
    return [source for source in data_of if source.lesions_apart] or list(data_of)
