"""The worker as a session's panel sees it: the front asks the one worker of all sessions, in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...worker.protocol import START, Message, is_answer

BESIDE = frozenset({"models", "devices"})
"""What a panel asks beside its jobs."""


class QueuedWorker:
    """Has what :class:`.job_runner.JobRunner` uses of :class:`.worker.client.Worker`.

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
        self._asked: dict[int, str] = {}
        self._heard: list[Message] = []

    def ask(self, command: str, /, **arguments: Any) -> int:
        """Send a command to the front; returns the number its messages will carry."""
        self._last += 1
        self._asked[self._last] = command
        self._send({"id": self._last, "do": command, "with": arguments})
        return self._last

    def cancel(self, number: int) -> None:
        """Ask the front to stop a command."""
        self._asked.pop(number, None)
        self._send({"cancel": number})

    def take(self, message: Message) -> None:
        """Take in a message of the front."""
        if is_answer(message):
            self._heard.append(message)

    def poll(self) -> list[Message]:
        """What has arrived, as a worker of this session alone would say it."""
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
        command = self._asked.pop(number, None)
        if "error" in message and command in BESIDE and BESIDE.issuperset(self._asked.values()):
            return {"details": ""} | message | {"id": START}  # else nobody would see why there are no models
        return message
