"""The browser sessions: one process each, started ahead, ended when nobody looks any more."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from ....core.atomic_files import SHARED_PREFIX, TemporaryFolder, remove_leftovers
from ....core.errors import UserError
from ...worker.protocol import Message
from .proxy import Fate
from .session_process import COMMAND, START_SECONDS, SessionProcess

GRACE_SECONDS = 60.0
"""A session without a browser is kept for this time, so that a page that is loaded again finds what it had.

Then it ends, also in the middle of a job: a tab that was closed must not keep the GPU from others.
"""


@dataclass(eq=False)
class RunningSession:
    """One browser session.

    Args:
        name: part of its address, not to be guessed.
        child: its process.
        scratch: its folder.
        sockets: open connections of browsers.
        left: when the last connection was closed.
        receiving: requests that write into the folder.
        listening: to the process.
        is_left: whether it has ended, and some of its folder could not be deleted.
    """

    name: str
    child: SessionProcess
    scratch: TemporaryFolder
    sockets: int = 0
    left: float = field(default_factory=monotonic)
    receiving: set[asyncio.Task[Any]] = field(default_factory=set)
    listening: asyncio.Task[None] | None = None
    is_left: bool = False

    @property
    def folder(self) -> Path:
        """For files of this session."""
        return self.scratch.path

    @property
    def unwatched_seconds(self) -> float:
        """For how long no browser has been connected."""
        return 0.0 if self.sockets else monotonic() - self.left

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While a browser is connected."""
        self.sockets += 1
        try:
            yield
        finally:
            self.sockets -= 1
            self.left = monotonic()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While the running task writes into the folder; it is cancelled when the session ends."""
        task = asyncio.current_task()
        if task is None:
            msg = "only tasks write into a session's folder"
            raise RuntimeError(msg)
        self.receiving.add(task)
        try:
            yield
        finally:
            self.receiving.discard(task)


class Sessions:
    """All sessions of a front.

    Args:
        most: sessions at once.
        heard: gets a session's name and what its process says.
        gone: gets the name of a session that has ended; its folder is deleted once that is done.
        command: program and arguments of a session's process.
        grace_seconds: see :data:`GRACE_SECONDS`.
        start_seconds: a process that is not ready after this time hangs.
    """

    def __init__(
        self,
        most: int,
        heard: Callable[[str, Message], None],
        gone: Callable[[str], Awaitable[None]],
        *,
        command: Sequence[str] = COMMAND,
        grace_seconds: float = GRACE_SECONDS,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._most, self._heard, self._gone = most, heard, gone
        self._command, self._grace, self._start_seconds = command, grace_seconds, start_seconds
        self._known: dict[str, RunningSession] = {}
        self._opening = 0
        self._closed = False
        self._spare: asyncio.Task[RunningSession] | None = None
        self._starting: set[asyncio.Task[RunningSession]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._left: dict[str, RunningSession] = {}
        remove_leftovers(Path(tempfile.gettempdir()), SHARED_PREFIX)

    async def open(self) -> RunningSession:
        """A new session.

        Raises:
            UserError: there are as many as may be, or its process does not start.
        """
        if self._is_full:
            msg = f"All {self._most} sessions are taken: close a browser tab that shows one, and wait a minute."
            raise UserError(msg)
        self._opening += 1
        try:
            session = await self._next()
        finally:
            self._opening -= 1
        if self._closed:
            msg = "The program is ending: start it again."
            raise UserError(msg)
        session.left = monotonic()
        self._known[session.name] = session
        session.listening = asyncio.create_task(self._listen(session))
        return session

    def find(self, name: str) -> RunningSession | None:
        """The session of this name, if it is there."""
        return self._known.get(name)

    def fate(self, name: str) -> Fate:
        """Fate of the files of a session that is not there, or never was."""
        left = self._left.get(name)
        if left is None or not left.folder.exists():
            return Fate.DELETED
        return Fate.UNDELETED if left.is_left else Fate.DELETING

    @property
    def undeleted(self) -> list[Path]:
        """Folders of ended sessions, of which some could not be deleted."""
        return [session.folder for session in self._left.values() if session.is_left and session.folder.exists()]

    def send(self, name: str, message: Message) -> None:
        """Say something to a session's process, if it is there."""
        if session := self._known.get(name):
            session.child.send(message)

    async def tidy(self) -> None:
        """End the sessions that nobody looks at, and start a process ahead for the next; call it every few seconds."""
        left = [session for session in self._known.values() if session.unwatched_seconds > self._grace]
        await asyncio.gather(*map(self.end, left))
        if self._spare is None and not self._is_full:
            self._spare = self._begin()

    async def end(self, session: RunningSession) -> None:
        """End a session and delete its folder, also where this is cancelled."""
        if self._known.pop(session.name, None):
            self._left[session.name] = session
            ending = asyncio.create_task(self._stop(session, self._gone(session.name)))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.shield(ending)

    async def close(self) -> None:
        """End all; no others begin."""
        self._closed = True
        for start in self._starting:
            start.cancel()
        started = await asyncio.gather(*self._starting, return_exceptions=True)
        unused = [self._stop(session) for session in started if isinstance(session, RunningSession)]
        await asyncio.gather(*unused, *map(self.end, list(self._known.values())))
        await asyncio.gather(*self._ending)

    @property
    def _is_full(self) -> bool:
        return self._closed or len(self._known) + self._opening >= self._most

    async def _next(self) -> RunningSession:
        spare, self._spare = self._spare, None
        if spare and not await self._is_sound(spare):
            spare = None
        start = spare or self._begin()
        try:
            return await start
        finally:
            self._starting.discard(start)

    async def _is_sound(self, spare: asyncio.Task[RunningSession]) -> bool:
        """Whether a process that was started ahead is on its way, or there and has not ended since."""
        if not spare.done() or (not spare.exception() and spare.result().child.alive):
            return True
        self._starting.discard(spare)
        if not spare.exception():
            await self._stop(spare.result())
        return False

    def _begin(self) -> asyncio.Task[RunningSession]:
        start = asyncio.create_task(self._start())
        self._starting.add(start)
        return start

    async def _start(self) -> RunningSession:
        scratch = _session_folder()
        try:
            child = await SessionProcess.start(self._command, scratch.path, self._start_seconds)
        except BaseException:
            scratch.remove()
            raise
        return RunningSession(secrets.token_hex(16), child, scratch)

    async def _listen(self, session: RunningSession) -> None:
        try:
            async for message in session.child.messages:
                self._heard(session.name, message)
        finally:
            await self.end(session)

    async def _stop(self, session: RunningSession, *others: Awaitable[None]) -> None:
        """End a session's process and whatever writes into its folder, and delete that."""
        if session.listening:
            session.listening.cancel()
            await asyncio.gather(session.listening, return_exceptions=True)
        for request in session.receiving:
            request.cancel()
        try:
            await asyncio.gather(session.child.end(), *others, *session.receiving, return_exceptions=True)
        finally:
            session.is_left = not await asyncio.to_thread(session.scratch.remove)
            self._left.pop(session.name, None)
            if session.is_left:
                self._left[session.name] = session


def _session_folder() -> TemporaryFolder:
    place = Path(tempfile.gettempdir())
    try:
        return TemporaryFolder(place, SHARED_PREFIX)
    except OSError as error:
        msg = f"No session's folder can be made in {place} ({error.strerror}): make room there."
        raise UserError(msg) from error
