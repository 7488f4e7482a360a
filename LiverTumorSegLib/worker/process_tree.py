"""A child process with everything it starts, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

WINDOWS = sys.platform == "win32"
_SECONDS = 5
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)

OWN_GROUP: dict[str, Any] = {"start_new_session": not WINDOWS, "creationflags": _NO_WINDOW}
"""Options for whatever starts a child that :func:`kill_all` ends."""


def start(command: list[str], environment: dict[str, str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, its pipes open and none of them ever waited for.

    Args:
        command: program and arguments.
        environment: all of it.
        errors: open file for what it prints to standard error.
    """
    child = subprocess.Popen(  # noqa: S603 the command is the panel's own
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        env=environment,
        **OWN_GROUP,
    )
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
    return child


def kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started; it is waited for, so that no zombie stays."""
    if not WINDOWS or child.poll() is None:
        kill_all(child.pid)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_SECONDS)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def kill_all(pid: int) -> None:
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


def why_ended(code: int) -> str:
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
