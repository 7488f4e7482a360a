"""Histograms of many slices at once, and tables that map a slice's grey values."""

from __future__ import annotations

import torch


def counted(index: torch.Tensor, values: int) -> torch.Tensor:
    """How often each value occurs in each slice; whole numbers, so it is deterministic on a GPU as well.

    Args:
        index: ``[slice, ...]`` of any whole type, from 0 to before ``values``.
        values: how many there are.

    Returns:
        int64 ``[slice, value]``.
    """
    places = _apart(index, values).flatten()
    return torch.bincount(places, minlength=len(index) * values).view(len(index), values)


def looked_up(tables: torch.Tensor, index: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Entry ``index[n, ...]`` of table ``n``.

    Args:
        tables: ``[slice, entry]``.
        index: ``[slice, ...]`` of any whole type.
        out: contiguous, of the index' shape and the tables' type; written where it is given.

    Returns:
        As ``index``, of the tables' type.
    """
    places = _apart(index, tables.shape[1]).flatten().long()
    into = None if out is None else out.view(-1)
    return torch.index_select(tables.flatten(), 0, places, out=into).view(index.shape)


def _apart(index: torch.Tensor, values: int) -> torch.Tensor:
    """``index[n, ...] + n * values``."""
    if len(index) == 1:
        return index
    first = torch.arange(len(index), device=index.device) * values
    return index + first.view(-1, *[1] * (index.ndim - 1))
