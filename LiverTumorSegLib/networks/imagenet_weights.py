"""ImageNet weights of an encoder: downloaded or read from a file, and loaded whole or not at all."""

from __future__ import annotations

import math
import pickle
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..core import checksum
from ..core.errors import UserError
from . import imagenet
from .base import SliceNetwork
from .imagenet import ARCHITECTURES, CLASSIFIERS, ImageNetNetwork, architecture_of

Weights = dict[str, torch.Tensor]

_BROKEN = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    LookupError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    ImportError,
    struct.error,
    pickle.UnpicklingError,
    SafetensorError,
)

_WITHIN_CHECKPOINTS = ("state_dict", "model_state_dict")
_UNSAFE = "GLOBAL "
"""Word in torch's error on a sound file in which there is a class or a function that it does not load."""


def read_weights(path: Path) -> Weights:
    """Read a ``.safetensors`` file, or what ``torch.save`` wrote of a state dict, on the CPU.

    Raises:
        UserError: there is no such file, or it holds anything but tensors by name.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return _tensors(torch.load(path, map_location="cpu", weights_only=True), path)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror or error}): give a file of weights (.pth or .safetensors)."
        raise UserError(msg) from error
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def download_weights(url: str, sha256: str, *, show_progress: bool = False) -> Weights:
    """Download weights once, and keep them where ``torch.hub`` does, by whose name any other file may lie there too.

    Args:
        url: of the file.
        sha256: of the file, all 64 digits, which are compared each time.
        show_progress: whether a bar is drawn on stderr.

    Raises:
        UserError: nothing came, or another file; or another one is kept there.
    """
    kept = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    try:
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(kept), sha256, progress=show_progress)
        differs = checksum.sha256(kept) != sha256
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        msg = f"{url} cannot be downloaded ({reason}): download it where you are online, and give the file instead."
        raise UserError(msg) from error
    except RuntimeError as error:
        msg = f"{url} did not come as it was published ({error}): try again, or give the file instead."
        raise UserError(msg) from error
    if differs:
        msg = f"{kept} is not the file that was published (SHA-256 differs): delete it, and it is downloaded again."
        raise UserError(msg)
    return read_weights(kept)


def _tensors(loaded: Any, source: Path) -> Weights:
    if isinstance(loaded, dict) and all(isinstance(k, str) and _is_plain(v) for k, v in loaded.items()):
        return loaded
    if isinstance(loaded, dict) and any(isinstance(loaded.get(key), dict) for key in _WITHIN_CHECKPOINTS):
        msg = f"{source} is a training checkpoint: save its state_dict alone."
        raise UserError(msg)
    raise _no_weights(source)


def _is_plain(value: Any) -> bool:
    """Whether it is a tensor of real numbers, in memory."""
    if type(value) not in (torch.Tensor, torch.nn.Parameter) or value.device.type != "cpu" or value.is_nested:
        return False
    return value.layout is torch.strided and not value.is_complex() and not value.is_quantized


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, pickle.UnpicklingError) and _UNSAFE in str(error):
        return _no_weights(path)
    return UserError(f"{path} is damaged or no file of weights: get it again.")


def _no_weights(source: Path) -> UserError:
    return UserError(f"{source} holds other things than named weights: save the network's state_dict alone.")


_COUNTER = ".num_batches_tracked"


@dataclass(frozen=True)
class EncoderReport:
    """Account of where each tensor of a file went, and of the weights that were given none.

    Attributes:
        source: file or address.
        architecture: torchvision's name of it.
        loaded: torchvision's keys of the tensors that were taken as they are.
        adapted: the keys of those that had to be changed, with how.
        left: torchvision's keys of what belongs to the classifier, and was left in the file.
        unfilled: the network's own keys of what keeps the values it had.
        normalised: whether the network first normalises its input by ImageNet's mean and deviation.
        shown: channels that the encoder is given of one channel of the input.
    """

    source: str
    architecture: str
    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    left: tuple[str, ...]
    unfilled: tuple[str, ...]
    normalised: bool = False
    shown: int = 1

    def __str__(self) -> str:
        adapted = ", ".join(f"{key} {how}" for key, how in self.adapted)
        return "\n".join(
            [
                f"Encoder: {self.architecture} from {self.source}",
                f"  tensors loaded as they are: {len(self.loaded)}",
                f"  adapted: {adapted or 'none'}",
                f"  left in the file: {_by_part(self.left)}",
                f"  not filled in the network: {_by_part(self.unfilled)}",
                f"  input: {self._input}",
            ]
        )

    @property
    def _input(self) -> str:
        if not self.normalised:
            return "as it is given, which should have a mean of 0 and a deviation of 1, as what the encoder learnt from"
        colours = f", shown to all {self.shown} colours" if self.shown > 1 else ""
        return f"values from 0 to 1{colours}, normalised by ImageNet's mean and deviation in the network"


def load_encoder_weights(network: SliceNetwork, source: str | Path, *, show_progress: bool = False) -> EncoderReport:
    """Fill the encoder of a network with weights of torchvision's names and shapes, on whatever device it is.

    A first convolution for other than three channels gets, for one channel, the sum of the weights of red, green and
    blue; for n channels those three in turn, times 3 / n: for an image that is the same in all channels the features
    of one, or of a multiple of three channels, are then those of three.

    ImageNet's images had zero mean and unit variance in each channel when these weights were learnt. A network that is
    made with ``imagenet_input`` gives them to values from 0 to 1 itself, see :class:`.imagenet.ImageNetInput`; others
    have to be given such values.

    Args:
        network: one of :data:`~.imagenet.ARCHITECTURES`' networks, of the default width.
        source: a ``.pth`` or ``.safetensors`` file, or the word ``imagenet`` for the file that torchvision publishes.
        show_progress: whether a download draws a bar on stderr.

    Raises:
        UserError: the network has no such encoder, the file cannot be had, it is of another architecture, lacks a
            weight, or holds one of another shape, or one that is not finite. The network is then as it was.
    """
    if not isinstance(network, ImageNetNetwork):
        known = ", ".join(sorted(known.network for known in ARCHITECTURES.values() if known.network))
        msg = f"{type(network).__name__} has no encoder with ImageNet weights: choose one of {known}."
        raise UserError(msg)
    name, weights = _weights(network, source, show_progress=show_progress)
    pairs = {own: key for own in network.state_dict() if (key := network.imagenet_key(own)) is not None}
    _check_prefix(weights, name)
    _check_architecture(network, weights, name)
    _check_keys(network, weights, set(pairs.values()), name)
    adapted = _fill(network, {own: (key, weights[key]) for own, key in pairs.items() if key in weights}, name)
    taken = [key for key in pairs.values() if key in weights]
    fixed = {f"input.{name}" for name in network.input.state_dict()}
    return EncoderReport(
        source=name,
        architecture=network.imagenet,
        loaded=tuple(key for key in taken if key not in adapted),
        adapted=tuple(adapted.items()),
        left=tuple(key for key in weights if key not in taken),
        unfilled=tuple(own for own in network.state_dict() if pairs.get(own) not in weights and own not in fixed),
        normalised=network.has_imagenet_input,
        shown=network.encoder_channels // network.in_channels,
    )


def _weights(network: ImageNetNetwork, source: str | Path, *, show_progress: bool) -> tuple[str, Weights]:
    if source == "imagenet":
        known = ARCHITECTURES[network.imagenet]
        url = imagenet.TORCHVISION_ADDRESS + known.file
        return url, download_weights(url, known.sha256, show_progress=show_progress)
    return str(source), read_weights(Path(source))


def _check_prefix(weights: Weights, name: str) -> None:
    if weights and all(key.startswith("module.") for key in weights):
        msg = f"The names in {name} begin with module., as DataParallel writes them: save the module's own state_dict."
        raise UserError(msg)


def _check_architecture(network: ImageNetNetwork, weights: Weights, name: str) -> None:
    held, wanted = architecture_of(weights), network.imagenet
    if held not in (None, wanted):
        counts = [f"{one} ({ARCHITECTURES[one].parameters:,} encoder parameters)" for one in (held, wanted)]
        msg = f"{name} holds weights of {counts[0]}, not of {counts[1]}, which {type(network).__name__} takes."
        raise UserError(msg)


def _check_keys(network: ImageNetNetwork, weights: Weights, wanted: set[str], name: str) -> None:
    missing = sorted(key for key in wanted - weights.keys() if not key.endswith(_COUNTER))
    unknown = sorted(key for key in weights.keys() - wanted if not key.startswith(CLASSIFIERS))
    for keys, what in ((missing, "lacks {} of"), (unknown, "holds {}, unknown to")):
        if keys:
            others = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            found = what.format(keys[0] + others)
            msg = f"{name} {found} {network.imagenet}: give a file of torchvision's weights of {network.imagenet}."
            raise UserError(msg)


def _fill(network: ImageNetNetwork, values: Mapping[str, tuple[str, torch.Tensor]], name: str) -> dict[str, str]:
    """Copy values once all are known to fit; returns what was done to those that had to be adapted."""
    own, fitted, adapted = network.state_dict(), {}, {}
    for to, (key, value) in values.items():
        fitted[to], how = _fitted(value, own[to].shape, first=key == network.imagenet_first)
        if fitted[to].shape != own[to].shape:
            shapes = [" x ".join(map(str, shape)) for shape in (value.shape, own[to].shape)]
            msg = f"{key} is {shapes[0]} in {name}, but {shapes[1]} in this {type(network).__name__}: they must agree."
            raise UserError(msg)
        if not torch.isfinite(value).all():
            msg = f"{key} in {name} is not finite everywhere: get the file again."
            raise UserError(msg)
        if how:
            adapted[key] = how
    with torch.no_grad():  # files of PyTorch's first years hold parameters
        for to, value in fitted.items():
            own[to].copy_(value)
    return adapted


def _fitted(value: torch.Tensor, wanted: torch.Size, *, first: bool) -> tuple[torch.Tensor, str]:
    """The value in the form that is wanted, where there is a way, and what was done."""
    if len(wanted) == 4 and value.shape == (wanted[0], math.prod(wanted[1:])):
        return value.reshape(wanted), f"as a convolution of {wanted[2]} x {wanted[3]}"
    if first and value.shape == (wanted[0], 3, *wanted[2:]) and wanted[1] != 3:
        return to_channels(value, wanted[1]), f"from 3 to {wanted[1]} channels"
    return value, ""


def to_channels(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """Weights of a convolution for red, green and blue, made ones for other channels.

    Args:
        weight: ``[out, 3, row, column]``.
        channels: 1 gives the sum over the colours, n the colours in turn, times 3 / n.
    """
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    return weight[:, torch.arange(channels) % 3] * (3 / channels)


def _by_part(keys: Sequence[str]) -> str:
    """Tensors of each part of a network, counted."""
    counts = Counter(key.split(".")[0] for key in keys)
    return ", ".join(f"{part} ({count})" for part, count in counts.items()) or "nothing"
