"""The user's files of ImageNet weights, by the network that each is for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ...core.errors import UserError
from ...networks.imagenet import ARCHITECTURES, TORCHVISION_ADDRESS, architecture_of
from ...networks.imagenet_weights import read_weights


def by_network(files: Sequence[Path]) -> dict[str, Path]:
    """Each file by the name of the network whose encoder it fills.

    Raises:
        UserError: a file cannot be read, or holds no encoder of a network here.
    """
    found = {}
    for file in files:
        known = ARCHITECTURES.get(architecture_of(read_weights(file)) or "")
        if known is None or not known.network:
            msg = f"{file} holds weights of no encoder that is known here: give a file that torchvision publishes."
            raise UserError(msg)
        found[known.network] = file
    return found


def refuse_unused(files: Mapping[str, Path], networks: Collection[str]) -> None:
    """Refuse weights that nothing starts from.

    Args:
        files: of :func:`by_network`.
        networks: those that start from weights.

    Raises:
        UserError: a file is for another network.
    """
    unused = [file for network, file in files.items() if network not in networks]
    if unused:
        wanted = f"give files for {' and '.join(networks)} alone" if networks else "leave --encoder-weights out"
        msg = f"Nothing here starts from the weights in {unused[0]}: {wanted}."
        raise UserError(msg)


def published(network: str) -> str:
    """Address at which torchvision publishes the weights for a network's encoder."""
    return next(TORCHVISION_ADDRESS + known.file for known in ARCHITECTURES.values() if known.network == network)


def for_network(network: str, wanted: str | None, files: Mapping[str, Path], *, quick: bool) -> str | None:
    """The value of a recipe's ``encoder_weights``.

    Args:
        network: its name.
        wanted: what the published system starts from, None for random weights.
        files: of :func:`by_network`.
        quick: whether random weights will do where there is no file, which saves a download.
    """
    if wanted is None:
        return None
    if network in files:
        return str(files[network].resolve())
    return None if quick else wanted
