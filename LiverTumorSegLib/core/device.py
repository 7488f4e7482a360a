"""The one place that decides on which device, and in which precision, a network runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import torch

from . import gpus
from .about import PRECISIONS
from .device_failure import describe_failure, is_device_failure, note_failure
from .device_loss import is_lost
from .errors import UserError

_NAMES = re.compile(r"auto|cpu|mps|(cuda|gpu)(:\d+)?")


class LostDevice(UserError):
    """A GPU that is asked for by name answered this process before and does not any more; another it may answer."""


@dataclass(frozen=True)
class DevicePlacement:
    """The device and precision that a network runs in.

    Args:
        device: torch's device.
        dtype: of weights and activations.
        batch: slices to start with in one batch.
        note: a sentence for the user where the choice is not what was asked for, else empty.
        precision: that was asked for, and that another device takes over.
    """

    device: torch.device
    dtype: torch.dtype
    batch: int
    note: str = ""
    precision: str = "auto"

    def in_precision(self, precision: str) -> DevicePlacement:
        """The same device in a precision that is asked for; with ``auto`` in its own."""
        return self if precision == "auto" else replace(self, dtype=getattr(torch, precision), precision=precision)

    def on_cpu(self, note: str = "") -> DevicePlacement:
        """The CPU in the precision that was asked for, and with its own batch."""
        return cpu_placement(note, self.precision)

    @property
    def may_overflow(self) -> bool:
        """Whether numbers that are not finite may be the precision's fault, which nobody has asked for.

        A GPU without bfloat16 gets float16, whose largest number is 65504; GTX 16xx return NaN from its convolutions.
        """
        chosen_here = self.precision == "auto" and self.dtype is not torch.float32
        return chosen_here and (self.device.type != "cpu" or self.dtype is torch.float16)

    @property
    def is_last_resort(self) -> bool:
        """Whether this is the CPU as it would be fallen back to."""
        last = self.on_cpu()
        return (self.device, self.dtype) == (last.device, last.dtype)

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        return f"{self.device}{f' ({name})' if name else ''}, {str(self.dtype).removeprefix('torch.')}"


@dataclass(frozen=True)
class Device:
    """A device the user may choose.

    Args:
        name: what :func:`choose_device` takes.
        title: for a reader.
        free_bytes: memory that is free now; None where it is not known.
    """

    name: str
    title: str
    free_bytes: int | None = None


def list_devices() -> list[Device]:
    """Every device of this machine, the one that ``auto`` takes first; none is used for that."""
    found = [Device(gpu.name, gpu.title, gpu.free_bytes) for gpu in gpus.rank_gpus()]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU"))
    return [*found, Device("cpu", "CPU")]


def describe_missing_gpu() -> str:
    """A sentence where ``auto`` has to fall back to the CPU, else empty."""
    if gpus.rank_gpus() or torch.backends.mps.is_available():
        return ""
    if torch.cuda.is_available() and not gpus.find_gpus():
        return "Runs on the CPU, since no GPU of this machine answers: restart it, or ask its administrator."
    return f"Runs on the CPU, since {gpus.describe_absence()}: a GPU would be many times faster."


def choose_device(wanted: str = "auto", precision: str = "auto") -> DevicePlacement:
    """Choose the device: with ``auto`` the CUDA GPU with the most free memory that answers, else Apple's, else the CPU.

    Args:
        wanted: ``auto``, ``cpu``, ``gpu``, ``cuda``, ``cuda:N`` or ``mps``; ``gpu`` is what ``auto`` takes, but never
            the CPU, and ``gpu:N`` is ``cuda:N``.
        precision: one of ``LiverTumorSegLib.PRECISIONS``; ``auto`` is the fastest that the device has natively.

    Raises:
        UserError: the name or the precision is unknown, or the device is not there.
        LostDevice: it is a GPU that this process has lost.
    """
    if precision not in PRECISIONS:
        msg = f"There is no precision “{precision}”: give {', '.join(PRECISIONS)}."
        raise UserError(msg)
    return _place(wanted).in_precision(precision)


def _place(wanted: str) -> DevicePlacement:
    if not _NAMES.fullmatch(wanted):
        msg = f"There is no device “{wanted}”: give auto, cpu, gpu, cuda:N or mps."
        raise UserError(msg)
    if wanted == "auto":
        return _usual()
    if wanted == "gpu":
        return _any_gpu()
    if wanted.startswith(("cuda", "gpu")):
        return _answering(torch.device(wanted.replace("gpu", "cuda")))
    if wanted == "mps":
        _require_mps()
        return DevicePlacement(torch.device("mps"), torch.float16, 8)
    return cpu_placement()


def cpu_placement(note: str = "", precision: str = "auto") -> DevicePlacement:
    """The CPU, in bfloat16 where it multiplies that natively: elsewhere bfloat16 would be slower.

    Args:
        note: a sentence for the user.
        precision: that is wanted in place of that.
    """
    usual = torch.bfloat16 if _cpu_has_bfloat16() else torch.float32
    return DevicePlacement(torch.device("cpu"), usual, 2, note).in_precision(precision)


def _usual() -> DevicePlacement:
    """The best device that answers, or the CPU with a note where none does."""
    failure = None
    for gpu in gpus.rank_gpus():
        chosen = _try(torch.device(gpu.name))
        if isinstance(chosen, DevicePlacement):
            return chosen
        failure = failure or chosen
    if torch.backends.mps.is_available():
        return _place("mps")
    if failure:
        return cpu_placement(describe_failure("The GPU", failure, "running on the CPU"))
    worth_saying = torch.cuda.is_available() or gpus.has_old_driver()  # and not that a machine simply has no GPU
    return cpu_placement(describe_missing_gpu() if worth_saying else "")


def _any_gpu() -> DevicePlacement:
    """The GPU that ``auto`` takes; where it would take the CPU, the user is told why there is no GPU."""
    chosen = _usual()
    if chosen.device.type != "cpu":
        return chosen
    named = [gpu.name for gpu in gpus.rank_gpus()]
    if named:
        return _answering(torch.device(named[0]))  # which says what is wrong with it
    msg = f"No GPU can be used, since {gpus.describe_absence()}: use --device cpu or auto."
    raise UserError(msg)


_ANSWERED: set[int] = set()
"""GPUs that have answered this process; one that does so no more is lost, which one that never did is not."""


def _try(device: torch.device) -> DevicePlacement | Exception:
    index = device.index or 0
    try:
        chosen = _cuda(device)
    except gpus.CALL_FAILURES as error:
        if index in _ANSWERED and is_device_failure(error):
            note_failure(device)
        return error
    _ANSWERED.add(index)
    return chosen


def _answering(device: torch.device) -> DevicePlacement:
    _require_cuda(device)
    chosen = _try(device)
    if isinstance(chosen, DevicePlacement):
        return chosen
    kind = LostDevice if is_lost(str(device)) else UserError
    raise kind(describe_failure(device, chosen, "use --device cpu or auto")) from chosen


def _cuda(device: torch.device) -> DevicePlacement:
    """A GPU after it has answered: this is the first that makes use of it."""
    torch.cuda.mem_get_info(device)
    dtype = torch.bfloat16 if gpus.has_bfloat16(device.index or 0) else torch.float16
    return DevicePlacement(device, dtype, 32)


def _require_cuda(device: torch.device) -> None:
    if not torch.cuda.is_available():
        msg = f"{device} cannot be used, since {gpus.describe_absence()}: use --device cpu or auto."
        raise UserError(msg)
    count, index = torch.cuda.device_count(), device.index or 0
    if index >= count:
        msg = f"{device} does not exist: the last of the {count} GPUs here is cuda:{count - 1}."
        raise UserError(msg)
    for gpu in gpus.find_gpus():
        if gpu.index == index and not gpu.is_supported:
            msg = f"{device} cannot be used, since {gpu.why_unsupported}: use --device cpu or auto."
            raise UserError(msg)


def _require_mps() -> None:
    if not torch.backends.mps.is_available():
        msg = "mps cannot be used, since there is no Apple GPU that PyTorch can use: use --device cpu or auto."
        raise UserError(msg)


def _cpu_has_bfloat16() -> bool:
    try:
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
    except AttributeError:  # private to PyTorch, and it may go: float32 is right everywhere
        return False
