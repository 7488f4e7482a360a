"""Processes that share a cohort out among themselves without a word to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .errors import UserError

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_SLURM = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")


@dataclass(frozen=True)
class Rank:
    """One process of several.

    Args:
        number: from 0.
        count: of all processes.
        local: number on this machine, from 0.

    Raises:
        UserError: the number is not below the count.
    """

    number: int = 0
    count: int = 1
    local: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.number < self.count and self.local >= 0):
            msg = f"Rank {self.number} of {self.count} cannot be: ranks are counted from 0 to one below their number."
            raise UserError(msg)


ALONE = Rank()


def find_rank(environment: Mapping[str, str], number: int | None = None, count: int | None = None) -> Rank:
    """Which rank this process is.

    Args:
        environment: of the process; ``torchrun`` comes before SLURM, whose variables also stand in a batch script
            outside ``srun``, where they say nothing.
        number: what the user said, which comes first; on one machine, so that it is the local number too.
        count: what the user said.

    Raises:
        UserError: one of the two is missing, or what is said is no rank.
    """
    if (number is None) != (count is None):
        msg = "One of --rank and --ranks is missing: give both, such as --rank 0 --ranks 2."
        raise UserError(msg)
    if number is not None and count is not None:
        return Rank(number, count, number)
    names = next((names for names in (_TORCHRUN, _SLURM) if _are_set(names, environment)), None)
    return ALONE if names is None else Rank(*(_number(environment, name) for name in names))


def require_own_gpu(rank: Rank, environment: Mapping[str, str]) -> None:
    """Refuse a rank that would share a GPU with another, which NCCL cannot.

    Args:
        rank: of this process.
        environment: of the process.

    Raises:
        UserError: the machine has fewer GPUs than ranks, or nothing says which of its ranks this is.
    """
    if rank.count == 1 or not torch.cuda.is_available():
        return
    if not any(names[2] in environment for names in (_TORCHRUN, _SLURM)):
        msg = f"{_TORCHRUN[2]} is missing, which says which GPU each of several ranks has: start them with torchrun."
        raise UserError(msg)
    count = torch.cuda.device_count()
    if rank.local >= count:
        msg = f"There are more ranks than GPUs on this machine: start at most {count}, or give --device cpu."
        raise UserError(msg)


def choose_rank_device(rank: Rank, wanted: str) -> str:
    """The device that a rank runs on: where none is named and there are several ranks, each has its own GPU."""
    if wanted != "auto" or rank.count == 1 or not torch.cuda.is_available():
        return wanted
    return f"cuda:{rank.local % torch.cuda.device_count()}"


def _are_set(names: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    is_batch_script = "SLURM_JOB_ID" in environment and "SLURM_STEP_ID" not in environment
    return all(name in environment for name in names[:2]) and not (names is _SLURM and is_batch_script)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "0")
    try:
        return int(text)
    except ValueError:
        msg = f"The environment variable {name} is “{text}”, not a number: give --rank and --ranks."
        raise UserError(msg) from None
