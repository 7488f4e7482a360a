"""The client of a worker process: start it, ask it, listen, cancel, and end it with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any, Protocol

from ...core import child_process
from ...core.atomic_files import SHARED_PREFIX, TemporaryFolder, remove_leftovers
from ...core.errors import UserError
from .protocol import LOST, START, LineSplitter, Message, decode, encode, is_answer


class WorkerInterface(Protocol):
    """As :class:`.client.Worker` has it."""

    @property
    def alive(self) -> bool:
        """False where the next question starts another."""

    @property
    def ready(self) -> bool:
        """Whether a question is answered without waiting for a start, or for others."""

    @property
    def scratch(self) -> Path:
        """Folder for files to exchange."""

    def ask(self, command: str, /, **arguments: Any) -> int:
        """Send a command; returns the number its messages will carry."""

    def cancel(self, number: int) -> None:
        """Ask to stop a command."""

    def poll(self) -> list[Message]:
        """Messages that have arrived; it never waits."""

    def close(self) -> None:
        """Give up all that was asked."""

    def log(self) -> str:
        """The end of what was printed."""


WINDOWS = sys.platform == "win32"
_END_SECONDS = 5
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)

OWN_GROUP: dict[str, Any] = {"start_new_session": not WINDOWS, "creationflags": _NO_WINDOW}
"""Options for whatever starts a child that :func:`kill_process_tree` ends."""


def start_process(
    command: list[str], folder: Path, errors: IO[bytes], variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, its pipes open and none of them ever waited for.

    Args:
        command: program and arguments.
        folder: of the child alone, that it works in.
        errors: open file for what it prints to standard error.
        variables: added to its environment.
    """
    child = subprocess.Popen(  # noqa: S603 the command is the panel's own
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        **child_process.start_options(folder, variables),
        **OWN_GROUP,
    )
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
    return child


