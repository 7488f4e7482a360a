"""Recipes of a published system, completed for the user's data."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

from ..datasets import splits
from ..datasets.sources import Source
from ..datasets.splits import Round, Split
from ..training.recipe import Recipe
from . import encoder_files
from .quick import FOLDS, quick
from .system import Protocol, Row, System

_LICENCE = {"name": "that of the data", "terms": "the weights were trained on the data named above, whose terms hold."}


def recipe_of(
    system: System, row: Row, data: Source, weights: Mapping[str, Path], *, small: bool, split: Mapping[str, Any]
) -> Recipe:
    """A row's recipe, its steps still to be counted unless it is small.

    Args:
        system: whose row.
        row: which.
        data: of the user.
        weights: files for encoders, by network.
        small: whether it is made quick.
        split: the recipe's ``split``, or its ``patients`` and ``validation``.

    Raises:
        ValidationError: the recipe and the user's data do not fit together.
    """
    recipe = system.recipe | row.recipe
    network = recipe["network"]["name"]
    encoder = encoder_files.for_network(network, recipe.get("encoder_weights"), weights, quick=small)
    recipe |= {"title": f"{row.name} ({system.title})", "licence": _LICENCE, "data": [data.model_dump()], **split}
    recipe["encoder_weights"] = encoder
    recipe["schedule"] = {"steps": 1} | recipe["schedule"]
    return Recipe.model_validate(quick(recipe, narrow=encoder is None) if small else recipe)


def with_steps(recipe: Recipe, row: Row, samples: int) -> Recipe:
    """A recipe with the steps of a row's epochs.

    Args:
        recipe: which.
        row: its row.
        samples: slices, or patients where patches are cut from volumes.
    """
    seen = row.epochs * samples * (row.samples_a_patient or 1)
    steps = ceil(seen / recipe.schedule.batch)
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"steps": steps})})


def draw(
    protocol: Protocol, loads: Mapping[str, float], persons: list[tuple[str, str]], *, seed: int, small: bool
) -> Split:
    """Who is trained on and who is measured, where patients are held out.

    Args:
        protocol: how patients are drawn.
        loads: tumour load of each in ml.
        persons: pairs of names that are one person; these stay together where the protocol is stratified.
        seed: of the draw.
        small: whether there are few folds.

    Raises:
        UserError: there are too few patients.
    """
    known = loads if protocol.stratified else dict.fromkeys(loads, 0.0)
    groups = persons if protocol.stratified else ()
    folds = folds_of(protocol, small=small)
    share = None if folds else protocol.held_out
    return splits.draw(known, folds=folds, validation=share, seed=seed, groups=groups)


def folds_of(protocol: Protocol, *, small: bool) -> int | None:
    """How many folds there are, None for a share that is held out."""
    return min(protocol.folds, FOLDS) if protocol.folds and small else protocol.folds


def split_of(protocol: Protocol, patients: Round, seed: int) -> dict[str, Any]:
    """What a recipe says of a round: ``patients`` with ``validation``, or with a ``split`` of slices."""
    used = [*patients.train, *patients.validation]
    if protocol.drawn == "slices":
        return {"patients": used, "split": {"slices": protocol.held_out, "seed": seed}}
    return {"patients": used, "validation": list(patients.validation)}
