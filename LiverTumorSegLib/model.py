"""Model folders: ``model.json``, ``weights.safetensors`` and the card ``README.md``, checked before use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from . import networks
from .description import Description, WeightsFile
from .errors import UserError
from .networks import SliceNetwork
from .validation_words import in_words
from .whole_files import whole_folder

DESCRIPTION, WEIGHTS, CARD = "model.json", "weights.safetensors", "README.md"
FILES = frozenset({DESCRIPTION, WEIGHTS, CARD})
_PICKLES = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt")


@dataclass(frozen=True)
class Model:
    """A checked model, ready for inference: its description and its network on the CPU in evaluation mode."""

    description: Description
    network: SliceNetwork
    folder: Path | None = None


def describe(folder: Path) -> Description:
    """Read ``model.json`` alone.

    Raises:
        UserError: it is missing, or not as the schema says.
    """
    path = folder / DESCRIPTION
    try:
        return Description.model_validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        msg = f"{folder} is not a model folder: it has no readable {DESCRIPTION}."
        raise UserError(msg) from error
    except ValidationError as error:
        msg = f"{path} is not a valid model description: {in_words(error, Description)}"
        raise UserError(msg) from error


def load(folder: Path) -> Model:
    """Load and check a model folder.

    Raises:
        UserError: a file is missing, the checksum differs, the weights are not safetensors or do not fit the network.
    """
    description = describe(folder)
    _check_weights_file(folder, description)
    spec = description.network
    network = networks.create(spec.name, spec.in_channels, spec.classes, **spec.options)
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        msg = f"{folder / WEIGHTS} is not a safetensors file: nothing else is loaded, since pickles can run code."
        raise UserError(msg) from error
    _check_patches(network, description, folder)
    _fill(network, spec.name, weights, folder / WEIGHTS)
    return Model(description, network.eval(), folder)


def save(
    folder: Path,
    trained: nn.Module,
    write_card: Callable[[Description], str],
    *,
    overwrite: bool = False,
    **fields: Any,
) -> Description:
    """Write a model folder; ``fields`` are those of :class:`Description` but for ``weights``.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    with whole_folder(folder, overwrite=overwrite, holds=FILES) as new:
        save_file({k: v.detach().cpu().contiguous() for k, v in trained.state_dict().items()}, new / WEIGHTS)
        (new / WEIGHTS).chmod(0o644)  # safetensors leaves it to its owner alone
        checksum = WeightsFile(sha256=sha256(new / WEIGHTS), bytes=(new / WEIGHTS).stat().st_size)
        description = Description(weights=checksum, **fields)
        (new / DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (new / CARD).write_text(write_card(description), encoding="utf-8")
    return description


def sha256(path: Path) -> str:
    """Checksum of a file as lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        for block in iter(lambda: content.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _check_weights_file(folder: Path, description: Description) -> None:
    path = folder / WEIGHTS
    if not path.is_file():
        pickles = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLES)
        found = f" ({', '.join(pickles)} may run code when loaded and is refused)" if pickles else ""
        msg = f"{folder} has no {WEIGHTS}{found}: save the weights as safetensors."
        raise UserError(msg)
    if path.is_symlink():
        msg = f"{path} is a link: a model folder holds its own weights."
        raise UserError(msg)
    try:
        differs = path.stat().st_size != description.weights.bytes or sha256(path) != description.weights.sha256
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): allow it to be read."
        raise UserError(msg) from error
    if differs:
        msg = f"{path} is not the file its model.json names (SHA-256 differs): get the model again."
        raise UserError(msg)


def _check_patches(network: SliceNetwork, description: Description, folder: Path) -> None:
    if (network.axes == 3) != (description.patches is not None):
        asks = "sees volumes and needs" if network.axes == 3 else "sees slices and has no use for"
        msg = f"{folder / DESCRIPTION} is not valid at patches: the network “{description.network.name}” {asks} them."
        raise UserError(msg)


def _fill(network: SliceNetwork, name: str, weights: dict[str, torch.Tensor], path: Path) -> None:
    wanted = network.state_dict()
    refusal = f"{path} does not fit the network “{name}” of its model.json"
    differing = sorted(wanted.keys() ^ weights.keys())
    if differing:
        place = "lacks" if differing[0] in wanted else "has an unknown"
        msg = f"{refusal}: {len(wanted)} tensors are expected, {len(weights)} came, and it {place} “{differing[0]}”."
        raise UserError(msg)
    for key, tensor in weights.items():
        if tensor.shape != wanted[key].shape:
            msg = f"{refusal}: “{key}” is {tuple(tensor.shape)}, not {tuple(wanted[key].shape)}."
            raise UserError(msg)
        if not torch.isfinite(tensor.float()).all():
            msg = f"{path} holds numbers that are not finite in “{key}”: get the model again."
            raise UserError(msg)
    network.load_state_dict(weights)
