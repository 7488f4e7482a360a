"""What a session asks of archives, through the server, which alone knows where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ....core.errors import UserError
from ...worker.protocol import Message

Answer = dict[str, Any]


class Stopped(Exception):
    """The user did not want the answer any more."""


@dataclass(frozen=True)
class KnownArchive:
    """An archive that sessions may use.

    Args:
        place: in the server's list, by which it is asked for.
        name: that the page shows.
        search: whether it can be searched.
        send: whether results can be sent to it.
    """

    place: int
    name: str
    search: bool
    send: bool


class ArchiveLink:
    """Asks one question after another.

    Args:
        send: sends a message to the server.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._told: dict[int, Callable[[str], None]] = {}
        self.archives: tuple[KnownArchive, ...] = ()

    async def open(self) -> None:
        """Ask which archives there are."""
        found = (await self.ask("list"))["archives"]
        self.archives = tuple(KnownArchive(place, **each) for place, each in enumerate(found))

    async def ask(self, what: str, told: Callable[[str], None] = lambda _: None, /, **chosen: Any) -> Answer:
        """The answer to a question; ``told`` hears how far it is.

        Raises:
            UserError: there is none, with a sentence that says why.
            Stopped: :meth:`stop` was called.
        """
        self._last += 1
        number, answer = self._last, asyncio.get_running_loop().create_future()
        self._waiting[number], self._told[number] = answer, told
        self._send({"archive": number, "do": what, "with": chosen})
        try:
            found: Answer = await answer
        finally:
            del self._waiting[number], self._told[number]
        return found

    def take(self, message: Mapping[str, Any]) -> None:
        """Take in a message of the server."""
        number = message.get("archive")
        if not isinstance(number, int) or number not in self._waiting or self._waiting[number].done():
            return
        answer = self._waiting[number]
        if "says" in message:
            self._told[number](str(message["says"]))
        elif "error" in message:
            answer.set_exception(UserError(str(message["error"])))
        else:
            answer.set_result(message["result"])

    def stop(self) -> None:
        """Give up all that was asked."""
        for number, answer in self._waiting.items():
            self._send({"archive": number, "cancel": True})
            if not answer.done():
                answer.set_exception(Stopped())
