"""The process of one browser session, seen from the front."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

from ....core import child_process
from ....core.errors import UserError
from ...worker import client
from ...worker.protocol import LineSplitter, Message, decode, encode

KEY_VARIABLE = "LIVERTUMORSEG_PAGE_KEY"
"""Variable that tells a page which header its requests must carry, so that no other user of the machine gets in."""

UPLOADS, DOWNLOADS, OBJECTS = "uploads", "downloads", "objects"
"""Folders in a session's own: what has come, what the browser may fetch, and DICOM objects to be sent."""

HEADER = "X-LiverTumorSeg-Page"
COMMAND = tuple(child_process.command(__package__.rpartition(".")[0] + ".session"))
START_SECONDS = 60.0
_END_SECONDS = 5.0
_BLOCK, _KEPT = 1 << 16, 8000
_NO_HEARTBEAT = {"WSLINK_HEART_BEAT": "0"}  # a slow browser holds up the answers; the front has one of its own


class SessionProcess:
    """A session's process: messages on its pipes, its page on a port of the loopback.

    What it prints beside them is about patients, perhaps, and may be much: the end of it is kept, in memory alone.

    Args:
        process: just started, all its streams pipes.
        key: what its requests must carry.
    """

    def __init__(self, process: asyncio.subprocess.Process, key: str) -> None:
        self.key, self.port = key, 0
        self.messages: AsyncIterator[Message] = self._read()
        """Messages of the process, until it ends; for one reader."""
        self._process, self._printed = process, b""
        self._overhearing = asyncio.create_task(self._overhear())

    @classmethod
    async def start(cls, command: Sequence[str], folder: Path, start_seconds: float = START_SECONDS) -> SessionProcess:
        """Start a process and wait until its page can be asked for.

        Args:
            command: program and arguments, which are followed by ``--folder``.
            folder: of the session, also for the temporary files of the process.
            start_seconds: a process that is not ready after this time hangs.

        Raises:
            UserError: it does not start.
        """
        key = secrets.token_urlsafe(32)
        child = cls(await _launch_process(command, folder, key), key)
        try:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(child._becomes_ready(), start_seconds)
        finally:
            if not child.port:
                await child.end()
        if not child.port:
            msg = f"The page could not be started: {child.last_words or 'it said nothing'}"
            raise UserError(msg)
        return child

    def send(self, message: Message) -> None:
        """Say something to the process; nothing happens where it has ended."""
        if self._process.stdin and not self._process.stdin.is_closing():
            with suppress(ConnectionError):
                self._process.stdin.write(encode(message))

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    @property
    def last_words(self) -> str:
        """The last line that the process printed."""
        lines = self._printed.decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    async def end(self) -> None:
        """End the process with all it started; nobody may wait for its messages any more."""
        await asyncio.to_thread(client.kill_process_tree, self._process.pid)
        rest = asyncio.gather(self._process.wait(), self._overhearing, self._pass_over())
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(rest, _END_SECONDS)

    async def _becomes_ready(self) -> None:
        async for message in self.messages:
            if isinstance(port := message.get("ready"), int):
                self.port = port
                return

    async def _read(self) -> AsyncIterator[Message]:
        lines = LineSplitter()
        while self._process.stdout and (part := await self._process.stdout.read(_BLOCK)):
            for line in lines.take(part):
                if message := decode(line):
                    yield message

    async def _overhear(self) -> None:
        while self._process.stderr and (part := await self._process.stderr.read(_BLOCK)):
            self._printed = (self._printed + part)[-_KEPT:]

    async def _pass_over(self) -> None:
        """Take what nobody reads, without which the pipe would stay open."""
        while self._process.stdout and await self._process.stdout.read(_BLOCK):
            pass


async def _launch_process(command: Sequence[str], folder: Path, key: str) -> asyncio.subprocess.Process:
    folder = folder.absolute()
    program, *words = command
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    try:
        return await asyncio.create_subprocess_exec(
            program,
            *(*words, "--folder", str(folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            **child_process.start_options(folder, _NO_HEARTBEAT | temporary | {KEY_VARIABLE: key}),
            **client.OWN_GROUP,
        )
    except OSError as error:
        msg = f"The page could not be started ({error.strerror}): close other programs, or install it again."
        raise UserError(msg) from error
