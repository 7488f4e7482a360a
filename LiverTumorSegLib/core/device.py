"""The one place that decides on which device, and in which precision, a network runs, and knows how devices fail."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

import torch

from .about import PRECISIONS
from .errors import UserError

_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_FAILED = (
    "CUDA error",
    "CUDA driver error",
    "cuDNN error",
    "CUDNN_STATUS",
    "CUBLAS_STATUS",
    "HIP error",
    "NVML_SUCCESS",
)
_ABSENT = ("No CUDA GPUs are available", "CUDA driver initialization failed", "cudaGetDeviceCount()")
_NAMES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True)
class DevicePlacement:
    """The device and precision that a network runs in.

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


def is_out_of_memory(error: Exception) -> bool:
    """True for what CUDA, Apple's GPUs, PyTorch's CPU allocator and Python raise when memory runs out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in _MEMORY)


def is_device_failure(error: Exception) -> bool:
    """True for what PyTorch raises when a GPU is not there any more or stops working.

    Newer versions have ``AcceleratorError``; older ones, and the libraries below PyTorch, raise ``RuntimeError`` with
    their name in it. Most such errors end the use of the GPU for the process, and nothing on it can be read any more.
    """
    if is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    kind = getattr(torch, "AcceleratorError", ())
    return isinstance(error, kind) or any(part in str(error) for part in (*_FAILED, *_ABSENT))


def describe_failure(device: torch.device | str, error: Exception, instead: str) -> str:
    """A sentence on a GPU that failed.

    Args:
        device: that failed.
        error: PyTorch's, of which the first line is shown.
        instead: what is done, or to be done, about it.
    """
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{device} stopped working ({reason.rstrip('.')}): {instead}."


def list_devices() -> list[Device]:
    """Every device of this machine, the one that ``auto`` takes first."""
    gpus = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        with suppress(RuntimeError):  # one that is there but does not answer cannot be chosen
            free = torch.cuda.mem_get_info(index)[0]
            gpus.append(Device(f"cuda:{index}", torch.cuda.get_device_name(index), free))
    if torch.backends.mps.is_available():
        gpus.append(Device("mps", "Apple GPU"))
    return [*sorted(gpus, key=lambda gpu: -(gpu.free_bytes or 0)), Device("cpu", "CPU")]


def describe_missing_gpu() -> str:
    """A sentence where ``auto`` has to fall back to the CPU, else empty."""
    try:
        if _best() != "cpu":
            return ""
    except RuntimeError as error:
        return describe_failure("The GPU", error, "the CPU is used")
    return f"Runs on the CPU, since {_no_cuda()}: a GPU would be many times faster."


def choose_device(wanted: str = "auto", precision: str = "auto") -> DevicePlacement:
    """Choose the device: with ``auto`` a CUDA GPU, else Apple's, else the CPU.

    Args:
        wanted: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: one of ``LiverTumorSegLib.PRECISIONS``; ``auto`` is the fastest that the device has natively.

    Raises:
        UserError: the name or the precision is unknown, or the device is not there.
    """
    if precision not in PRECISIONS:
        msg = f"There is no precision “{precision}”: give {', '.join(PRECISIONS)}."
        raise UserError(msg)
    chosen = _place(wanted)
    return chosen if precision == "auto" else replace(chosen, dtype=getattr(torch, precision))


def _place(wanted: str) -> DevicePlacement:
    if not _NAMES.fullmatch(wanted):
        msg = f"There is no device “{wanted}”: give auto, cpu, cuda:N or mps."
        raise UserError(msg)
    if wanted == "auto":
        return _usual()
    if wanted.startswith("cuda"):
        return _answering(torch.device(wanted))
    if wanted == "mps":
        _require_mps()
        return DevicePlacement(torch.device("mps"), torch.float16, 8)
    return cpu_placement()


def cpu_placement(note: str = "") -> DevicePlacement:
    """The CPU, in bfloat16 where it multiplies that natively: elsewhere bfloat16 would be slower."""
    return DevicePlacement(torch.device("cpu"), torch.bfloat16 if _cpu_has_bfloat16() else torch.float32, 2, note)


def _usual() -> DevicePlacement:
    """The best device, or the CPU with a note where it does not answer."""
    try:
        wanted = _best()
        return _cuda(torch.device(wanted)) if wanted.startswith("cuda") else _place(wanted)
    except RuntimeError as error:
        return cpu_placement(describe_failure("The GPU", error, "running on the CPU"))


def _answering(device: torch.device) -> DevicePlacement:
    try:
        return _cuda(device)
    except RuntimeError as error:
        raise UserError(describe_failure(device, error, "use --device cpu or auto")) from error


def _best() -> str:
    if torch.cuda.is_available():
        free = [torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())]
        return f"cuda:{free.index(max(free))}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cuda(device: torch.device) -> DevicePlacement:
    if not torch.cuda.is_available():
        msg = f"{device} cannot be used, since {_no_cuda()}: use --device cpu or auto."
        raise UserError(msg)
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        msg = f"{device} does not exist: the last of the {count} GPUs here is cuda:{count - 1}."
        raise UserError(msg)
    dtype = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return DevicePlacement(device, dtype, 32)


def _no_cuda() -> str:
    return "this PyTorch was built without CUDA" if torch.version.cuda is None else "no CUDA GPU was found"


def _require_mps() -> None:
    if not torch.backends.mps.is_available():
        msg = "mps cannot be used, since there is no Apple GPU that PyTorch can use: use --device cpu or auto."
        raise UserError(msg)


def _cpu_has_bfloat16() -> bool:
    try:
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
    except AttributeError:  # private to PyTorch, and it may go: float32 is right everywhere
        return False
