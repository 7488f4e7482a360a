"""A batch that is too large for the memory, taken in parts whose gradients add up to its own.

The loss of a batch that is a mean over its samples is the mean of its parts' losses, each weighted by its samples; so
is the gradient. Batch normalisation is not of this kind: a part's mean and variance are those of its samples alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..core.errors import UserError
from .distributed import ProcessGroup
from .lightning_distributed import take_share
from .recipe_options import Schedule


def batch_parts(batch: int, micro_batch: int | None) -> tuple[slice, ...]:
    """The samples of each part of a batch, in order; the last part has what is left.

    Args:
        batch: samples of the batch.
        micro_batch: samples of a part; None, or as many as the batch has, for one part.
    """
    size = min(batch, micro_batch or batch)
    return tuple(slice(start, min(start + size, batch)) for start in range(0, batch, size))


def add_gradients(
    drawn: dict[str, Any],
    parts: tuple[slice, ...],
    loss_of: Callable[[dict[str, Any]], torch.Tensor],
    backward: Callable[[torch.Tensor], None],
) -> torch.Tensor:
    """Have the gradients of a batch's parts added up to those of the whole batch.

    Args:
        drawn: the batch, as a sampler draws it.
        parts: of :func:`batch_parts`.
        loss_of: mean loss of the samples of a part.
        backward: adds the gradients of a loss to those that there are.

    Returns:
        The loss of the whole batch, without gradients.
    """
    losses = list(_losses(drawn, parts, loss_of, backward))
    return torch.stack(losses).sum()


def _losses(
    drawn: dict[str, Any],
    parts: tuple[slice, ...],
    loss_of: Callable[[dict[str, Any]], torch.Tensor],
    backward: Callable[[torch.Tensor], None],
) -> Iterator[torch.Tensor]:
    batch = parts[-1].stop
    for part in parts:
        share = {name: take_share(value, part) for name, value in drawn.items()}
        loss = loss_of(share) * ((part.stop - part.start) / batch)
        backward(loss)
        yield loss.detach()


def refuse_parts_in_several_processes(schedule: Schedule, group: ProcessGroup) -> None:
    """Raise :class:`UserError` where a batch is to be both shared by processes and taken in parts."""
    if group.several and len(batch_parts(schedule.batch, schedule.micro_batch)) > 1:
        msg = (
            f"schedule.micro_batch is for one process, and these are {group.rank.count}, which share the batch "
            "already: leave it out, or start a single process."
        )
        raise UserError(msg)
