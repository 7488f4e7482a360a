"""Ends a program that serves for ever in good order, however it is asked to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

ASKING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""Ctrl-C, the system's wish, and a terminal or window that was closed."""


async def until_asked(work: Coroutine[Any, Any, None]) -> int:
    """Run work that does not end by itself until a signal asks for the end.

    Args:
        work: cancelled then, and waited for: what it has to tidy up is not cut short by further signals.

    Returns:
        The number of the signal.

    Raises:
        Exception: of the work.
    """
    running = asyncio.ensure_future(work)
    with _signals(running) as arrived:
        try:
            await running
        except asyncio.CancelledError:
            if not arrived:
                raise
    return arrived[0]


@contextmanager
def _signals(running: asyncio.Future[None]) -> Iterator[list[int]]:
    """The signals that have arrived; those that were ignored, as under ``nohup``, still are."""
    loop, arrived = asyncio.get_running_loop(), list[int]()

    def ask(number: int, _: object) -> None:
        arrived.append(number)
        if len(arrived) == 1:
            loop.call_soon_threadsafe(running.cancel)

    before = {number: signal.getsignal(number) for number in ASKING}
    for number in ASKING:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, ask)
    try:
        yield arrived
    finally:
        for number in ASKING:
            signal.signal(number, before[number])
