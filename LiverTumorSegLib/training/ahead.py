"""The next batches are drawn while the one before them is trained on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

_END = object()
_BATCHES = 2


class Ahead:
    """The same batches in the same order, drawn in another thread a few ahead.

    Args:
        batches: what draws them, on the CPU or wherever the slices are.
        pinned: whether what is on the CPU is put where a GPU fetches it from while it computes.
    """

    def __init__(self, batches: Iterable[Any], *, pinned: bool = False) -> None:
        self._batches, self._pinned = batches, pinned

    def __iter__(self) -> Iterator[Any]:
        source, pool = iter(self._batches), ThreadPoolExecutor(1, "batches")

        def draw() -> Any:
            drawn = next(source, _END)
            return pinned(drawn) if self._pinned and drawn is not _END else drawn

        coming: deque[Future[Any]] = deque(pool.submit(draw) for _ in range(_BATCHES))
        try:
            while (batch := coming.popleft().result()) is not _END:
                coming.append(pool.submit(draw))
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)


def pinned(value: Any) -> Any:
    """The tensors of a batch in memory that its transfer to a GPU need not wait for; all else as it is."""
    if isinstance(value, torch.Tensor):
        return value if value.device.type != "cpu" else value.pin_memory()
    if isinstance(value, dict):
        return {name: pinned(one) for name, one in value.items()}
    if isinstance(value, list):
        return [pinned(one) for one in value]
    if isinstance(value, tuple) and hasattr(value, "_replace"):
        return value._make(pinned(one) for one in value)  # type: ignore[attr-defined]
    return value
