"""Processes that share a cohort out among themselves without a word to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
            msg = f"There is no rank {self.number} of {self.count} ranks: give one from 0 to {self.count - 1}."
            raise UserError(msg)


ALONE = Rank()


def find_rank(environment: Mapping[str, str], number: int | None = None, count: int | None = None) -> Rank:
    """Which rank this process is.

    Args:
        environment: of the process; ``torchrun`` comes before SLURM, whose variables also stand in a batch script
            outside ``srun``, where they say nothing. Within ``srun`` SLURM's number on the machine stands in for a
            ``LOCAL_RANK`` that is missing.
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
    if names is None:
        return ALONE
    local = (names is _TORCHRUN and _local_name(environment)) or names[2]
    return Rank(*(_number(environment, name) for name in (*names[:2], local)))


def require_local_number(rank: Rank, environment: Mapping[str, str]) -> None:
    """Refuse a rank of several of which nothing says which of a machine's GPUs it has.

    Args:
        rank: of this process.
        environment: of the process.

    Raises:
        UserError: it sees several GPUs, and its number on the machine is missing.
    """
    if rank.count > 1 and torch.cuda.device_count() > 1 and _local_name(environment) is None:
        msg = f"{_TORCHRUN[2]} is missing, which says which GPU each rank uses: start the ranks with torchrun."
        raise UserError(msg)


def refuse_shared_gpus(uuids: Sequence[str]) -> None:
    """Refuse ranks of which two have one GPU, which NCCL cannot.

    Args:
        uuids: of each rank's GPU; empty where PyTorch does not tell.

    Raises:
        UserError: two are the same.
    """
    known = [uuid for uuid in uuids if uuid]
    if len(set(known)) < len(known):
        msg = (
            f"Two of these {len(uuids)} ranks have the same GPU: start no more on a machine than it has GPUs, or give "
            "--device cpu."
        )
        raise UserError(msg)


def choose_gpu(rank: Rank) -> int:
    """The number of a rank's own GPU among those that it sees: SLURM may show each rank its own alone, as 0."""
    return rank.local % torch.cuda.device_count()


def choose_rank_device(rank: Rank, wanted: str) -> str:
    """The device that a rank runs on: where none is named and there are several ranks, each has its own GPU."""
    if wanted not in ("auto", "gpu") or rank.count == 1 or not torch.cuda.is_available():
        return wanted
    return f"cuda:{choose_gpu(rank)}"


def _are_set(names: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    return all(name in environment for name in names[:2]) and not (names is _SLURM and _is_batch_script(environment))


def _is_batch_script(environment: Mapping[str, str]) -> bool:
    return "SLURM_JOB_ID" in environment and "SLURM_STEP_ID" not in environment


def _local_name(environment: Mapping[str, str]) -> str | None:
    """The variable that has the process's number on its machine, of the two that may."""
    usable = (_TORCHRUN[2],) if _is_batch_script(environment) else (_TORCHRUN[2], _SLURM[2])
    return next((name for name in usable if name in environment), None)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "0")
    try:
        return int(text)
    except ValueError:
        msg = f"The environment variable {name} is “{text}”, not a number: give --rank and --ranks."
        raise UserError(msg) from None
