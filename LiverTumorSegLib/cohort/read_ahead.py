"""Read the next CT while the one before it is segmented."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from ..progress import CancelToken

Item = TypeVar("Item")
Content = TypeVar("Content")

_SECONDS = 0.1


def read_ahead(
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
        wait(own, _SECONDS)
    return own.pop().result()
