"""The session's pipe to the front, a line of JSON a message, and the worker that is reached through it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ...worker.protocol import START, LineSplitter, Message, decode, encode, is_answer

_BLOCK = 1 << 16


class ServerLink:
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
    def of_this_process(cls) -> ServerLink:
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
            lines = LineSplitter()
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


class QueuedWorker:
    """Worker as a queue sees it (:class:`LiverTumorSegLib.apps.worker.client.Worker`), whose jobs wait at the server.

    It is never ready: each job waits first, until the front says that it has begun.

    Args:
        send: sends a message to the front.
        scratch: folder for files to exchange.
    """

    alive, ready = True, False

    def __init__(self, send: Callable[[Message], None], scratch: Path) -> None:
        self.scratch = scratch
        self._send = send
        self._last = START
        self._asked: set[int] = set()
        self._heard: list[Message] = []

    def ask(self, command: str, /, **arguments: Any) -> int:
        """Send a command to the front; returns the number its messages will carry."""
        self._last += 1
        self._asked.add(self._last)
        self._send({"id": self._last, "do": command, "with": arguments})
        return self._last

    def cancel(self, number: int) -> None:
        """Ask the front to stop a command."""
        self._asked.discard(number)
        self._send({"cancel": number})

    def take(self, message: Message) -> None:
        """Take in a message of the front."""
        if is_answer(message):
            self._heard.append(message)

    def poll(self) -> list[Message]:
        """Messages that have arrived, as a worker of this session alone would say them."""
        heard, self._heard = self._heard, []
        return [said for message in heard if (said := self._said(message))]

    def close(self) -> None:
        """Give up all that was asked; more can be asked afterwards."""
        self._asked.clear()
        self._heard.clear()
        self._send({"close": True})

    def log(self) -> str:
        """Nothing: errors bring their details with them."""
        return ""

    def _said(self, message: Message) -> Message | None:
        number = message["id"]
        if number == START:  # of a job that was given up, it must not start the next one
            return message if message.get("of") in self._asked else None
        if "at" in message:
            return message
        self._asked.discard(number)
        return message
