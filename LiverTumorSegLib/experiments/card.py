"""What a comparison says of a model, in the model's card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .. import model
from ..description import Case, Description, Evidence, Figures
from ..errors import UserError
from ..places import of_content
from ..training.differences import differing, entries, shown
from ..training.recipe import Recipe, completed
from ..training.validate import store
from . import tables
from .compare import Comparison
from .summary import Results

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
    described = model.describe(folder)
    own = compared.results.get(described.name) if len(compared.results) == 1 else None
    table = _table(compared, described, recipes)
    figures = _figures(own, compared.command) if own else described.figures
    store(folder, described.with_evidence(table), figures)


def _table(compared: Comparison, described: Description, recipes: Mapping[str, Recipe]) -> Evidence:
    head, *rows = tables.rows(compared.summary or {})
    names = list(compared.results)
    alone = names == [described.name]
    title = "Cross-validation" if alone else f"Comparison of {', '.join(names)}"
    said = [*tables.in_words(compared.summary or {}), *compared.beside]
    if alone:
        said.append(_changed(described, recipes[described.name]))
    return Evidence(
        title=title,
        text=" ".join(filter(None, said)),
        command=compared.command,
        head=tuple(head),
        rows=tuple(tuple(row) for row in rows),
    )


def _changed(described: Description, recipe: Recipe) -> str:
    """In what the recipe that was measured differs from the one that made the model, beyond who is held out."""
    stated = of_content(recipe.model_dump(mode="json"))  # as a model has it
    made, measured = entries(completed(described.training.recipe)), entries(stated)
    keys = [key for key in differing(made, measured) if key not in _OF_FOLDS]
    changes = "; ".join(f"{key} {shown(measured.get(key))} in place of {shown(made.get(key))}" for key in keys)
    return f"Trained otherwise than the model itself: {changes}." if changes else ""


def _figures(results: Results, command: str) -> Figures:
    cases = {
        each.name: Case(
            liver_dice=each.liver_dice, lesion_dice=each.lesion_dice, false_lesion_ml=each.false_lesion_ml or 0.0
        )
        for each in results
    }
    definition = (
        "Dice in three dimensions, by patient, in a cross-validation: each patient is measured by a model of the same "
        "recipe that was trained without that patient's fold, after postprocessing; liver: labels 1 and 2 together, "
        "lesion: label 2."
    )
    return Figures(definition=definition, command=command, cases=cases)