def end_process(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started; it is waited for, so that no zombie stays."""
    if not WINDOWS or child.poll() is None:
        kill_process_tree(child.pid)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_END_SECONDS)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def kill_process_tree(pid: int) -> None:
    """End a child and whatever it started, without waiting; of one that has ended, only POSIX systems know the rest.

    Args:
        pid: of the child, started with :data:`OWN_GROUP`.
    """
    if WINDOWS:
        taskkill = str(Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe"))
        command = [taskkill, "/PID", str(pid), "/T", "/F"]
        subprocess.run(command, capture_output=True, check=False, creationflags=_NO_WINDOW)  # noqa: S603
    else:
        with suppress(ProcessLookupError, PermissionError):  # the group is gone already
            os.killpg(pid, signal.SIGKILL)


def exit_sentence(code: int) -> str:
    """A sentence on a worker that ended by itself."""
    if not WINDOWS and code == -signal.SIGKILL:
        return (
            "The segmentation process was ended by the system, most likely because memory ran out: close other "
            "programs or limit the work to a region, then try again."
        )
    name = signal.Signals(-code).name if not WINDOWS and -code in set(signal.Signals) else f"exit code {code}"
    return (
        f"The segmentation process ended unexpectedly ({name}), perhaps because memory ran out: close other programs "
        "and try again, and report it if it happens twice."
    )


IDLE_SECONDS, START_SECONDS = 600.0, 120.0
_BLOCK, _MOST_BYTES = 1 << 16, 1 << 22
_LOG_BYTES = 8000
_MUTE_SECONDS = 2.0
_NO_ANSWER = "The segmentation process does not answer any more and was ended: try again."


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
        self.python = list(python)
        self.idle_seconds, self.temporary, self.start_seconds = idle_seconds, temporary, start_seconds
        self._run: _WorkerProcess | None = None
        self._heard: list[Message] = []
        self._last = START
        self.undeleted: list[Path] = []
        """Folders of children that have ended, of which some could not be deleted."""

    @property
    def alive(self) -> bool:
        """True while there is a child that the next question goes to."""
        return self._run is not None and not self._run.worn

    @property
    def ready(self) -> bool:
        """True once the child has loaded everything."""
        return self._run is not None and self._run.ready and not self._run.worn

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
        """Messages that have arrived; the last of a child that ended by itself is an error with the number 0.

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
            messages.append(
                {"id": START, "error": _NO_ANSWER, "details": self._run.log(), "was_ready": self._run.ready}
            )
            self.close()
        return messages

    def close(self) -> None:
        """End the child with everything it started, and delete what was exchanged."""
        if self._run:
            if self._run.end() is False:
                self.undeleted.append(self._run.folder)
            self._run, self._heard = None, []

    def log(self) -> str:
        """The end of what the child printed."""
        return self._run.log() if self._run else ""

    def _started(self) -> _WorkerProcess:
        if self._run and self._run.age > self.start_seconds:
            self._heard += self._run.read()  # that it is ready may have come since it was last polled
        if self._run and (self._run.worn or self._run.child.poll() is not None or self._run.age > self.start_seconds):
            self.close()  # without its GPU, idle for too long and not polled since, or never ready
        if self._run is None:
            try:
                self._run = _WorkerProcess(self.python, self.idle_seconds, self.temporary)
            except OSError as error:
                msg = f"The segmentation process cannot be started ({error}): check free disk space and permissions."
                raise UserError(msg) from error
        return self._run

    def _ended(self, code: int, messages: list[Message]) -> list[Message]:
        failed = any(message.get("id") == START and "error" in message for message in messages)
        if code == 0 or failed or self._run is None:
            return []
        sentence, log = exit_sentence(code), self._run.log()
        return [{"id": START, "error": sentence, "details": log, "was_ready": self._run.ready}]


class _WorkerProcess:
    """One child from its start to its end."""

    def __init__(self, python: list[str], idle_seconds: float, temporary: Path | None) -> None:
        place = temporary or Path(tempfile.gettempdir())
        remove_leftovers(place, SHARED_PREFIX)
        self._scratch = TemporaryFolder(place, SHARED_PREFIX)
        self.folder = self._scratch.path.absolute()
        self._log = self.folder / "worker.log"
        try:
            words = ["--idle", str(idle_seconds), "--scratch", str(self.folder), "--from", os.getcwd()]  # noqa: PTH109
            command = child_process.command(__package__, words, python)
            with self._log.open("wb") as errors:
                self.child = start_process(command, self.folder, errors, _variables())
        except OSError:
            self._scratch.remove()
            raise
        self.end = weakref.finalize(self, _end_process, self.child, self._scratch)
        self.ready = self.worn = False
        self._began, self._mute_since = monotonic(), float("inf")
        self._lines, self._unsent = LineSplitter(), b""

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
        self.worn = self.worn or any(m.get(LOST) is True for m in messages)
        return messages

    def log(self) -> str:
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _LOG_BYTES))
            return log.read(_LOG_BYTES).decode("utf-8", errors="replace")
        return ""

    def _arrived(self) -> bytes:
        if self.child.stdout is None:
            return b""
        arrived = b""
        with suppress(OSError):  # nothing there yet; Windows has another error for that
            while len(arrived) < _MOST_BYTES:  # a child that prints without end is not waited for
                part = os.read(self.child.stdout.fileno(), _BLOCK)
                if not part:
                    self._mute_since = min(self._mute_since, monotonic())
                    break
                arrived += part
        return arrived


def _end_process(child: subprocess.Popen[bytes], scratch: TemporaryFolder) -> bool:
    end_process(child)
    return scratch.remove()


def _variables() -> dict[str, str]:
    """Added to the child's environment where nobody has set them.

    OpenMP's threads wait for each other by spinning: where another program wants the same cores, such as Slicer as it
    draws, a network then runs up to three times slower. Spinning shortly costs nothing where nobody does.
    """
    return {} if "GOMP_SPINCOUNT" in os.environ else {"GOMP_SPINCOUNT": "1000"}
