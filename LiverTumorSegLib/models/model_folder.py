"""Model folders: ``model.json``, ``weights.safetensors`` and the card ``README.md``, checked before use."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import nn

from ..core.atomic_files import whole_folder
from ..core.checksum import sha256
from ..core.errors import UserError
from ..core.schema import explain_validation_error
from ..networks import MeanOfFolds, SliceNetwork, create_with_options
from .description import Description, WeightsFile

DESCRIPTION, WEIGHTS, CARD = "model.json", "weights.safetensors", "README.md"
FILES = frozenset({DESCRIPTION, WEIGHTS, CARD})
_PICKLES = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt")
_FLOATS = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
LARGEST_TEXT = 16 << 20
"""Bytes of a description or a card: a hundred times what any has."""


OF_CLOSER = "closer."
"""Before the names of the second network's weights, where a model has one."""


@dataclass(frozen=True)
class Model:
    """A checked model, ready for inference: its description, and its networks on the CPU in evaluation mode.

    Args:
        description: what it is.
        network: the only one, or the first.
        folder: that it was loaded from.
        closer: the second network, which looks at the liver again; None where there is none.
    """

    description: Description
    network: SliceNetwork
    folder: Path | None = None
    closer: SliceNetwork | None = None


def read_description(folder: Path) -> Description:
    """Read ``model.json`` alone.

    Raises:
        UserError: it is missing, no file of the folder's own, or not as the schema says.
    """
    path = folder / DESCRIPTION
    try:
        return Description.model_validate_json(_own_text(path), strict=True)
    except OSError as error:
        msg = f"{folder} is not a model folder: it has no readable {DESCRIPTION}."
        raise UserError(msg) from error
    except ValidationError as error:
        msg = f"{path} is not a valid model description: {explain_validation_error(error, Description)}"
        raise UserError(msg) from error


def read_card(folder: Path) -> str:
    """The text of a model's card, empty where there is none.

    Raises:
        UserError: it is no file of the folder's own, or cannot be read.
    """
    path = folder / CARD
    if not path.exists() and not path.is_symlink():
        return ""
    try:
        return _own_text(path).decode(errors="replace")
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror or error}): allow it to be read, or remove it."
        raise UserError(msg) from error


def load(folder: Path) -> Model:
    """Load and check a model folder.

    The network is built without memory first, so that a description takes no more of it than the weights that are
    there fill.

    Raises:
        UserError: a file is missing or a link, the checksum differs, the weights are not safetensors, do not fit the
            network or cannot be those of one.
    """
    description = read_description(folder)
    read_card(folder)
    _check_weights_file(folder, description)
    of_closer = description.of_closer
    try:
        with torch.device("meta"):
            network, closer = _build(description), _build(of_closer) if of_closer else None
    except UserError as error:
        reason = str(error)
        msg = f"{folder / DESCRIPTION} is not valid at network: {reason[:1].lower()}{reason[1:]}"
        raise UserError(msg) from error
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        msg = f"{folder / WEIGHTS} is not a safetensors file: nothing else is loaded, since pickles can run code."
        raise UserError(msg) from error
    _check_patches(network, description, folder)
    if of_closer and closer is not None:
        _check_patches(closer, of_closer, folder)
        theirs = {key: weights.pop(key) for key in list(weights) if key.startswith(OF_CLOSER)}
        named = {key.removeprefix(OF_CLOSER): tensor for key, tensor in theirs.items()}
        _load_weights(closer, of_closer.network.name, named, folder / WEIGHTS)
    _load_weights(network, description.network.name, weights, folder / WEIGHTS)
    return Model(description, network.eval(), folder, None if closer is None else closer.eval())


def _build(description: Description) -> SliceNetwork:
    spec, folds = description.network, description.nnunet.folds if description.nnunet else 0
    members = [create_with_options(spec.name, spec.in_channels, spec.classes, spec.options) for _ in range(folds or 1)]
    return MeanOfFolds(members) if folds else members[0]


