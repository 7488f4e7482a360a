"""The network of a recipe: built and checked before any data are read, and given the weights it starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import torch
from torch import nn

from ..core.errors import UserError
from ..datasets.splits import patient_of
from ..models import model_folder, store
from ..models.description import Description
from ..networks import SliceNetwork, create_with_options, load_encoder_weights
from .recipe import Recipe


def load_initial_weights(network: SliceNetwork, recipe: Recipe, source: str) -> Description:
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
    folder = store.find_model(source)
    start = model_folder.load(folder)
    theirs, ours = (_network_in_words(spec.model_dump()) for spec in (start.description.network, recipe.network))
    if theirs != ours:
        msg = (
            f"Training cannot start from the model {folder}: its network is {theirs}, and the recipe's is {ours}. Give "
            "the recipe the same network, or leave its initial out."
        )
        raise UserError(msg)
    network.load_state_dict(start.network.state_dict())
    return start.description


def describe_initial_model(recipe: Recipe, held_out: Sequence[str]) -> Description | None:
    """Description of the model that a recipe starts from, or None.

    Raises:
        UserError: the model was trained on somebody who is held out now, by the patients' numbers.
    """
    if recipe.initial is None:
        return None
    start = model_folder.read_description(store.find_model(recipe.initial))
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


def _network_in_words(network: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in network.items())


def build_network(recipe: Recipe, say: Callable[[str], None] = lambda _: None) -> SliceNetwork:
    """A recipe's network with the weights that training starts from.

    Args:
        recipe: which.
        say: told what became of encoder weights.

    Raises:
        UserError: the network cannot be built, is not for what the recipe shows it, cannot take its crop or patches, or
            has no such encoder weights or initial model.
    """
    spec = recipe.network
    network = create_with_options(spec.name, spec.in_channels, spec.classes, spec.options)
    size = recipe.patches or recipe.clicks
    if network.axes != (3 if size else 2):
        sees, other = (
            ("volumes", "patches in place of crop") if network.axes == 3 else ("slices", "crop in place of patches")
        )
        msg = f"The network “{spec.name}” sees {sees}: give the recipe {other}, or choose another network."
        raise UserError(msg)
    if size:
        _check_patches(network, spec.name, size.size)
    elif recipe.crop:
        _check_crop(network, spec.name, recipe.crop)
    if recipe.encoder_weights is not None:
        say(str(load_encoder_weights(network, recipe.encoder_weights)))
    if recipe.initial is not None:
        say(f"Training starts from the weights of {load_initial_weights(network, recipe, recipe.initial).name}.")
    return network


def _check_patches(network: SliceNetwork, name: str, size: Sequence[int]) -> None:
    fitting = [max(network.smallest, ceil(side / network.stride) * network.stride) for side in size]
    if fitting != list(size):
        msg = (
            f"The network “{name}” needs patches of at least {network.smallest} voxels along each axis, in multiples "
            f"of {network.stride}, not {' x '.join(map(str, size))}: take {' x '.join(map(str, fitting))}."
        )
        raise UserError(msg)


def _check_crop(network: SliceNetwork, name: str, crop: int) -> None:
    if crop < network.smallest:
        msg = (
            f"The network “{name}” needs crops of at least {network.smallest} pixels, not {crop}: enlarge the recipe's."
        )
        raise UserError(msg)
    missing = (network.remainder - crop) % network.stride
    if network.margin and missing:
        msg = (
            f"The network “{name}” pads nothing: its crop must be {network.remainder} more than a multiple of "
            f"{network.stride}, not {crop}; take {crop + missing}, of which it learns the labels of the middle "
            f"{crop + missing - 2 * network.margin} pixels."
        )
        raise UserError(msg)


def check_finite_weights(network: nn.Module, learning_rate: float) -> None:
    """Raise :class:`UserError` where a weight is not a finite number."""
    if not all(torch.isfinite(values).all() for values in network.state_dict().values()):
        msg = (
            "Training diverged and no model was saved, since the network's weights are not finite numbers: try a "
            f"smaller schedule.learning_rate than {learning_rate:g}."
        )
        raise UserError(msg)
