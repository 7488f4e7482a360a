"""The CUDA GPUs of this machine: those that PyTorch can use, the freest first, and why others cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import torch

from .gpu_memory import ask_free_bytes

BFLOAT16_SINCE = (8, 0)
"""Compute capability from which NVIDIA's GPUs multiply bfloat16 (Ampere)."""

CALL_FAILURES = (RuntimeError, torch.cuda.DeferredCudaCallError)
"""What PyTorch raises where a GPU does not answer; the second, no ``RuntimeError``, at the first use of any."""

_TOO_OLD = re.compile(r"The NVIDIA driver on your system is too old \(found version \d+\)")
"""What PyTorch raises, and warns of once, where the driver is older than the CUDA that it was built with."""


@dataclass(frozen=True)
class Gpu:
    """A GPU as PyTorch counts it.

    Args:
        index: N of ``cuda:N``.
        title: its name.
        capability: compute capability, major and minor.
        free_bytes: memory that is free; None where that is not known without using the GPU.
    """

    index: int
    title: str
    capability: tuple[int, int]
    free_bytes: int | None = None

    @property
    def name(self) -> str:
        """As a user gives it."""
        return f"cuda:{self.index}"

    @property
    def is_supported(self) -> bool:
        """Whether this PyTorch has code for it: of its own generation, or some that is translated when it is loaded."""
        built = torch.cuda.get_arch_list() if torch.version.hip is None else []
        return not built or any(_runs_on(code, self.capability) for code in built)

    @property
    def why_unsupported(self) -> str:
        """Why this PyTorch cannot use it, as a part of a sentence."""
        built, (major, minor) = " ".join(torch.cuda.get_arch_list()), self.capability
        return f"{self.title} has compute capability {major}.{minor}, and this PyTorch was built for {built}"


def _runs_on(code: str, capability: tuple[int, int]) -> bool:
    """Machine code (``sm_86``) runs within its generation, from its own version on; other code from there on."""
    found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", code)
    if found is None:
        return True  # a kind that came after this was written
    wanted = int(found[2]), int(found[3])
    if found[4]:
        return capability == wanted if found[4] == "a" else capability[0] == wanted[0] and capability >= wanted
    return capability >= wanted and (found[1] == "compute" or capability[0] == wanted[0])


def find_gpus() -> list[Gpu]:
    """Every GPU that answers; none is used for that."""
    if not torch.cuda.is_available():
        return []
    return list(_answering_gpus())


def _answering_gpus() -> Iterator[Gpu]:
    for index in range(torch.cuda.device_count()):
        with suppress(*CALL_FAILURES):  # one that is there but does not answer cannot be chosen
            facts = torch.cuda.get_device_properties(index)
            free = ask_free_bytes(str(getattr(facts, "uuid", "")))
            yield Gpu(index, facts.name, (facts.major, facts.minor), free)


def rank_gpus() -> list[Gpu]:
    """The GPUs that this PyTorch can use, the freest first, those whose memory is not known last."""
    usable = [gpu for gpu in find_gpus() if gpu.is_supported]
    return sorted(usable, key=lambda gpu: -1 if gpu.free_bytes is None else gpu.free_bytes, reverse=True)


def has_bfloat16(index: int) -> bool:
    """Whether a GPU multiplies bfloat16; all that ROCm supports do, as PyTorch takes it."""
    return torch.version.hip is not None or torch.cuda.get_device_capability(index) >= BFLOAT16_SINCE


def free_cached_memory() -> None:
    """Give back to others what PyTorch keeps of the GPUs' memory for itself; nothing happens where no GPU is in use."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        with suppress(RuntimeError):  # of one that has failed there is nothing to be had
            torch.cuda.empty_cache()


def describe_absence() -> str:
    """Why no CUDA GPU can be used, as a part of a sentence."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this PyTorch was built without CUDA"
    found = find_gpus()
    if found:
        return "; ".join(gpu.why_unsupported for gpu in found)
    reason = _driver_warning()
    return f"no CUDA GPU can be used ({reason}: update the driver)" if reason else "no CUDA GPU was found"


def has_old_driver() -> bool:
    """Whether it is for its driver alone that PyTorch, which was built for CUDA, finds no GPU."""
    return torch.version.cuda is not None and not torch.cuda.is_available() and bool(_driver_warning())


def _driver_warning() -> str:
    """What the driver is too old for, in PyTorch's words, which counting the GPUs says only once in a process."""
    try:
        torch.cuda.init()
    except (*CALL_FAILURES, AssertionError) as error:
        found = _TOO_OLD.search(str(error))
        return found[0] if found else ""
    return ""
