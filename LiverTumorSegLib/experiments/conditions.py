"""Whether recipes are compared under equal conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..training.differences import shown
from ..training.recipe import Recipe

_CONDITIONS: dict[str, Callable[[Recipe], Any]] = {
    "seed": lambda recipe: recipe.seed,
    "data": lambda recipe: [source.model_dump(mode="json") for source in recipe.data],
    "slices seen (schedule.steps × schedule.batch)": lambda recipe: recipe.schedule.steps * recipe.schedule.batch,
    "patients": lambda recipe: recipe.patients,
    "weights training starts from (initial, encoder_weights)": lambda recipe: (recipe.initial, recipe.encoder_weights),
    "crop": lambda recipe: recipe.crop,
    "patches": lambda recipe: recipe.patches and recipe.patches.model_dump(mode="json"),
    "sampling": lambda recipe: recipe.sampling.model_dump(mode="json"),
    "augmentation": lambda recipe: recipe.augmentation.model_dump(mode="json"),
}


def unequal(recipes: Mapping[str, Recipe]) -> tuple[str, ...]:
    """A sentence for each condition that is not the same in all recipes; the patients measured on always are."""
    found = []
    for what, of in _CONDITIONS.items():
        values = {name: of(recipe) for name, recipe in recipes.items()}
        first, *others = values.items()
        other = next((each for each in others if each[1] != first[1]), None)
        if other:
            told = f"{shown(first[1])} in {first[0]} and {shown(other[1])} in {other[0]}"
            plain = isinstance(first[1], int)
            found.append(f"{what}: {told}." if plain else f"{what}: not the same in {first[0]} and {other[0]}.")
    return tuple(found)
