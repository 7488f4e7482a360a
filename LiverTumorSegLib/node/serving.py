"""A node from its start to its end: all its parts beside each other."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import AsyncExitStack, closing

from .. import DISCLAIMER
from ..serving.ending import until_asked
from ..worker.client import Worker
from . import introduction, sender, services
from .config import Config
from .folder import NodeFolder
from .gathering import Gathering
from .inbox import Inbox
from .parts import Part
from .queue import SeriesQueue
from .segmenting import Segmenting
from .sending import Sending
from .tidying import Tidying

_OFTEN_SECONDS, _SELDOM_SECONDS = 0.2, 20.0
_log = logging.getLogger(__name__)


def run(config: Config, say: Callable[[str], None]) -> int:
    """Run a node until a signal asks for its end.

    Args:
        config: of the node.
        say: told what is served, sentence by sentence.

    Returns:
        The number of the signal.

    Raises:
        UserError: the folder, the queue, the model, a port, a certificate or a password cannot be used.
    """
    os.umask(0o077)  # whoever made the folder, what is in it is for this user alone
    folder = NodeFolder(config.folder)
    folder.make()
    with folder.locked(), closing(SeriesQueue(folder.queue)) as queue:
        number = asyncio.run(until_asked(_serve(config, queue, say)))
    _log.info("the node has ended")
    return number


async def _serve(config: Config, queue: SeriesQueue, say: Callable[[str], None]) -> None:
    """Load the model, then begin with everything; series are judged only once what is missing of them can come."""
    sender.archive(config.send)
    folder = NodeFolder(config.folder)
    segmenting = Segmenting(config, queue, Worker(temporary=folder.worker))
    async with AsyncExitStack() as stack:
        stack.callback(segmenting.close)
        say(f"{DISCLAIMER} Loading the model ...")
        await segmenting.load()
        Tidying(config, queue).repair()
        for sentence in introduction.sentences(config):
            say(sentence)
        if config.page:
            address = await stack.enter_async_context(services.page(config.page, queue, folder.results))
            say(f"Its page, for a browser on this computer: {address}")
        await _take_in(config, queue, stack)
        if config.receive:
            queue.wait_anew(config.receive.quiet_seconds)
        await stack.enter_async_context(services.working(_parts(config, queue, segmenting)))
        _log.info("the node is ready")
        await asyncio.Event().wait()  # until cancelled


def _parts(config: Config, queue: SeriesQueue, segmenting: Segmenting) -> list[Part]:
    return [
        Part("gathering", Gathering(config, queue).step, _OFTEN_SECONDS),
        Part("segmenting", segmenting.step, _OFTEN_SECONDS),
        Part("sending", Sending(config, queue, sender.send).step, _OFTEN_SECONDS),
        Part("tidying", Tidying(config, queue).step, _SELDOM_SECONDS),
    ]


async def _take_in(config: Config, queue: SeriesQueue, stack: AsyncExitStack) -> None:
    """Begin with all that images come from."""
    inbox = Inbox(config, queue)
    if config.watch:
        from .watcher import Watcher

        watcher = Watcher(config.watch, config.limits, config.rules, inbox, queue)
        if config.share:
            from .shared import sharing

            await stack.enter_async_context(sharing(config.share, queue, watcher))
        watching = Part("watching", watcher.look, config.watch.every_seconds)
        await stack.enter_async_context(services.working([watching]))
        stack.callback(watcher.stop)
    if config.receive:
        await stack.enter_async_context(services.receiving(config.receive, config.limits, inbox))
