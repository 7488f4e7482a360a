"""The side of Slicer, of scripts and of the browser panel: start a worker, ask it, listen, cancel, end it.

There is no thread: :meth:`Worker.poll` takes what has arrived and never waits, so that a timer of any event loop can
call it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from ..errors import UserError
from ..scratch import SHARED_PREFIX, Scratch, sweep
from . import process_tree
from .protocol import START, Lines, Message, decode, encode, is_answer

IDLE_SECONDS, START_SECONDS = 600.0, 120.0
_PACKAGE = __package__.partition(".")[0]
_BLOCK, _MOST = 1 << 16, 1 << 22
_SHOWN = 8000
_MUTE_SECONDS = 2.0
_MUTE = "The segmentation process does not answer any more and was ended: try again."


class Worker:
    """A warm child process and the folder for what is exchanged with it.

    Args:
        python: interpreter and options, as Slicer's ``PythonSlicer``; by default the running one.
        idle_seconds: the child ends by itself after this time without work; the next question starts another.
        temporary: where the exchange folder is made; by default the system's place.
        start_seconds: a child that is not ready after this time hangs; the next question starts another.
    """

    def __init__(
        self,
        python: Sequence[str] = (),
        *,
        idle_seconds: float = IDLE_SECONDS,
        temporary: Path | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.python = list(python) or [sys.executable]
        self.idle_seconds, self.temporary, self.start_seconds = idle_seconds, temporary, start_seconds
        self._run: _Run | None = None
        self._heard: list[Message] = []
        self._last = START

    @property
    def alive(self) -> bool:
        """True while there is a child."""
        return self._run is not None

    @property
    def ready(self) -> bool:
        """True once the child has loaded everything."""
        return self._run is not None and self._run.ready

    @property
    def scratch(self) -> Path:
        """Folder for files to exchange; a child is started where there is none."""
        return self._started().folder

    def ask(self, command: str, /, **arguments: Any) -> int:
        """Send a command, starting the child where there is none; returns the number its messages will carry.

        Raises:
            UserError: no child can be started.
        """
        self._last += 1
        message = encode({"id": self._last, "do": command, "with": arguments})
        self._started().write(message)
        return self._last

    def cancel(self, number: int) -> None:
        """Ask the child to stop a command."""
        if self._run:
            self._run.write(encode({"cancel": number}))

    def poll(self) -> list[Message]:
        """What has arrived; the last message of a child that ended by itself is an error with the number 0.

        A child that ends because it was idle for long says nothing.
        """
        if self._run is None:
            return []
        ended = self._run.child.poll()
        messages, self._heard = self._heard + self._run.read(), []
        if ended is not None:
            messages += self._ended(ended, messages)
            self.close()
        elif self._run.is_mute:
            messages.append({"id": START, "error": _MUTE, "details": self._run.log(), "was_ready": self._run.ready})
            self.close()
        return messages

    def close(self) -> None:
        """End the child with everything it started, and delete what was exchanged."""
        if self._run:
            self._run.end()
            self._run, self._heard = None, []

    def log(self) -> str:
        """The end of what the child printed."""
        return self._run.log() if self._run else ""

    def _started(self) -> _Run:
        if self._run and self._run.age > self.start_seconds:
            self._heard += self._run.read()  # that it is ready may have come since it was last polled
        if self._run and (self._run.child.poll() is not None or self._run.age > self.start_seconds):
            self.close()  # idle for too long and not polled since, or never ready
        if self._run is None:
            try:
                self._run = _Run(self.python, self.idle_seconds, self.temporary)
            except OSError as error:
                msg = f"The segmentation process cannot be started ({error}): check free disk space and permissions."
                raise UserError(msg) from error
        return self._run

    def _ended(self, code: int, messages: list[Message]) -> list[Message]:
        failed = any(message.get("id") == START and "error" in message for message in messages)
        if code == 0 or failed or self._run is None:
            return []
        sentence, log = process_tree.why_ended(code), self._run.log()
        return [{"id": START, "error": sentence, "details": log, "was_ready": self._run.ready}]


class _Run:
    """One child from its start to its end."""

    def __init__(self, python: list[str], idle_seconds: float, temporary: Path | None) -> None:
        place = temporary or Path(tempfile.gettempdir())
        sweep(place, SHARED_PREFIX)
        self._scratch = Scratch(place, SHARED_PREFIX)
        self.folder = self._scratch.path
        self._log = self.folder / "worker.log"
        options = ["-X", "utf8", "-m", f"{_PACKAGE}.worker", "--idle", str(idle_seconds), "--scratch", str(self.folder)]
        try:
            with self._log.open("wb") as errors:
                self.child = process_tree.start([*python, *options], _environment(), errors)
        except OSError:
            self._scratch.remove()
            raise
        self.end = weakref.finalize(self, _end, self.child, self._scratch)
        self.ready = False
        self._began, self._mute_since = monotonic(), float("inf")
        self._lines, self._unsent = Lines(), b""

    @property
    def age(self) -> float:
        """Seconds that the child has taken to start; none once it is ready."""
        return 0.0 if self.ready else monotonic() - self._began

    @property
    def is_mute(self) -> bool:
        """Whether the child lives though its output was closed some time ago."""
        return monotonic() - self._mute_since > _MUTE_SECONDS

    def write(self, message: bytes = b"") -> None:
        """Send a message, and what a full pipe did not take of those before it."""
        self._unsent += message
        if self._unsent and self.child.stdin is not None:
            with suppress(OSError):  # it has just ended: poll will say so
                self._unsent = self._unsent[self.child.stdin.write(self._unsent) or 0 :]

    def read(self) -> list[Message]:
        self.write()
        lines = self._lines.take(self._arrived())
        messages = [message for message in map(decode, lines) if message and is_answer(message)]
        self.ready = self.ready or any(m.get("id") == START and "result" in m for m in messages)
        return messages

    def log(self) -> str:
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _SHOWN))
            return log.read(_SHOWN).decode("utf-8", errors="replace")
        return ""

    def _arrived(self) -> bytes:
        if self.child.stdout is None:
            return b""
        arrived = b""
        with suppress(OSError):  # nothing there yet; Windows has another error for that
            while len(arrived) < _MOST:  # a child that prints without end is not waited for
                part = os.read(self.child.stdout.fileno(), _BLOCK)
                if not part:
                    self._mute_since = min(self._mute_since, monotonic())
                    break
                arrived += part
        return arrived


def _end(child: subprocess.Popen[bytes], scratch: Scratch) -> None:
    process_tree.kill(child)
    scratch.remove()


def _environment() -> dict[str, str]:
    """The child finds the library where this process found it.

    OpenMP's threads wait for each other by spinning: where another program wants the same cores, such as Slicer as it
    draws, a network then runs up to three times slower. Spinning shortly costs nothing where nobody does.
    """
    home = str(Path(__file__).resolve().parents[2])
    paths = [home, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONIOENCODING": "utf-8"}
    return {"GOMP_SPINCOUNT": "1000"} | os.environ | own
