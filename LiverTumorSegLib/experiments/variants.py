"""Recipes to be compared: given ones, or one with its network or preprocessing varied, under conditions told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import ValidationError

from ..core.errors import UserError
from ..core.schema import explain_validation_error
from ..networks import SliceNetwork, create_with_options
from ..networks import names as network_names
from ..networks.imagenet import IMAGENET_INPUT
from ..preprocessing import Chain, Crop, CropToBody, Resample, Resize, named_chains
from ..training.network import build_network
from ..training.recipe import Recipe
from ..training.resume import shorten_value

ALL, OWN = "all", "own"
"""Words for every name there is, and for the preprocessing of the recipe itself."""

_Make = Callable[[Recipe, str], tuple[dict[str, Any], str]]
_GEOMETRY = (Resize, Resample, Crop, CropToBody)


@dataclass(frozen=True)
class Variants:
    """The recipes that take part.

    Args:
        recipes: by name.
        left_out: why not, a sentence by name.
        notes: what was fitted, a sentence each.
    """

    recipes: Mapping[str, Recipe]
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def refuse_nobody(self) -> None:
        """Have it said why, before any data are looked at.

        Raises:
            UserError: nobody takes part.
        """
        if not self.recipes:
            msg = f"Nothing is left to compare. {' '.join(self.left_out.values())}".rstrip()
            raise UserError(msg)


def given(recipes: Sequence[Recipe]) -> Variants:
    """Recipes as they are.

    Raises:
        UserError: two have one name.
    """
    found: dict[str, Recipe] = {}
    for recipe in recipes:
        if recipe.name in found:
            msg = f"Two recipes are called {recipe.name}: give one of them another name."
            raise UserError(msg)
        found[recipe.name] = recipe
    return Variants(found)


def of_networks(base: Recipe, names: Sequence[str]) -> Variants:
    """One recipe with other networks, each as it is published; the recipe's own keeps its options.

    A network that pads nothing gets a crop that is larger by what it does not label, so that it learns at least the
    pixels that the others learn. What cannot be trained so is left out.

    Args:
        base: everything but the network.
        names: of networks, or ``all``.

    Raises:
        UserError: there is no network of a name.
    """
    return _made(base, _chosen(names, network_names(), "network"), _with_network)


def of_preprocessings(base: Recipe, names: Sequence[str]) -> Variants:
    """One recipe with the intensities of other preprocessing chains, on the recipe's own pixels.

    Steps that resample, resize or crop are the recipe's in all of them: else a crop of so many pixels would show
    another part of the body, and what is compared would be the size of pixels.

    Args:
        base: everything but the chain.
        names: of published chains, ``own`` for the recipe's, or ``all``.

    Raises:
        UserError: there is no chain of a name.
    """
    known = [OWN, *(entry.name for entry in named_chains())]
    return _made(base, _chosen(names, known, "preprocessing chain"), _with_chain)


def count_parameters(recipe: Recipe) -> int:
    """The number of weights that a recipe's network learns."""
    return sum(p.numel() for p in _network(recipe).parameters())


def _chosen(names: Sequence[str], known: Sequence[str], what: str) -> list[str]:
    if list(names) == [ALL]:
        return list(known)
    strange = [name for name in names if name not in known]
    if strange:
        msg = f"There is no {what} called “{strange[0]}”: choose some of {', '.join(known)}, or {ALL}."
        raise UserError(msg)
    return list(dict.fromkeys(names))


def _made(base: Recipe, names: Sequence[str], make: _Make) -> Variants:
    made = {name: _attempt(base, name, make) for name in names}
    recipes = {name: each for name, (each, _) in made.items() if isinstance(each, Recipe)}
    left_out = {name: each for name, (each, _) in made.items() if isinstance(each, str)}
    return Variants(recipes, left_out, tuple(note for _, note in made.values() if note))


