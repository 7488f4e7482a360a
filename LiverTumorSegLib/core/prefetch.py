"""Batches and CTs fetched in other threads while the one before them is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import count, repeat
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

from .progress import CancelToken

_END = object()


@runtime_checkable
class NumberedBatches(Protocol):
    """Batches without an end, each of which follows from its number alone, so that any thread may draw it.

    Attributes:
        first: number of the first one.
    """

    @property
    def first(self) -> int: ...

    def draw(self, number: int) -> Any:
        """The batch of a number, the same whoever draws it and whenever."""


class PrefetchedBatches:
    """The same batches in the same order, drawn in other threads a few ahead.

    Args:
        batches: what draws them, on the CPU or wherever the slices are.
        pinned: whether what is on the CPU is put where a GPU fetches it from while it computes.
        threads: that draw at the same time; batches without numbers are drawn by one.
    """

    def __init__(self, batches: Iterable[Any] | NumberedBatches, *, pinned: bool = False, threads: int = 1) -> None:
        self._batches, self._pinned = batches, pinned
        self._threads = threads if isinstance(batches, NumberedBatches) else 1

    def __iter__(self) -> Iterator[Any]:
        draws, pool = self._draws(), ThreadPoolExecutor(self._threads, "batches")
        coming: deque[Future[Any]] = deque(pool.submit(self._ready, next(draws)) for _ in range(self._threads + 1))
        try:
            while (batch := coming.popleft().result()) is not _END:
                coming.append(pool.submit(self._ready, next(draws)))
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)

    def _draws(self) -> Iterator[Callable[[], Any]]:
        """What draws the first batch, the second, and so on."""
        if isinstance(self._batches, NumberedBatches):
            return (partial(self._batches.draw, number) for number in count(self._batches.first))
        return repeat(partial(next, iter(self._batches), _END))

    def _ready(self, draw: Callable[[], Any]) -> Any:
        drawn = draw()
        return pin_memory(drawn) if self._pinned and drawn is not _END else drawn


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
