"""The device that a training runs on, the precision that it has there, and what it cannot do there."""

from __future__ import annotations

import os

import torch

from ..core import gpus, ranks
from ..core.device import choose_device
from ..core.errors import UserError
from ..networks import SliceNetwork
from .distributed import ProcessGroup
from .recipe import Recipe
from .resume import Say


def choose_training_device(group: ProcessGroup, wanted: str, say: Say) -> torch.device:
    """The device that a process trains on.

    Of several processes each has its own GPU, or all have the CPU; alone, it is the one that would segment.

    Args:
        group: the processes.
        wanted: as :func:`LiverTumorSegLib.core.device.choose_device` takes it.
        say: told why it is not what was asked for.

    Raises:
        UserError: the device is not there, or named though each process has its own.
    """
    if group.several:
        return _own_device(group, wanted)
    placement = choose_device(wanted)
    if placement.note:
        say(placement.note)
    device = placement.device
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _own_device(group: ProcessGroup, wanted: str) -> torch.device:
    if wanted not in ("auto", "gpu", "cuda", "cpu"):
        msg = (
            f"{wanted} cannot be for {group.rank.count} processes, each of which has its own device: give auto or cpu."
        )
        raise UserError(msg)
    if wanted != "cpu" and torch.cuda.is_available():
        return torch.device("cuda", ranks.choose_gpu(group.rank))
    if wanted in ("gpu", "cuda"):
        choose_device(wanted)  # says why there is none
    return torch.device("cpu")


def choose_training_precision(recipe: Recipe, device: torch.device, say: Say) -> str:
    """The recipe's precision, as Lightning names it, or the nearest that the device computes in.

    Args:
        recipe: what is wanted.
        device: that trains.
        say: told where it is another one.
    """
    precision = recipe.schedule.precision
    if precision == "16-mixed" and device.type == "cpu":
        say("A CPU does not train in 16-mixed: training runs in 32-true.")
        return "32-true"
    if precision != "bf16-mixed" or device.type != "cuda" or gpus.has_bfloat16(device.index or 0):
        return precision
    name = torch.cuda.get_device_name(device)
    say(
        f"{device} ({name}) has no bfloat16: training runs in 16-mixed; if it diverges, as it may on GTX 16xx, set "
        "schedule.precision to 32-true."
    )
    return "16-mixed"


_MOST_THREADS = 4


def count_drawing_threads(device: torch.device, group: ProcessGroup) -> int:
    """Threads that draw batches, which come out alike from any number.

    A CPU that trains has no core to spare for a second one. Beside a GPU each gets a core, and another is left for what
    drives the GPU; what they need of Python itself they take turns at, so that more than a few gain nothing.

    Args:
        device: that trains.
        group: the processes, which are taken to be on this machine.
    """
    if device.type == "cpu":
        return 1
    return max(1, min(_MOST_THREADS, count_cores() // group.rank.count - 1))


def count_cores() -> int:
    """Cores that this process may use."""
    may_use = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(may_use(0)) if may_use else os.cpu_count() or 1


def refuse_wrong_gradients(recipe: Recipe, network: SliceNetwork, device: torch.device) -> None:
    """Raise :class:`UserError` for patches whose gradients the device gets wrong.

    On a CPU, PyTorch 2.13 (oneDNN) leaves weight gradients of 3D convolutions over two slices in part unwritten.
    """
    patches = recipe.patches or recipe.clicks
    if patches is None or device.type != "cpu" or recipe.schedule.precision != "bf16-mixed":
        return
    slices = patches.size[0]
    if slices == 2 * network.stride:
        msg = (
            f"Patches of {slices} slices become 2 within the network, whose gradients in bfloat16 a CPU gets wrong: "
            f"take {slices + network.stride} slices, or set schedule.precision to 32-true."
        )
        raise UserError(msg)
