"""The ImageNet weights that the user gives, by the network that each is for, and what starts without any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ...core.errors import UserError
from ...networks.imagenet import ARCHITECTURES, DEVIATION, IMAGENET_INPUT, MEAN, TORCHVISION_ADDRESS, architecture_of
from ...networks.imagenet_weights import read_weights
from ...training.recipe import Recipe

DOWNLOADED = "imagenet"
"""Word in place of a file: what torchvision publishes for the network."""


def by_network(given: Sequence[Path], networks: Collection[str]) -> dict[str, str]:
    """What each network's encoder is filled from: a file, or :data:`DOWNLOADED`.

    Args:
        given: files, and the word where all that have none are to be downloaded.
        networks: those that the published system starts from weights.

    Raises:
        UserError: a file cannot be read, or holds no encoder of a network here, or of one that needs none.
    """
    found = {_network_of(file): str(file.resolve()) for file in given if str(file) != DOWNLOADED}
    _refuse_unused(found, networks)
    if len(found) == len(given):
        return found
    if not networks:
        msg = "Nothing here starts from ImageNet's weights: leave --encoder-weights out."
        raise UserError(msg)
    return {network: found.get(network, DOWNLOADED) for network in networks}


def _network_of(file: Path) -> str:
    known = ARCHITECTURES.get(architecture_of(read_weights(file)) or "")
    if known is None or not known.network:
        msg = f"{file} holds weights of no encoder that is known here: give a file that torchvision publishes."
        raise UserError(msg)
    return known.network


def _refuse_unused(files: Mapping[str, str], networks: Collection[str]) -> None:
    unused = [file for network, file in files.items() if network not in networks]
    if unused:
        wanted = f"give files for {' and '.join(networks)} alone" if networks else "leave --encoder-weights out"
        msg = f"Nothing here starts from the weights in {unused[0]}: {wanted}."
        raise UserError(msg)


def published(network: str) -> str:
    """Address at which torchvision publishes the weights for a network's encoder."""
    return next(TORCHVISION_ADDRESS + known.file for known in ARCHITECTURES.values() if known.network == network)


def describe_start(recipe: Recipe, wanted: str | None) -> str | None:
    """A sentence on what a row's encoder started from; None for a row that starts from no weights in the paper either.

    Args:
        recipe: of the row, as it is trained.
        wanted: what the published system starts from, None for random weights.
    """
    if wanted is None:
        return None
    network = recipe.network.name
    if recipe.encoder_weights is None:
        return (
            "It started from random weights and the paper's from ImageNet's, so that its figures are not compared with "
            f"the published ones: {how_to_give(network)}."
        )
    source = published(network) if recipe.encoder_weights == DOWNLOADED else Path(recipe.encoder_weights).name
    return f"Its encoder started from ImageNet's weights ({source}). {_input_in_words(recipe)}"


def describe_missing(network: str) -> str:
    """A sentence before a training that starts without the weights that the paper's network has."""
    return (
        f"{network} starts from random weights, so that its rows are not compared with published figures: "
        f"{how_to_give(network)}."
    )


def how_to_give(network: str) -> str:
    """The end of a sentence on how weights for a network's encoder are given."""
    address = published(network)
    file = address.removeprefix(TORCHVISION_ADDRESS)
    return (
        f"give {file} ({address}) with --encoder-weights {file}, or have it downloaded with --encoder-weights imagenet"
    )


def _input_in_words(recipe: Recipe) -> str:
    if not recipe.network.options.get(IMAGENET_INPUT):
        return "Its input is not normalised by ImageNet's mean and deviation, since it has not values from 0 to 1."
    mean, deviation = (", ".join(f"{value:g}" for value in values) for values in (MEAN, DEVIATION))
    shown = "the one channel, shown to all three colours," if recipe.network.in_channels == 1 else "each channel"
    return (
        f"As its first step the network normalises {shown} by the mean ({mean}) and the deviation ({deviation}) that "
        "these weights were trained with."
    )
