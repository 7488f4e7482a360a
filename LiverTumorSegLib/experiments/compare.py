"""Recipes trained and measured on the same patients; one that fails stops no other.

``FOLDER/split.json`` says who is measured by which fold, ``FOLDER/trials/NAME/fold-N`` are the trials, and
``comparison.json``, ``comparison.csv`` and ``comparison.md`` are what came out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..core.atomic_files import whole_file
from ..core.errors import UserError
from ..core.progress import Job
from ..core.sanitize import strip_folders, strip_folders_of_content
from ..core.text_files import round_floats
from ..datasets import splits
from ..datasets.sources import Source
from ..datasets.splits import Split
from ..models import model_folder
from ..models.description import Description, Evidence, MeasuredAccuracy, PatientDice
from ..training.earlier_recipes import completed
from ..training.recipe import Recipe
from ..training.resume import Say, count_others, differing_keys, flatten_entries, shorten_value
from ..training.validate import store_figures
from . import click_summary, summary
from .click_summary import Figures, click_markdown, summarise_clicks
from .folds import Fold, cross_validate, draw_folds, folds_of, measurable_patients
from .run_options import RunOptions
from .summary import Results, summarise_recipes
from .variants import Variants, count_parameters, unequal_conditions

SPLIT, TRIALS = "split.json", "trials"
_DIGITS = 6


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison of recipes.

    Args:
        summary: of :func:`.summary.summarise_recipes`; None where no recipe could be measured.
        results: patients by recipe.
        failed: why a recipe could not be measured, a sentence by name.
        left_out: why a recipe did not take part, a sentence by name.
        remarks: what is to be known beside the table, a sentence each; unequal conditions first.
        command: that made it.
    """

    summary: dict[str, Any] | None
    results: Mapping[str, Results]
    failed: Mapping[str, str]
    left_out: Mapping[str, str]
    remarks: tuple[str, ...]
    command: str

    @property
    def beside(self) -> tuple[str, ...]:
        """Remarks beside the table, and the patients that are not in it and why, a sentence or two each."""
        absent = {**self.failed, **self.left_out}
        return (*self.remarks, *(f"Not in the table: {name}. {why}" for name, why in absent.items()))

    @cached_property
    def clicks(self) -> dict[str, Figures]:
        """Figures of the recipes whose networks are for clicks, by name."""
        clicked = {name: {each.name: each.clicks for each in results} for name, results in self.results.items()}
        return {name: summarise_clicks(found) for name, found in clicked.items() if any(found.values())}

    def write(self, folder: Path) -> None:
        """Write ``comparison.json``, ``comparison.csv`` and ``comparison.md``; nothing where nothing was measured.

        Raises:
            UserError: the folder cannot be written to.
        """
        if self.summary is None:
            return
        patients = {name: [one.model_dump(mode="json") for one in each] for name, each in self.results.items()}
        content = {
            "format": 1,
            "command": self.command,
            "remarks": self.remarks,
            "failed": dict(self.failed),
            "left_out": dict(self.left_out),
            **self.summary,
            "clicks": self.clicks,
            "results": patients,
        }
        sentences = [*summary.explain_figures(self.summary), *self.beside, f"Command: `{self.command}`."]
        _write(folder / "comparison.json", json.dumps(round_floats(content, _DIGITS), indent=1) + "\n")
        _write(folder / "comparison.csv", summary.summary_csv(self.summary))
        clicks = "".join(f"\n{click_markdown(name, figures)}" for name, figures in self.clicks.items())
        _write(folder / "comparison.md", summary.summary_markdown(self.summary, sentences) + clicks)


def compare(
    variants: Variants,
    data: Path,
    folder: Path,
    folds: Sequence[Fold],
    options: RunOptions,
    *,
    against: str | None = None,
) -> Comparison:
    """Cross-validate every recipe on the same folds; what is done is not done again.

    Args:
        variants: who takes part.
        data: folder that holds the recipes' data folders.
        folder: to write to.
        folds: of :func:`.folds.folds_of`; all of the split's, or some.
        options: where to run, and whom to tell; its command is written beside the figures.
        against: as of :func:`.summary.summarise_recipes`; the best where it cannot be measured.

    Raises:
        UserError: nobody takes part, or ``against`` does not.
        Cancelled: the user asked to stop; what is done stays.
    """
    variants.refuse_nobody()
    if against is not None and against not in variants.recipes:
        msg = f"--against {against} is not among what is compared: give one of {', '.join(variants.recipes)}."
        raise UserError(msg)
    count = len(variants.recipes)
    results: dict[str, Results] = {}
    failed: dict[str, str] = {}
    for at, (name, recipe) in enumerate(variants.recipes.items()):
        own = replace(options.part(at / count, (at + 1) / count).under(name), say=_told(options.say, name))
        try:
            results[name] = cross_validate(recipe, data, folder / TRIALS / name, folds, own)
        except UserError as error:
            failed[name] = strip_folders(str(error), (data, folder))
            own.say(f"failed. {error}")
    sizes = {name: count_parameters(variants.recipes[name]) for name in results}
    return Comparison(
        summarise_recipes(results, sizes, None if against in failed else against) if results else None,
        results,
        failed,
        variants.left_out,
        (*_unequal(variants.recipes), *variants.notes),
        options.command,
    )


def split_for(
    folder: Path, data_of: Sequence[Source], data: Path, *, folds: int, seed: int, overwrite: bool, job: Job
) -> Split:
    """The split in a comparison's folder, drawn where there is none.

    Raises:
        UserError: there is one with other folds, another seed or other patients and it may not be replaced, or none can
            be drawn.
    """
    path = folder / SPLIT
    if path.exists():
        split = splits.load(path)
        doubt = _doubt(split, folds, seed, measurable_patients(data_of, data))
        if not doubt:
            return split
        if not overwrite:
            msg = f"{path} {doubt}, choose another folder, or start anew (--overwrite)."
            raise UserError(msg)
    split = draw_folds(data_of, data, folds, seed, job)
    split.save(path, overwrite=overwrite)
    return split


