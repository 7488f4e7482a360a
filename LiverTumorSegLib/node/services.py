"""What runs beside a node's own parts, each for the length of a block: its parts' threads, C-STORE, the page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from ..errors import UserError
from .config import Limits, Page, Receive
from .inbox import Inbox
from .parts import Part
from .queue import SeriesQueue

_END_SECONDS = 10
"""For steps that are being done to come to their end; what takes longer is cut short, as by a kill."""


@asynccontextmanager
async def working(parts: Sequence[Part]) -> AsyncIterator[None]:
    """Parts that do their steps."""
    for part in parts:
        part.start()
    try:
        yield
    finally:
        for part in parts:
            part.stop()
        ends = monotonic() + _END_SECONDS
        for part in parts:
            part.join(max(0.0, ends - monotonic()))


@asynccontextmanager
async def receiving(receive: Receive, limits: Limits, inbox: Inbox) -> AsyncIterator[None]:
    """Images that come by C-STORE.

    Raises:
        UserError: the port or a certificate cannot be used.
    """
    from .receiver import Receiver

    receiver = Receiver(receive, limits, inbox)
    receiver.start()
    try:
        yield
    finally:
        receiver.stop()


@asynccontextmanager
async def page(wanted: Page, queue: SeriesQueue, results: Path) -> AsyncIterator[str]:
    """The page; gives its address.

    Raises:
        UserError: the port cannot be used.
    """
    from aiohttp import web

    from ..serving.gate import Gate
    from ..serving.listening import listen
    from .page import application

    try:
        listening = listen(port=wanted.port)
    except UserError as error:
        msg = f"Port {wanted.port} cannot be listened on: give another in [page], or 0 for one that is free."
        raise UserError(msg) from error
    gate = Gate(listening.names)
    runner = web.AppRunner(application(queue, results, gate), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listening.socket).start()
        yield listening.address(gate.token)
    finally:
        await runner.cleanup()
