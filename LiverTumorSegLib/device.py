"""The one place that decides on which device, and in which precision, a network runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from .errors import UserError

_NAMES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True)
class Placement:
    """Where a network runs.

    Args:
        device: torch's device.
        dtype: of weights and activations.
        batch: slices to start with in one batch.
        note: a sentence for the user where the choice is not what was asked for, else empty.
    """

    device: torch.device
    dtype: torch.dtype
    batch: int
    note: str = ""

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        return f"{self.device}{f' ({name})' if name else ''}, {str(self.dtype).removeprefix('torch.')}"


def place(wanted: str = "auto") -> Placement:
    """Choose the device: with ``auto`` a CUDA GPU, else Apple's, else the CPU.

    Args:
        wanted: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        UserError: the name is unknown, or the device is not there.
    """
    if not _NAMES.fullmatch(wanted):
        msg = f"There is no device “{wanted}”: give auto, cpu, cuda:N or mps."
        raise UserError(msg)
    if wanted == "auto":
        wanted = _best()
    if wanted.startswith("cuda"):
        return _cuda(torch.device(wanted))
    if wanted == "mps":
        _require_mps()
        return Placement(torch.device("mps"), torch.float16, 8)
    return cpu()


def cpu(note: str = "") -> Placement:
    """The CPU, in bfloat16 where it multiplies that natively: elsewhere bfloat16 would be slower."""
    return Placement(torch.device("cpu"), torch.bfloat16 if _cpu_has_bfloat16() else torch.float32, 2, note)


def _best() -> str:
    if torch.cuda.is_available():
        free = [torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())]
        return f"cuda:{free.index(max(free))}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cuda(device: torch.device) -> Placement:
    if not torch.cuda.is_available():
        reason = "this PyTorch was built without CUDA" if torch.version.cuda is None else "no CUDA GPU was found"
        msg = f"{device} cannot be used, since {reason}: use --device cpu or auto."
        raise UserError(msg)
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        msg = f"{device} does not exist: the last of the {count} GPUs here is cuda:{count - 1}."
        raise UserError(msg)
    dtype = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return Placement(device, dtype, 32)


def _require_mps() -> None:
    if not torch.backends.mps.is_available():
        msg = "mps cannot be used, since there is no Apple GPU that PyTorch can use: use --device cpu or auto."
        raise UserError(msg)


def _cpu_has_bfloat16() -> bool:
    try:
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
    except AttributeError:  # private to PyTorch, and it may go: float32 is right everywhere
        return False
