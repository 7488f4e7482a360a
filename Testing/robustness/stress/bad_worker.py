"""A worker that goes wrong in the way that its first argument says: ``python bad_worker.py KIND NUMBER ...``."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from LiverTumorSegLib.apps.worker.protocol import START, encode
from LiverTumorSegLib.apps.worker.server import Server

WORK_SECONDS = 0.1
_ODD = (
    b"null", b"3", b"[]", b"{}", b'"id"', b"{" * 30_000, b"[" * 100_000, b'{"id": 1, "result"', b"\xff\xfe\x00", b"",
    b'{"id": {}, "result": {}}', b'{"id": [1], "at": 1, "says": 2}', b'{"id": 1, "at": "x", "says": "y"}',
    b'{"id": 1, "at": 0.5}', b'{"id": 1, "error": 5}', b'{"id": 0, "error": null}', b'{"id": 1, "result": 3}',
    b'{"id": 1, "error": "x", "details": 4}', b'{"id": 1e400, "result": {}}', b'{"id": 99, "result": {}}',
    b'{"id": -1, "error": "of nobody"}', b'{"id": 7, "cancelled": true}', b'{"id": 1, "cancelled": 1}',
    b'{"id": ' + b"9" * 5000 + b', "result": {}}',
)  # fmt: skip


def main() -> None:
    kind, chance = sys.argv[1], random.Random(sys.argv[2])
    _KINDS[kind](chance)


def good(_: random.Random) -> None:
    """As it should be; its only command takes a moment."""
    _serve(lambda: None)


def rubbish(chance: random.Random) -> None:
    """Says odd things before each right one."""
    _serve(lambda: _print(*(chance.choice(_ODD) for _ in range(chance.randrange(1, 20)))))


def noise(chance: random.Random) -> None:
    """As a library that prints whatever it likes."""
    _serve(lambda: _print(chance.randbytes(chance.randrange(200_000))))


def long_line(chance: random.Random) -> None:
    """A line of up to 100 MB, which may be a part of a message."""
    _serve(lambda: _print(b'{"id": 1, "result": {"a": "' + b"x" * chance.randrange(10**6, 10**8)))


def half_line(chance: random.Random) -> None:
    """Ends within a message."""
    _started()
    os.write(1, encode({"id": 1, "result": {}})[: chance.randrange(1, 20)])


def exits(chance: random.Random) -> None:
    """Ends at once, as where a module cannot be imported, or by a signal."""
    if chance.random() < 0.5:
        sys.exit(chance.randrange(1, 256))
    os.kill(os.getpid(), chance.choice([signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGTERM]))


def exits_at_work(chance: random.Random) -> None:
    """Ends while it works, also as if all had gone well."""
    _started()
    sys.stdin.buffer.readline()
    os._exit(chance.choice([0, 0, 1, 3, 255]))


def silent(_: random.Random) -> None:
    """Never says anything."""
    time.sleep(600)


def deaf(_: random.Random) -> None:
    """Starts, closes its input and stays."""
    _started()
    os.close(0)
    time.sleep(600)


def mute(_: random.Random) -> None:
    """Starts, closes its output and stays."""
    _started()
    os.close(1)
    time.sleep(600)


def endless(_: random.Random) -> None:
    """Prints without end."""
    while True:
        os.write(1, b"x" * 60_000 + b"\n")


def _serve(before: Callable[[], None]) -> None:
    answers = os.fdopen(os.dup(1), "wb", buffering=0)

    def commands():
        before()

        def run(name, arguments, job):
            before()
            end = time.monotonic() + WORK_SECONDS
            while time.monotonic() < end:
                job.at(0.5, "Working")
                time.sleep(0.005)
            before()
            return {"done": name}

        return run

    Server(sys.stdin.buffer, answers, idle_seconds=600, commands=commands).run()


def _started() -> None:
    os.write(1, encode({"id": START, "result": {}}))


def _print(*lines: bytes) -> None:
    for line in lines:
        rest = memoryview(line + b"\n")
        while rest:
            rest = rest[os.write(1, rest) :]


_KINDS: dict[str, Callable[[random.Random], None]] = {
    function.__name__: function
    for function in (
        good, rubbish, noise, long_line, half_line, exits, exits_at_work, silent, deaf, mute, endless
    )
}  # fmt: skip

if __name__ == "__main__":
    main()
