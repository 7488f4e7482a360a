"""The network of a recipe, built and checked before any data are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from .. import networks
from ..errors import UserError
from ..networks import SliceNetwork
from .initial import load_initial
from .recipe import Recipe


def build(recipe: Recipe, say: Callable[[str], None] = lambda _: None) -> SliceNetwork:
    """A recipe's network with the weights that training starts from.

    Args:
        recipe: which.
        say: told what became of encoder weights.

    Raises:
        UserError: the network cannot be built, is not for what the recipe shows it, cannot take its crop or patches, or
            has no such encoder weights or initial model.
    """
    spec = recipe.network
    network = networks.create(spec.name, spec.in_channels, spec.classes, **spec.options)
    if network.axes != (3 if recipe.patches else 2):
        sees, other = (
            ("volumes", "patches in place of crop") if network.axes == 3 else ("slices", "crop in place of patches")
        )
        msg = f"The network “{spec.name}” sees {sees}: give the recipe {other}, or choose another network."
        raise UserError(msg)
    if recipe.patches:
        _check_patches(network, spec.name, recipe.patches.size)
        _check_depth(network, recipe.patches.size[0], recipe.schedule.precision)
    elif recipe.crop:
        _check_crop(network, spec.name, recipe.crop)
    if recipe.encoder_weights is not None:
        say(str(networks.load_encoder_weights(network, recipe.encoder_weights)))
    if recipe.initial is not None:
        say(f"Training starts from the weights of {load_initial(network, recipe, recipe.initial).name}.")
    return network


def _check_patches(network: SliceNetwork, name: str, size: Sequence[int]) -> None:
    fitting = [max(network.smallest, ceil(side / network.stride) * network.stride) for side in size]
    if fitting != list(size):
        msg = (
            f"The network “{name}” needs patches of at least {network.smallest} voxels along each axis, in multiples "
            f"of {network.stride}, not {' x '.join(map(str, size))}: take {' x '.join(map(str, fitting))}."
        )
        raise UserError(msg)


def _check_depth(network: SliceNetwork, slices: int, precision: str) -> None:
    """On a CPU, PyTorch 2.13 (oneDNN) leaves weight gradients of 3D convolutions over two slices in part unwritten."""
    if precision == "bf16-mixed" and slices == 2 * network.stride:
        msg = (
            f"Patches of {slices} slices become 2 within the network, whose gradients in bfloat16 a CPU gets wrong: "
            f"take {slices + network.stride} slices, or set schedule.precision to 32-true."
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
