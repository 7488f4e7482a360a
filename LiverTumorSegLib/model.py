"""Model folders: ``model.json``, ``weights.safetensors`` and the card ``README.md``, checked before use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from . import networks
from .errors import UserError
from .postprocessing import Postprocessing
from .preprocessing import Chain
from .whole_files import whole_folder

DESCRIPTION, WEIGHTS, CARD = "model.json", "weights.safetensors", "README.md"
FILES = frozenset({DESCRIPTION, WEIGHTS, CARD})
_PICKLES = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt")


ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Stack(_Entry):
    """How many neighbouring slices are a network's channels, and how far apart they should be."""

    slices: int = Field(1, ge=1, le=31)
    spacing_mm: float = Field(3.0, gt=0)

    @model_validator(mode="after")
    def _is_centred(self) -> Stack:
        if self.slices % 2 == 0:
            msg = f"a stack has an odd number of slices, not {self.slices}"
            raise ValueError(msg)
        return self

    def stride(self, slice_spacing_mm: float) -> int:
        """Slices from one neighbour to the next in a volume with this slice spacing."""
        return max(1, round(self.spacing_mm / slice_spacing_mm))


class NetworkSpec(_Entry):
    """What :func:`networks.create` is called with."""

    name: str
    in_channels: int = Field(ge=1)
    classes: Literal[3] = 3
    options: dict[str, Any] = {}


def check_channels(network: NetworkSpec, stack: Stack) -> None:
    """Raise ``ValueError`` where a network's channels cannot be those of a stack."""
    if network.in_channels % stack.slices:
        msg = f"{network.in_channels} input channels do not divide into a stack of {stack.slices}"
        raise ValueError(msg)


class Licence(_Entry):
    """Licence of the weights and what it means in words."""

    name: str
    terms: str


class WeightsFile(_Entry):
    """The weights' checksum and size."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)


class Case(_Entry):
    """Dice of one patient; ``lesion_dice`` is None where neither reference nor result has a lesion."""

    liver_dice: float | None
    lesion_dice: float | None
    false_lesion_ml: float = 0.0


class Figures(_Entry):
    """Measured accuracy by patient: of this model and, by their names, of others on the same patients."""

    definition: str
    command: str
    cases: dict[str, Case]
    compared: dict[str, dict[str, Case]] = {}
    remark: str = ""

    @property
    def in_words(self) -> str:
        """Means over the patients, for a reader."""
        liver = [c.liver_dice for c in self.cases.values() if c.liver_dice is not None]
        lesion = [c.lesion_dice for c in self.cases.values() if c.lesion_dice is not None]
        parts = [("liver", liver), ("lesion", lesion)]
        means = [f"{name} {sum(x) / len(x):.3f} over {len(x)} patients" for name, x in parts if x]
        return f"Mean Dice: {', '.join(means)}."


class Training(_Entry):
    """Where the weights come from."""

    data: str
    patients: tuple[str, ...]
    validation_patients: tuple[str, ...]
    seed: int
    command: str
    recipe: dict[str, Any] = {}


class Description(_Entry):
    """The content of ``model.json``."""

    format: Literal[1] = 1
    name: ModelName
    title: str
    segments: str
    network: NetworkSpec
    preprocessing: Chain
    stack: Stack = Stack()
    labels: tuple[Literal["background"], Literal["liver"], Literal["lesion"]] = ("background", "liver", "lesion")
    postprocessing: Postprocessing = Postprocessing()
    weights: WeightsFile
    training: Training
    licence: Licence
    figures: Figures | None = None

    @model_validator(mode="after")
    def _stack_fills_channels(self) -> Description:
        check_channels(self.network, self.stack)
        return self


@dataclass(frozen=True)
class Model:
    """A checked model, ready for inference: its description and its network on the CPU in evaluation mode."""

    description: Description
    network: nn.Module
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
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its text"
        msg = f"{path} is not a valid model description at {where}: {first['msg']}."
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
    _fill(network, weights, folder / WEIGHTS)
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


def _fill(network: nn.Module, weights: dict[str, torch.Tensor], path: Path) -> None:
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        if name not in weights or name not in wanted:
            place = "lacks" if name in wanted else "has an unknown"
            msg = f"{path} does not fit the network of its model.json: it {place} “{name}”."
            raise UserError(msg)
        if weights[name].shape != wanted[name].shape:
            got, expected = tuple(weights[name].shape), tuple(wanted[name].shape)
            msg = f"{path} does not fit the network of its model.json: “{name}” is {got}, not {expected}."
            raise UserError(msg)
        if not torch.isfinite(weights[name].float()).all():
            msg = f"{path} holds numbers that are not finite in “{name}”: get the model again."
            raise UserError(msg)
    network.load_state_dict(weights)
