"""The network of a recipe, built and checked before any data are read."""

from __future__ import annotations

from collections.abc import Callable

from .. import networks
from ..errors import UserError
from ..networks import SliceNetwork
from .recipe import Recipe


def build(recipe: Recipe, say: Callable[[str], None] = lambda _: None) -> SliceNetwork:
    """A recipe's network with the weights that training starts from.

    Args:
        recipe: which.
        say: told what became of encoder weights.

    Raises:
        UserError: the network cannot be built, is not for slices, cannot take the recipe's crop, or has no such encoder
            weights.
    """
    spec = recipe.network
    network = networks.create(spec.name, spec.in_channels, spec.classes, **spec.options)
    if network.axes != 2:
        msg = f"The network “{spec.name}” takes volumes, and training has slices: choose one for slices."
        raise UserError(msg)
    _check_crop(network, spec.name, recipe.crop)
    if recipe.encoder_weights is not None:
        say(str(networks.load_encoder_weights(network, recipe.encoder_weights)))
    return network


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
