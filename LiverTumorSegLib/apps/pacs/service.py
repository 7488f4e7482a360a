"""The service beside an archive from its start to its end, with a thread for each of its steps."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ...core.about import DISCLAIMER
from ...core.errors import UserError
from ..http_server import run_until_signal
from ..worker.client import Worker
from . import config_check, sender
from .config import Config, Limits, Page, Receive, Share
from .inbox import Inbox, SeriesSorter
from .queue import SeriesQueue
from .segmenter import SeriesSegmenter
from .sender import ResultSender
from .storage import FolderCleanup, ServiceFolder

if TYPE_CHECKING:
    from .watcher import Watcher

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_log = logging.getLogger(__name__)


class StepThread:
    """A step that is done again and again in a thread of its own.

    The thread does not keep the program from ending: whatever it is doing may be cut short at any moment.

    Args:
        name: for the log.
        step: returns true where there may be more to do, and is then called again at once.
        pause_seconds: before it is called again otherwise.
    """

    def __init__(self, name: str, step: Callable[[], bool | None], pause_seconds: float) -> None:
        self._name, self._step, self._pause = name, step, pause_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with the first step."""
        self._thread.start()

    def stop(self) -> None:
        """Have the step that is being done be the last one."""
        self._stopping.set()

    def join(self, seconds: float) -> None:
        """Wait so long at most for the last step to end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                pause = 0 if self._step() else self._pause
                failures = 0
            except Exception:  # noqa: BLE001 whatever it is, the other parts, and this one later, go on
                pause = min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE)
                failures = min(failures + 1, 10)
                if self._stopping.is_set():
                    return
                _log.exception("%s failed unexpectedly, and will be tried again in %d s", self._name, pause)
            self._stopping.wait(pause)


_END_SECONDS = 10
"""Time for steps that are being done to come to their end; what takes longer is cut short, as by a kill."""


@asynccontextmanager
async def running_steps(parts: Sequence[StepThread]) -> AsyncIterator[None]:
    """Let parts do their steps for the length of the block."""
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
async def receiving_images(receive: Receive, limits: Limits, inbox: Inbox) -> AsyncIterator[None]:
    """Receive images that come by C-STORE, for the length of the block.

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
async def serving_page(wanted: Page, queue: SeriesQueue, results: Path) -> AsyncIterator[str]:
    """Serve the page for the length of the block; gives its address.

    Raises:
        UserError: the port cannot be used.
    """
    from ..http_access import AccessGate
    from ..http_server import listen, served
    from .page import application

    try:
        listening = listen(port=wanted.port)
    except UserError as error:
        msg = f"The page cannot listen on port {wanted.port}: give another port in [page], or 0 for a free one."
        raise UserError(msg) from error
    gate = AccessGate(listening.name)
    async with served(application(queue, results, gate, identifiers=wanted.identifiers), listening):
        yield listening.address(gate.token)


@asynccontextmanager
async def sharing_work(share: Share, queue: SeriesQueue, watcher: Watcher) -> AsyncIterator[None]:
    """Share the work with other services for the length of the block.

    Args:
        share: the configuration's part.
        queue: of this service.
        watcher: that has looked for nothing yet; what it finds goes into the shared queue.

    Raises:
        UserError: the packages are missing.
    """
    from .shared_queue import SharedQueue

    shared = SharedQueue(share.database)  # says which packages are missing, before they are imported
    from .shared_work import SharedWork

    watcher.take = shared.offer
    work = asyncio.create_task(SharedWork(shared, queue, watcher.fetch, watcher.name).run())
    try:
        yield
    finally:
        watcher.stop()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


_STEP_SECONDS, _CLEANUP_SECONDS, _ALERT_SECONDS = 0.2, 20.0, 5.0


def run(config: Config, say: Callable[[str], None]) -> int:
    """Run the service until a signal asks for its end.

    Args:
        config: of the service.
        say: told what is served, sentence by sentence.

    Returns:
        The number of the signal.

    Raises:
        UserError: the folder, the queue, the model, a port, a certificate or a password cannot be used.
    """
    os.umask(0o077)  # whoever made the folder, what is in it is for this user alone
    folder = ServiceFolder(config.folder)
    folder.make()
    with folder.locked(), closing(SeriesQueue(folder.queue)) as queue:
        number = asyncio.run(run_until_signal(_serve(config, queue, say)))
    _log.info("the service has ended")
    return number


async def _serve(config: Config, queue: SeriesQueue, say: Callable[[str], None]) -> None:
    """Load the model, then begin with everything; series are judged only once what is missing of them can come."""
    sender.make_archive(config.send)
    queue.started()
    folder = ServiceFolder(config.folder)
    segmenting = SeriesSegmenter(config, queue, Worker(temporary=folder.worker))
    async with AsyncExitStack() as stack:
        stack.callback(segmenting.close)
        say(f"{DISCLAIMER} Loading the model ...")
        await segmenting.load()
        FolderCleanup(config, queue).repair()
        for sentence in config_check.configuration_sentences(config):
            say(sentence)
        if config.page:
            address = await stack.enter_async_context(serving_page(config.page, queue, folder.results))
            say(f"Its page, for a browser on this computer: {address}")
        archives = await _start_sources(config, queue, stack)
        if config.receive:
            queue.wait_anew(config.receive.quiet_seconds)
        parts = [*_step_threads(config, queue, segmenting), *_alerting(config, queue, archives)]
        await stack.enter_async_context(running_steps(parts))
        _log.info("the service is ready")
        await asyncio.Event().wait()  # until cancelled


def _step_threads(config: Config, queue: SeriesQueue, segmenting: SeriesSegmenter) -> list[StepThread]:
    return [
        StepThread("gathering", SeriesSorter(config, queue).step, _STEP_SECONDS),
        StepThread("segmenting", segmenting.step, _STEP_SECONDS),
        StepThread("sending", ResultSender(config, queue, sender.send_objects).step, _STEP_SECONDS),
        StepThread("tidying", FolderCleanup(config, queue).step, _CLEANUP_SECONDS),
    ]


def _alerting(config: Config, queue: SeriesQueue, archives: Sequence[Watcher]) -> list[StepThread]:
    if config.alerts is None:
        return []
    from .alerts import Alerts

    failing = [partial(getattr, archive, "failing_since") for archive in archives]
    return [StepThread("alerting", Alerts(config.alerts, config.limits, queue, failing).step, _ALERT_SECONDS)]


async def _start_sources(config: Config, queue: SeriesQueue, stack: AsyncExitStack) -> list[Watcher]:
    """Begin with all that images come from; returns the watches of archives."""
    watchers: list[Watcher] = []
    inbox = Inbox(config, queue)
    if config.watch:
        from .sources import look, watch_archive

        watcher = watch_archive(config, inbox, queue)
        watchers.append(watcher)
        if config.share:
            await stack.enter_async_context(sharing_work(config.share, queue, watcher))
        await _watch(
            StepThread("watching", partial(look, config, queue, watcher), config.watch.every_seconds), watcher, stack
        )
    if config.receive:
        await stack.enter_async_context(receiving_images(config.receive, config.limits, inbox))
        if config.catch_up and not config.watch:
            from .sources import catch_up

            missed, watcher = catch_up(config, inbox, queue)
            watchers.append(watcher)
            await _watch(StepThread("catching up", missed.step, config.receive.quiet_seconds), watcher, stack)
    return watchers


async def _watch(part: StepThread, watcher: Watcher, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(running_steps([part]))
    stack.callback(watcher.stop)
