"""Batches and CTs fetched in another thread while the one before them is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

import torch

from .progress import CancelToken

_END = object()
_BATCHES = 2


class PrefetchedBatches:
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
            return pin_memory(drawn) if self._pinned and drawn is not _END else drawn

        coming: deque[Future[Any]] = deque(pool.submit(draw) for _ in range(_BATCHES))
        try:
            while (batch := coming.popleft().result()) is not _END:
                coming.append(pool.submit(draw))
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)


def pin_memory(value: Any) -> Any:
    """The tensors of a batch in memory that its transfer to a GPU need not wait for; all else as it is."""
    if isinstance(value, torch.Tensor):
        return value if value.device.type != "cpu" else value.pin_memory()
    if isinstance(value, dict):
        return {name: pin_memory(one) for name, one in value.items()}
    if isinstance(value, list):
        return [pin_memory(one) for one in value]
    if isinstance(value, tuple) and hasattr(value, "_replace"):
        return value._make(pin_memory(one) for one in value)  # type: ignore[attr-defined]
    return value


Item = TypeVar("Item")
Content = TypeVar("Content")

_POLL_SECONDS = 0.1


def prefetch(
    items: Sequence[Item], read: Callable[[Item], Content], cancel: CancelToken
) -> Generator[tuple[Item, Callable[[], Content]], None, None]:
    """Read items in another thread, one ahead of the one that is worked on; no more than these two are kept.

    Args:
        items: in their order.
        read: is called in the other thread.
        cancel: ends the wait for an item.

    Yields:
        Each item, and what waits for its content: it raises what ``read`` raised, or ``Cancelled``.
    """
    pool = ThreadPoolExecutor(1)
    try:
        coming = [pool.submit(read, item) for item in items[:1]]
        for number, item in enumerate(items, 1):
            own = [coming.pop()]  # emptied when it is taken, so that nobody here holds what was read
            coming += [pool.submit(read, following) for following in items[number : number + 1]]
            yield item, partial(_take, own, cancel)
    finally:
        pool.shutdown(cancel_futures=True)


def _take(own: list[Future[Content]], cancel: CancelToken) -> Content:
    while not own[0].done():
        cancel.check()
        wait(own, _POLL_SECONDS)
    return own.pop().result()
