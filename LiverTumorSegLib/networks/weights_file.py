"""Weights from a file, or from torchvision's address: names and tensors, and nothing that could run."""

from __future__ import annotations

import contextlib
import pickle
import struct
import sys
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import UserError

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
"""What torch's error says of a sound file in which there is a class or a function that it does not load."""


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


def download_weights(url: str, *, show_progress: bool = False) -> Weights:
    """Download weights once, check them against the digits in their name, and keep them where ``torch.hub`` does.

    Raises:
        UserError: nothing came, or not what the name says.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            loaded = torch.hub.load_state_dict_from_url(
                url, map_location="cpu", progress=show_progress, check_hash=True, weights_only=True
            )
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        msg = f"{url} cannot be downloaded ({reason}): download it where you are online, and give the file instead."
        raise UserError(msg) from error
    except _BROKEN as error:
        reason = str(error).partition("\n")[0]
        msg = f"{url} did not come as it was published ({reason}): try again, or give the file instead."
        raise UserError(msg) from error
    return _tensors(loaded, url)


def _tensors(loaded: Any, source: Path | str) -> Weights:
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


def _no_weights(source: Path | str) -> UserError:
    return UserError(f"{source} holds other things than named weights: save the network's state_dict alone.")