def chosen_folds(split: Split, data_of: Sequence[Source], data: Path, only: int | None) -> tuple[Fold, ...]:
    """All folds of a split, or one of them.

    Raises:
        UserError: there is no such fold, or as :func:`.folds.folds_of`.
    """
    found = folds_of(split, data_of, data)
    if only is None:
        return found
    if only >= len(found):
        msg = f"There is no fold {only}: the split has the folds 0 to {len(found) - 1}."
        raise UserError(msg)
    return (found[only],)


def _doubt(split: Split, folds: int, seed: int, known: set[str]) -> str:
    """Why a split is not the one asked for, and how to go on with it; nothing where it is."""
    if (len(split.folds), split.seed) != (folds, seed):
        drawn = f"has {len(split.folds)} folds drawn with the seed {split.seed}"
        return f"{drawn}, not {folds} with {seed}: go on with those"
    changed = sorted(known ^ set(split.names))
    if not changed:
        return ""
    return f"was drawn for other patients than the data hold, {changed[0]}{count_others(changed[1:])}: give those data"


def _told(say: Say, name: str) -> Say:
    return lambda sentence: say(f"{name}: {sentence}")


def _unequal(recipes: Mapping[str, Recipe]) -> list[str]:
    return [f"Not under equal conditions, {sentence}" for sentence in unequal_conditions(recipes)]


def _write(path: Path, text: str) -> None:
    with whole_file(path, overwrite=True) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


_OF_FOLDS = {"validation", "split", "split.file", "split.fold", "schedule.validate_every", "callbacks.pictures_every"}
"""Entries of a recipe in which the trainings of a cross-validation differ from one on everybody anyway."""


def write_into_card(folder: Path, compared: Comparison, recipes: Mapping[str, Recipe]) -> None:
    """Put a comparison's table into a model's card, and its own patients where its recipe was cross-validated alone.

    Args:
        folder: model folder.
        compared: what was measured.
        recipes: by name, as they were compared.

    Raises:
        UserError: nothing was measured, or the model's folder cannot be written.
    """
    if compared.summary is None:
        msg = f"Nothing was measured that could be written into the card of {folder}."
        raise UserError(msg)
    described = model_folder.read_description(folder)
    own = compared.results.get(described.name) if len(compared.results) == 1 else None
    changed = described.with_evidence(_table(compared, described, recipes))
    if described.name in compared.clicks:
        changed = changed.with_evidence(_clicks(compared, described.name))
    figures = _figures(own, compared.command, described) if own else described.figures
    store_figures(folder, changed, figures)


def _clicks(compared: Comparison, name: str) -> Evidence:
    rows = click_summary.click_rows(compared.clicks[name])
    text = " ".join(click_summary.MEANING)
    return Evidence(title="Clicks", text=text, command=compared.command, head=click_summary.HEAD, rows=tuple(rows))


def _table(compared: Comparison, described: Description, recipes: Mapping[str, Recipe]) -> Evidence:
    head, *rows = summary.summary_rows(compared.summary or {})
    names = list(compared.results)
    alone = names == [described.name]
    title = "Cross-validation" if alone else f"Comparison of {', '.join(names)}"
    said = [*summary.explain_figures(compared.summary or {}), *compared.beside]
    if alone:
        said.append(describe_changes(described, recipes[described.name]))
    return Evidence(
        title=title,
        text=" ".join(filter(None, said)),
        command=compared.command,
        head=tuple(head),
        rows=tuple(tuple(row) for row in rows),
    )


def describe_changes(described: Description, recipe: Recipe) -> str:
    """In what the recipe that was measured differs from the one that made the model, beyond who is held out."""
    stated = strip_folders_of_content(recipe.model_dump(mode="json"))  # as a model has it
    made, measured = flatten_entries(completed(described.training.recipe)), flatten_entries(stated)
    keys = [key for key in differing_keys(made, measured) if key not in _OF_FOLDS]
    changes = "; ".join(
        f"{key} {shorten_value(measured.get(key))} in place of {shorten_value(made.get(key))}" for key in keys
    )
    return f"Trained otherwise than the model itself: {changes}." if changes else ""


def describe_changes_of_folds(described: Description, recipes: Mapping[str, Recipe]) -> str:
    """The same of a cross-validation, by the name of each fold where they were not all trained alike.

    That each began from the weights of its own fold is alike.
    """
    said = {name: describe_changes(described, recipe).replace(name, "fold-{fold}") for name, recipe in recipes.items()}
    if len(set(said.values())) <= 1:
        return next(iter(said.values()), "")
    return " ".join(f"{name}: {each or 'Trained as the model itself.'}" for name, each in said.items())


_CROSS_VALIDATED = (
    "Dice in three dimensions, by patient, in a cross-validation: each patient is measured by a model of the same "
    "recipe that was trained without that patient's fold"
)


def _figures(results: Results, command: str, described: Description) -> MeasuredAccuracy:
    cases = {
        each.name: PatientDice(
            liver_dice=each.liver_dice, lesion_dice=each.lesion_dice, false_lesion_ml=each.false_lesion_ml
        )
        for each in results
    }
    of_clicks = "with one click into the middle of every lesion of the reference"
    of_labels = "after postprocessing; liver: labels 1 and 2 together, lesion: label 2"
    definition = f"{_CROSS_VALIDATED}, {of_labels if described.clicks is None else of_clicks}."
    return MeasuredAccuracy(definition=definition, command=command, cases=cases)
