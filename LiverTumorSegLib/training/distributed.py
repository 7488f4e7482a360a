"""Processes that train one model together: who they are, and what they tell each other.

``torchrun`` or ``srun`` starts them. Whichever ends first for a reason says that reason; the others end without a word.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import distributed

from ..core import ranks
from ..core.errors import UserError
from ..core.progress import Cancelled
from ..core.ranks import Rank

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

Item = TypeVar("Item")
Result = TypeVar("Result")

_TO_MEET, _TO_STEP, _TO_WAIT = timedelta(minutes=10), timedelta(minutes=15), timedelta(days=1)
"""For processes to find each other; for what GPUs exchange in a step; and for one that waits while another reads
all CTs or validates, where one that is gone is noticed at once by its connection."""

_ENDED, _HOW = "livertumorseg/ended", "livertumorseg/how"
_CANCELLED, _FAILED = "cancelled", "failed"
_LOST = ("gloo", "NCCL", "peer", "Connection")
"""Words of what PyTorch raises where another process is gone."""


class EndedElsewhere(Exception):
    """Another process of the group ended the training, and said why.

    Args:
        cancelled: whether it was cancelled, rather than failed.
    """

    def __init__(self, *, cancelled: bool) -> None:
        super().__init__("Another process of this training ended it.")
        self.cancelled = cancelled


class ProcessGroup:
    """This process and those that it trains with; alone, nothing is exchanged.

    All but the plain properties must be called by all processes, in the same order.

    Args:
        rank: of this process.
    """

    def __init__(self, rank: Rank = ranks.ALONE) -> None:
        self.rank = rank

    @property
    def is_first(self) -> bool:
        """Whether this is the process that talks and writes."""
        return self.rank.number == 0

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.rank.count > 1

    def share(self, batch: int) -> slice:
        """The samples of a batch that are this process's.

        Raises:
            UserError: the batch cannot be dealt out evenly.
        """
        each, left = divmod(batch, self.rank.count)
        if left:
            msg = (
                f"The recipe's batch of {batch} cannot be shared by {self.rank.count} processes: set schedule.batch to "
                f"a multiple of {self.rank.count}, or start another number of processes."
            )
            raise UserError(msg)
        return slice(self.rank.number * each, (self.rank.number + 1) * each)

    def whole(self, part: torch.Tensor) -> torch.Tensor:
        """The shares of all processes in a row; gradients reach this process's own alone."""
        if not self.several:
            return part
        sent = part.detach().to(torch.uint8) if part.dtype == torch.bool else part.detach()
        sent = sent.contiguous()
        parts = [torch.empty_like(sent) for _ in range(self.rank.count)]
        distributed.all_gather(parts, sent)
        parts = [one.to(part.dtype) for one in parts]
        parts[self.rank.number] = part
        return torch.cat(parts)

    def summed(self, loss: torch.Tensor) -> torch.Tensor:
        """The same loss, whose gradients are multiplied so that their mean over the processes is their sum."""
        return loss + (self.rank.count - 1) * (loss - loss.detach()) if self.several else loss

    def any(self, here: bool) -> bool:
        """Whether it is so in any of the processes."""
        if not self.several:
            return here
        there = torch.tensor([here], dtype=torch.uint8)
        distributed.all_reduce(there, distributed.ReduceOp.MAX, _LongWaits.group)
        return bool(there)

    def dealt(self, items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
        """Results of ``work`` on each item, in their order; each process works on its share of them."""
        own = [work(item) for item in items[self.rank.number :: self.rank.count]]
        if not self.several:
            return own
        of_all: list[list[Result]] = [[]] * self.rank.count
        distributed.all_gather_object(of_all, own, _LongWaits.group)
        return [of_all[number % self.rank.count][number // self.rank.count] for number in range(len(items))]

    def from_first(self, make: Callable[[], Result]) -> Result:
        """The result of ``make``, which the first process alone calls, for all of them."""
        if not self.several:
            return make()
        made = [make() if self.is_first else None]
        distributed.broadcast_object_list(made, group=_LongWaits.group)
        return cast("Result", made[0])

    def in_turns(self, work: Callable[[], Result]) -> Result:
        """Call ``work`` in the first process, then in the first of each machine, then in the others."""
        turn = 0 if self.is_first else 1 if self.rank.local == 0 else 2
        for now in range(3 if self.several else 1):
            if now == turn:
                result = work()
            self.any(here=False)  # waits for all
        return result


ALONE = ProcessGroup()


class _LongWaits:
    """The same processes once more, for what may take long; None where they exchange nothing else between GPUs.

    What GPUs exchange does not notice that another process is gone, and may therefore not be waited for as long.
    """

    group: distributed.ProcessGroup | None = None


@contextmanager
def join_processes(environment: Mapping[str, str] | None = None, *, on_gpus: bool = True) -> Iterator[ProcessGroup]:
    """Meet the other processes; within, all that fail or are cancelled end together.

    A process that fails leaves, so that the others' next exchange fails too; of GPUs, after some minutes.

    Args:
        environment: of the process, which says what rank it has; None for its own.
        on_gpus: whether they train on GPUs where there are any.

    Raises:
        UserError: two processes have one GPU, nothing says which GPU is this one's, the others are not found, or one
            of them was lost without a word.
        EndedElsewhere: another process failed or was cancelled first.
    """
    surroundings = os.environ if environment is None else environment
    rank = ranks.find_rank(surroundings)
    if rank.count == 1 or distributed.is_initialized():
        yield ProcessGroup(rank)
        return
    uses_gpus = on_gpus and torch.cuda.is_available()
    store = _meet(rank, surroundings, uses_gpus)
    try:
        if uses_gpus:
            ranks.refuse_shared_gpus(_gather_uuids(rank))
        yield ProcessGroup(rank)
    except BaseException as error:
        ending = _ending(error, store, rank.count)
        _leave(failed=True)
        if ending is error:
            raise
        raise ending from error
    _leave(failed=False)


def _meet(rank: Rank, environment: Mapping[str, str], on_gpus: bool) -> Store:
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    if on_gpus:
        ranks.require_local_number(rank, environment)
        torch.cuda.set_device(ranks.choose_gpu(rank))
    try:
        if "MASTER_ADDR" not in environment:
            _name_the_first()
        store, *_ = next(rendezvous("env://", rank.number, rank.count, timeout=_TO_MEET))
        backend = "cpu:gloo,cuda:nccl" if on_gpus else "gloo"
        kept = PrefixStore("livertumorseg", store)
        limit = _TO_STEP if on_gpus else _TO_WAIT
        distributed.init_process_group(backend, store=kept, rank=rank.number, world_size=rank.count, timeout=limit)
        _LongWaits.group = distributed.new_group(backend="gloo", timeout=_TO_WAIT) if on_gpus else None
    except (RuntimeError, ValueError, KeyError) as error:
        msg = (
            f"This is one of {rank.count} processes by its environment, and it does not find the others "
            f"({str(error).splitlines()[0]}): start them with torchrun or srun."
        )
        raise UserError(msg) from error
    return store


def _gather_uuids(rank: Rank) -> list[str]:
    """The UUID of each process's GPU, by rank; empty for one that PyTorch tells none of."""
    facts = torch.cuda.get_device_properties(ranks.choose_gpu(rank))
    uuids = [""] * rank.count
    distributed.all_gather_object(uuids, str(getattr(facts, "uuid", "")), _LongWaits.group)
    return uuids


def _name_the_first() -> None:
    """The address at which the others of a SLURM step find the first; Lightning writes it into the environment."""
    from lightning.fabric.plugins.environments import SLURMEnvironment

    slurm = SLURMEnvironment(auto_requeue=False)
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = slurm.main_address, str(slurm.main_port)


def _leave(*, failed: bool) -> None:
    """Close the connections, which the others notice; those of GPUs would wait for a process that is gone."""
    on_gpus, _LongWaits.group = _LongWaits.group is not None, None
    if not (failed and on_gpus):
        distributed.destroy_process_group()


def _ending(error: BaseException, store: Store, count: int) -> BaseException:
    """The error itself in the process that was the first to end, else that there was another."""
    how = _CANCELLED if isinstance(error, Cancelled) else _FAILED
    with suppress(RuntimeError):  # the store is gone with the first process
        if store.add(_ENDED, 1) == 1:
            store.set(_HOW, how)
            return _lost(count) if _is_lost(error) else error
        how = store.get(_HOW).decode()
    return EndedElsewhere(cancelled=how == _CANCELLED)


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST)


def _lost(count: int) -> UserError:
    return UserError(
        f"One of the {count} processes of this training ended unexpectedly, perhaps for want of memory: start all of "
        "them again with --resume."
    )