def _attempt(base: Recipe, name: str, make: _Make) -> tuple[Recipe | str, str]:
    """The changed recipe and a note, or why there is none."""
    try:
        changes, note = make(base, name)
        recipe = Recipe.model_validate({**base.model_dump(mode="json"), **changes})
        _network(recipe)
    except ValidationError as error:
        return explain_validation_error(error, Recipe), ""
    except UserError as error:
        return str(error), ""
    return recipe, note


def _network(recipe: Recipe) -> SliceNetwork:
    """A recipe's network without numbers, which takes neither time nor memory."""
    with torch.device("meta"):
        return build_network(recipe.from_random)


def _with_network(base: Recipe, name: str) -> tuple[dict[str, Any], str]:
    if name == base.network.name:
        return {}, ""
    options = {"slices": base.stack.slices} if name == "dalu_net" else {}
    spec = base.network.model_copy(update={"name": name, "options": options})
    with torch.device("meta"):
        network = create_with_options(name, spec.in_channels, spec.classes, options)
    if network.axes != 2:
        msg = f"The network “{name}” takes volumes, and the others slices: there are no equal conditions for both."
        raise UserError(msg)
    changes = {"name": f"{base.name}-{name.replace('_', '-')}", "network": spec.model_dump(mode="json")}
    if not network.margin or base.crop is None:
        return changes, ""
    crop = _crop_with_margin(network, base.crop)
    learnt = crop - 2 * network.margin
    note = f"{name} pads nothing: it sees crops of {crop} pixels, of which it learns the middle {learnt}."
    return changes | {"crop": crop}, note


def _crop_with_margin(network: SliceNetwork, crop: int) -> int:
    """The smallest crop that a network can take and of which it labels as many pixels as the others see."""
    wanted = max(crop + 2 * network.margin, network.smallest)
    return wanted + (network.remainder - wanted) % network.stride


def _with_chain(base: Recipe, name: str) -> tuple[dict[str, Any], str]:
    if name == OWN:
        return {}, ""
    chain = next(entry.chain for entry in named_chains() if entry.name == name)
    steps = [step for step in chain.root if not isinstance(step, _GEOMETRY)]
    fitted = Chain((*steps, *(step for step in base.preprocessing.root if isinstance(step, _GEOMETRY))))
    spec = {"in_channels": base.stack.slices * fitted.channels, "options": _options_without_input(base)}
    network = base.network.model_copy(update=spec)
    precision = base.schedule.precision if fitted.fits_8_bits else "32-true"
    changes = {
        "name": f"{base.name}-{name.replace('_', '-')}",
        "preprocessing": fitted.model_dump(mode="json"),
        "network": network.model_dump(mode="json"),
        "schedule": base.schedule.model_copy(update={"precision": precision}).model_dump(mode="json"),
    }
    wide = precision != base.schedule.precision
    return changes, f"{name} is trained in 32 bits, which so wide a window needs." if wide else ""


def _options_without_input(base: Recipe) -> dict[str, Any]:
    """Options of a recipe's network without what followed from its preprocessing, which another chain decides anew."""
    own = base.preprocessing.ends_in_unit
    return {name: value for name, value in base.network.options.items() if (name, value) != (IMAGENET_INPUT, own)}


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


def unequal_conditions(recipes: Mapping[str, Recipe]) -> tuple[str, ...]:
    """A sentence for each condition that is not the same in all recipes; the patients measured on always are."""
    found = []
    for what, of in _CONDITIONS.items():
        values = {name: of(recipe) for name, recipe in recipes.items()}
        first, *others = values.items()
        other = next((each for each in others if each[1] != first[1]), None)
        if other:
            told = f"{shorten_value(first[1])} in {first[0]} and {shorten_value(other[1])} in {other[0]}"
            plain = isinstance(first[1], int)
            found.append(f"{what}: {told}." if plain else f"{what}: not the same in {first[0]} and {other[0]}.")
    return tuple(found)
