"""The messages between a worker and its client.

To the worker::

    {"id": 1, "do": "segment", "with": {...}}     ask for a command
    {"cancel": 1}                                 ask to stop it

From the worker::

    {"id": 1, "at": 0.4, "says": "Segmenting slice 3 of 90"}
    {"id": 1, "result": {...}}
    {"id": 1, "error": "One sentence.", "details": "..."}
    {"id": 1, "cancelled": true}

The number 0 is the worker's own start: its result says that it is ready. An answer with ``"device_lost": true`` comes
from a process that can use a GPU no more: its files stay until the next question, which starts another.
"""

from __future__ import annotations

import json
from typing import Any

START = 0
LOST = "device_lost"
UNEXPECTED = "That failed unexpectedly"
"""Beginning of a sentence on an error that nobody foresaw and that may pass; any other sentence is final."""

LONGEST = 1 << 26
"""Bytes of a line that is kept: no message is nearly as long."""

PAINTED = 255
"""Label of voxels in segments of the user's own, which no choice of candidates changes."""

Message = dict[str, Any]


class LineSplitter:
    """Cuts what arrives into lines; one that is longer than any message is dropped."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._too_long = False

    def take(self, part: bytes) -> list[bytes]:
        """The lines that end in what has arrived now."""
        *ends, rest = part.split(b"\n")
        lines = [self._line(end) for end in ends]
        self._add(rest)
        return [line for line in lines if line is not None]

    def _line(self, end: bytes) -> bytes | None:
        self._add(end)
        line = None if self._too_long else bytes(self._rest)
        self._rest, self._too_long = bytearray(), False
        return line

    def _add(self, part: bytes) -> None:
        self._too_long = self._too_long or len(self._rest) + len(part) > LONGEST
        self._rest = bytearray() if self._too_long else self._rest + part


def encode(message: Message) -> bytes:
    """One line of ASCII, so that no locale can change it."""
    return json.dumps(message, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def decode(line: bytes) -> Message | None:
    """A message, or None for a line that is none: libraries print where they like."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def is_question(message: Message) -> bool:
    """Whether a message is one that a worker understands."""
    if "cancel" in message:
        return isinstance(message["cancel"], int)
    return _fits(message, id=int, do=str) and isinstance(message.get("with", {}), dict)


def is_answer(message: Message) -> bool:
    """Whether a message is one that a client understands."""
    if "at" in message:
        return _fits(message, id=int, at=(int, float), says=str)
    if "error" in message:
        return _fits(message, id=int, error=str) and isinstance(message.get("details", ""), str)
    return _fits(message, id=int) and (isinstance(message.get("result"), dict) or message.get("cancelled") is True)


def _fits(message: Message, **kinds: type | tuple[type, ...]) -> bool:
    return all(isinstance(message.get(name), kind) for name, kind in kinds.items())
