"""nnU-Net's checkpoints, which are pickles: read with weights alone, by a process of its own with bounded memory.

Nothing in them is executed: PyTorch's reader for weights makes tensors and plain values, and knows besides a few types
of NumPy's that nnU-Net's log of the training holds.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save

from ...core.errors import UserError
from ...core.process_pool import lone_process
from ...networks.nnunet import plain_names

LARGEST_CHECKPOINT = 8 << 30
"""Bytes; that of the largest network with its optimiser has 1.6 GB."""

_SPARE_BYTES = 2 << 30
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says beside its weights.

    Args:
        trainer: name of the class that trained.
        configuration: of the plans; None where it does not say.
        mirror_axes: of the patch, along which mirrored passes may be averaged.
    """

    trainer: str
    configuration: str | None
    mirror_axes: tuple[int, ...]


def extract_weights(checkpoints: Sequence[Path], target: Path, check: Callable[[], None]) -> list[Checkpoint]:
    """Write the weights of the folds' checkpoints into one safetensors file, each under ``folds.N.``.

    Args:
        checkpoints: a file a fold.
        target: the new file.
        check: asked several times a second; what it raises ends the reading.

    Returns:
        What each of them says of itself.

    Raises:
        UserError: one cannot be read, is no checkpoint of nnU-Net's, holds what is not read, or wants too much memory,
            or the target cannot be written.
    """
    for path in checkpoints:
        _refuse_unlikely(path)
    try:
        with lone_process(check) as call:
            found: list[Checkpoint] = call(_extract, list(checkpoints), target)
    except BrokenProcessPool as error:
        names = " or ".join(path.name for path in checkpoints)
        msg = f"{names} in {checkpoints[0].parent} could not be read, perhaps for want of memory: close other programs."
        raise UserError(msg) from error
    return found


def _refuse_unlikely(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        msg = f"{path} is missing, or only a link: get the model again."
        raise UserError(msg)
    if path.stat().st_size > LARGEST_CHECKPOINT:
        msg = f"{path} is larger than {LARGEST_CHECKPOINT >> 30} GB, which no checkpoint is: get the model again."
        raise UserError(msg)


def _extract(checkpoints: list[Path], target: Path) -> list[Checkpoint]:
    """In the other process."""
    _bound_memory(sum(path.stat().st_size for path in checkpoints))
    found: list[Checkpoint] = []
    weights: dict[str, torch.Tensor] = {}
    for number, path in enumerate(checkpoints):
        content = _read(path)
        found.append(_described(content, path))
        weights |= {f"folds.{number}.{name}": tensor for name, tensor in _tensors(content, path).items()}
    try:
        target.write_bytes(save(weights))
    except (SafetensorError, ValueError) as error:
        msg = f"{checkpoints[0]} holds weights that cannot be kept apart: get the model again."
        raise UserError(msg) from error
    except OSError as error:
        msg = f"{target.parent} cannot be written to ({error.strerror or error}): free some space on its disk."
        raise UserError(msg) from error
    return found


def _bound_memory(file_bytes: int) -> None:
    """Have this process fail where it asks for more than the files can need; on Linux, where that is counted."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + 4 * file_bytes + _SPARE_BYTES
    with suppress(ValueError, OSError):  # a limit below it is there already
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read(path: Path) -> dict[str, Any]:
    try:
        with torch.serialization.safe_globals(_numpy_types()):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        msg = f"{path} holds more than weights, which could run code, and is refused: get the model from its author."
        raise UserError(msg) from error
    except MemoryError as error:
        raise _too_large(path) from error
    except Exception as error:
        msg = f"{path} is damaged, or not an nnU-Net checkpoint: get the model again."
        raise UserError(msg) from error
    if not isinstance(content, dict) or not isinstance(content.get("network_weights"), dict):
        msg = f"{path} is not an nnU-Net checkpoint: it has no network_weights."
        raise UserError(msg)
    return content


def _numpy_types() -> list[Any]:
    """Types in the log of a training."""
    scalar = np.float64(0).__reduce__()[0]  # which NumPy 1 and 2 keep in modules of different names
    kinds = [type(np.dtype(name)) for name in ("float64", "float32", "int64", "bool")]
    named = [(scalar, f"numpy.{place}.multiarray.scalar") for place in ("core", "_core")]
    return [np.dtype, *kinds, *named]


def _described(content: dict[str, Any], path: Path) -> Checkpoint:
    arguments = content.get("init_args")
    configuration = arguments.get("configuration") if isinstance(arguments, dict) else None
    axes = content.get("inference_allowed_mirroring_axes")
    if axes is not None and not (isinstance(axes, (tuple, list)) and all(type(axis) is int for axis in axes)):
        msg = f"{path} names no axes for mirrored passes: get the model again."
        raise UserError(msg)
    trainer = str(content.get("trainer_name", "nnUNetTrainer"))[:_LONGEST_NAME]
    name = str(configuration)[:_LONGEST_NAME] if configuration is not None else None
    return Checkpoint(trainer, name, tuple(axes or ()))


def _tensors(content: dict[str, Any], path: Path) -> dict[str, torch.Tensor]:
    weights = plain_names(content["network_weights"])
    for name, tensor in weights.items():
        if not (isinstance(name, str) and _is_plain(tensor)):
            msg = f"{path} has weights that are not tensors: get the model again."
            raise UserError(msg)
    if sum(tensor.nbytes for tensor in weights.values()) > path.stat().st_size:  # views may repeat one number at will
        raise _too_large(path)
    return {name: _own(tensor.detach()) for name, tensor in weights.items()}


def _is_plain(tensor: object) -> bool:
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        return False
    assert isinstance(tensor, torch.Tensor)  # noqa: S101, as it was asked
    return tensor.device.type == "cpu" and tensor.layout is torch.strided and not tensor.is_quantized


def _too_large(path: Path) -> UserError:
    return UserError(f"{path} needs more memory than its size explains, and is refused: get it from its author.")


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of its own in memory, since a checkpoint has some tensors several times over."""
    return tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True).contiguous()
