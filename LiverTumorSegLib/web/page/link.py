"""The session's pipe to the front: a line of JSON a message, each way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from ...worker.protocol import Lines, Message, decode, encode

_BLOCK = 1 << 16


class Link:
    """Sends at once; what arrives is handed over on the event loop's thread, and kept until somebody listens.

    Args:
        arriving: where messages come from.
        leaving: where messages go, unbuffered.
        ended: called once no more can arrive: the front is gone. It is called on a thread of its own, so that neither
            a slow start nor a busy event loop holds it up.
    """

    def __init__(self, arriving: IO[bytes], leaving: IO[bytes], ended: Callable[[], None]) -> None:
        self._arriving, self._leaving, self._ended = arriving, leaving, ended
        self._lock = threading.Lock()
        self._early: list[Message] = []
        self._take: Callable[[Message], object] = self._early.append
        threading.Thread(target=self._read, daemon=True).start()

    @classmethod
    def of_this_process(cls) -> Link:
        """The standard streams; whatever else prints to standard output goes to standard error from now on."""
        leaving = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(sys.stdin.buffer, leaving, _end_all)

    def send(self, message: Message) -> None:
        """Send a message; nothing happens where the front is gone."""
        with suppress(OSError):
            self._leaving.write(encode(message))

    def listen(self, take: Callable[[Message], None]) -> None:
        """Call ``take`` with each message that has arrived or will."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._take = lambda message: loop.call_soon_threadsafe(take, message)
            for message in self._early:
                self._take(message)

    def _read(self) -> None:
        try:
            lines = Lines()
            while part := os.read(self._arriving.fileno(), _BLOCK):  # a buffer's lock would hold up the process's end
                for message in filter(None, map(decode, lines.take(part))):
                    with self._lock:
                        self._take(message)
        finally:
            self._ended()


def _end_all() -> None:
    """End this process with all that it started; the front made it the first of a group."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
