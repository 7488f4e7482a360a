"""Weights of another model that a training starts from."""

from __future__ import annotations

from collections.abc import Sequence

from .. import model, model_store
from ..datasets.patients import patient_of
from ..description import Description
from ..errors import UserError
from ..networks import SliceNetwork
from .recipe import Recipe


def load_initial(network: SliceNetwork, recipe: Recipe, source: str) -> Description:
    """Give a recipe's network the weights of a model.

    Args:
        network: overwritten.
        recipe: whose network it is.
        source: name or folder of the model.

    Returns:
        The model's description.

    Raises:
        UserError: there is no such model, or it has another network.
    """
    folder = model_store.find(source)
    start = model.load(folder)
    theirs, ours = (_in_words(spec.model_dump()) for spec in (start.description.network, recipe.network))
    if theirs != ours:
        msg = (
            f"Training cannot start from the model {folder}: its network is {theirs}, and the recipe's is {ours}. Give "
            "the recipe the same network, or leave its initial out."
        )
        raise UserError(msg)
    network.load_state_dict(start.network.state_dict())
    return start.description


def described_initial(recipe: Recipe, held_out: Sequence[str]) -> Description | None:
    """Description of the model that a recipe starts from, or None.

    Raises:
        UserError: the model was trained on somebody who is held out now, by the patients' numbers.
    """
    if recipe.initial is None:
        return None
    start = model.describe(model_store.find(recipe.initial))
    seen = {patient_of(name) for name in start.training.patients}
    known = [name for name in held_out if patient_of(name) in seen]
    if known:
        others = f" and {len(known) - 1} more" if len(known) > 1 else ""
        msg = (
            f"The model “{start.name}” that training starts from was trained on {known[0]}{others}, who would be "
            "validated on: hold out others, or leave the recipe's initial out."
        )
        raise UserError(msg)
    return start


def _in_words(network: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in network.items())
