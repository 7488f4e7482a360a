"""Runs work in forks of a process that has loaded everything: hangs and crashes are outcomes, and cost milliseconds.

``python -m support.sandbox LOADS...`` serves: a line of JSON in for each piece of work, a line of JSON out for what
came of it. A sandbox that needs no interpreter of its own is forked from a warm process, and serves alike.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO, cast

from support.repository import TESTING
from support.waiting import PATIENCE
from support.warm_processes import PACKAGES, SERVER, become

CRASHED = 70


@dataclass(frozen=True)
class Outcome:
    """How a piece of work ended.

    Args:
        code: exit code; minus the signal where one ended it.
        out: standard output.
        err: standard error.
        seconds: it took.
        hung: whether it was still at work at its limit, and was killed.
    """

    code: int
    out: str
    err: str
    seconds: float
    hung: bool

    @property
    def refused(self) -> bool:
        """Whether it ended as a user's mistake has to: exit code 3 and a sentence, without a traceback."""
        return self.code == 3 and bool(self.err.strip()) and self.spoke_plainly

    @property
    def handled(self) -> bool:
        """Whether it ended with a result."""
        return self.code == 0 and not self.hung and self.spoke_plainly

    @property
    def spoke_plainly(self) -> bool:
        return "Traceback (most recent call last)" not in self.out + self.err

    def __str__(self) -> str:
        ended = "hung" if self.hung else f"code {self.code}"
        return f"{ended} after {self.seconds:.1f} s: {' '.join(self.err.split())[-300:]}"


class Sandbox:
    """A process that forks for each piece of work, until it is closed.

    Args:
        loads: modules that are loaded beforehand, beside what most commands need.
        own_interpreter: start Python anew, with its variables from the beginning; nothing of this library is loaded
            but what ``loads`` names.
        environment: variables beside those of this process.
    """

    def __init__(self, *loads: str, own_interpreter: bool = False, **environment: str) -> None:
        variables = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path()} | environment
        self._server = _Started(loads, variables) if own_interpreter else _Forked(loads, variables)

    def close(self) -> None:
        self._server.close()

    def livertumorseg(self, *words: object, seconds: float = 60, **limits: object) -> Outcome:
        """Run a command line."""
        return self.run("support.sandbox:command_line", *map(str, words), seconds=seconds, **limits)

    def run(
        self,
        function: str,
        *arguments: object,
        seconds: float = 60,
        folder: Path | None = None,
        memory: int | None = None,
        largest_file: int | None = None,
        kill_after: float | None = None,
    ) -> Outcome:
        """Run ``module:function`` with arguments that JSON can say.

        Args:
            function: what to run.
            arguments: what to hand it.
            seconds: after which it counts as hung.
            folder: to run it in.
            memory: bytes of address space it may have beyond what is loaded.
            largest_file: bytes after which writing to a file fails.
            kill_after: seconds after which it is killed with SIGKILL, which is no hang.
        """
        work = {
            "function": function,
            "arguments": arguments,
            "seconds": seconds if kill_after is None else kill_after,
            "folder": str(folder) if folder else None,
            "memory": memory,
            "largest_file": largest_file,
        }
        answer = json.loads(self._server.ask(json.dumps(work)))
        return Outcome(**answer | {"hung": answer["hung"] and kill_after is None})


class _Started:
    """A server in an interpreter of its own."""

    def __init__(self, loads: Iterable[str], variables: dict[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "support.sandbox", *PACKAGES, *loads]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, text=True, start_new_session=True
        )
        self._work, self._outcomes = cast("TextIO", self._process.stdin), cast("TextIO", self._process.stdout)

    def ask(self, work: str) -> str:
        print(work, file=self._work, flush=True)
        return self._outcomes.readline()

    def close(self) -> None:
        self._work.close()
        self._process.wait(PATIENCE)
        self._outcomes.close()


class _Forked:
    """A server that was forked from a warm process."""

    def __init__(self, loads: Sequence[str], variables: dict[str, str]) -> None:
        self._work, theirs = SERVER.Pipe()
        self._process = SERVER.Process(target=_serve_forked, args=(theirs, tuple(loads), variables))
        self._process.start()
        theirs.close()

    def ask(self, work: str) -> str:
        self._work.send(work)
        return self._work.recv()

    def close(self) -> None:
        self._work.close()
        self._process.join(PATIENCE)


def _serve_forked(connection: Connection, loads: Iterable[str], variables: dict[str, str]) -> None:
    os.setsid()
    become(variables)
    with contextlib.suppress(EOFError):
        _serve(loads, iter(connection.recv, None), connection.send)


def path() -> str:
    """The folders that Python looks in to find tests' own modules and the library."""
    return os.pathsep.join([str(TESTING), str(TESTING.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)


def command_line(*words: str) -> None:
    from LiverTumorSegLib.apps import cli

    sys.argv = ["livertumorseg", *words]
    cli.main()


def _serve(loads: Iterable[str], lines: Iterable[str], answer: Callable[[str], object]) -> None:
    """Load what the work needs, then answer until the input ends."""
    for name in loads:
        importlib.import_module(name)
    gc.freeze()  # so that no fork copies all that is loaded, only to look for garbage there
    for line in lines:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code, seconds, hung = _forked(json.loads(line), out.fileno(), err.fileno())
            texts = [_text(file) for file in (out, err)]
        outcome = {"code": code, "out": texts[0], "err": texts[1], "seconds": seconds, "hung": hung}
        answer(json.dumps(outcome))


def _text(file) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _forked(work: dict, out: int, err: int) -> tuple[int, float, bool]:
    began = time.monotonic()
    child = os.fork()
    if not child:
        _live(work, out, err)
    ended = os.pidfd_open(child)
    hung = not select.select([ended], [], [], work["seconds"])[0]
    os.close(ended)
    with contextlib.suppress(ProcessLookupError):  # what it started dies with it
        os.killpg(child, signal.SIGKILL)
    if hung:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), time.monotonic() - began, hung


def _live(work: dict, out: int, err: int) -> None:
    code = CRASHED
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        _limit(work)
        module, name = work["function"].split(":")
        getattr(importlib.import_module(module), name)(*work["arguments"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - what gets here is what the harness is for
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _limit(work: dict) -> None:
    if work["folder"]:
        os.chdir(work["folder"])
    if work["memory"]:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + work["memory"],) * 2)
    if work["largest_file"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (work["largest_file"],) * 2)


if __name__ == "__main__":
    _serve(sys.argv[1:], sys.stdin, lambda outcome: print(outcome, flush=True))
    os._exit(0)  # without a second for taking down all that is loaded