def save(
    folder: Path,
    trained: nn.Module,
    write_card: Callable[[Description], str],
    *,
    second: nn.Module | None = None,
    overwrite: bool = False,
    **fields: Any,
) -> Description:
    """Write a model folder, maybe with a second network; ``fields`` are those of a description but for ``weights``.

    The second network's kernels are kept in float16, which is finer than the bfloat16 that they are used in.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    with whole_folder(folder, overwrite=overwrite, holds=FILES) as new:
        weights = trained.state_dict()
        if second is not None:
            weights |= {OF_CLOSER + key: _short(tensor) for key, tensor in second.state_dict().items()}
        packed = serialised({key: tensor.detach().cpu().contiguous() for key, tensor in weights.items()})
        (new / WEIGHTS).write_bytes(packed)  # by Python, which says where the disk is full
        checksum = WeightsFile(sha256=sha256(new / WEIGHTS), bytes=(new / WEIGHTS).stat().st_size)
        description = Description(weights=checksum, **fields)
        (new / DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (new / CARD).write_text(write_card(description), encoding="utf-8")
    return description


def _short(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half() if tensor.ndim > 1 and tensor.dtype == torch.float32 else tensor


def _own_text(path: Path) -> bytes:
    """Content of a small file that is one of the folder's own: nothing elsewhere is read under its name."""
    _refuse_link(path)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if path.stat().st_size > LARGEST_TEXT:
        msg = f"{path} is larger than {LARGEST_TEXT >> 20} MB, which no model's is: get the model again."
        raise UserError(msg)
    return path.read_bytes()


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        msg = f"{path} is a link: a model folder holds its own files."
        raise UserError(msg)


def _check_weights_file(folder: Path, description: Description) -> None:
    path = folder / WEIGHTS
    _refuse_link(path)
    if not path.is_file():
        pickles = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLES)
        found = f" ({', '.join(pickles)} may run code when loaded and is refused)" if pickles else ""
        msg = f"{folder} has no {WEIGHTS}{found}: save the weights as safetensors."
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
    if description.nnunet is None and (network.axes == 3) != (
        description.patches is not None or description.clicks is not None
    ):
        asks = "sees volumes and needs" if network.axes == 3 else "sees slices and has no use for"
        msg = f"{folder / DESCRIPTION} is not valid at patches: the network “{description.network.name}” {asks} them."
        raise UserError(msg)


def _load_weights(network: SliceNetwork, name: str, weights: dict[str, torch.Tensor], path: Path) -> None:
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
        _check_numbers(key, tensor, wanted[key].dtype, path)
    fill_network(network, weights)


def fill_network(network: SliceNetwork, weights: Mapping[str, torch.Tensor]) -> None:
    """Give a network on torch's ``meta`` device copies of these weights, in its own precision, which brings it to them.

    ``to_empty`` would load SymPy, for a third of the time that loading PyTorch takes.

    Args:
        network: whose names and shapes they have.
        weights: where it shall be.
    """
    dtypes = {key: tensor.dtype for key, tensor in network.state_dict().items()}
    copies = {key: tensor.to(dtypes[key], copy=True) for key, tensor in weights.items()}
    network.load_state_dict(copies, assign=True)


def _check_numbers(key: str, tensor: torch.Tensor, wanted: torch.dtype, path: Path) -> None:
    """Refuse what would be taken without a word, and come out of the network as anything or nothing."""
    if tensor.dtype not in (_FLOATS if wanted.is_floating_point else {wanted}):
        found, asked = (str(dtype).removeprefix("torch.") for dtype in (tensor.dtype, wanted))
        msg = f"{path} does not fit its model.json: “{key}” is {found}, not {asked}: get the model again."
        raise UserError(msg)
    if not torch.isfinite(tensor.float()).all():
        msg = f"{path} holds numbers that are not finite in “{key}”: get the model again."
        raise UserError(msg)
    if key.endswith("running_var") and (tensor < 0).any():
        msg = f"{path} holds variances below 0 in “{key}”, which no training leaves: get the model again."
        raise UserError(msg)
