"""Keeps strangers from filling a log: of lines of one kind, few a minute pass."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

MOST, SECONDS = 20, 60.0
_LEFT_OUT = " (the next lines like this one are left out for a minute)"
_KIND_LETTERS, _MOST_KINDS = 40, 1000


class Sparse(logging.Filter):
    """Lets so many lines of one kind pass in a time; the last of them says that others are left out.

    Lines are of one kind where the same logger has them with the same words, whatever is put into these.

    Args:
        most: lines of one kind.
        seconds: the time.
    """

    def __init__(self, most: int = MOST, seconds: float = SECONDS) -> None:
        super().__init__()
        self._most, self._seconds = most, seconds
        self._lock = Lock()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line passes."""
        count = self._count((record.name, str(record.msg)[:_KIND_LETTERS]))
        if count == self._most:
            record.msg = f"{record.msg}{_LEFT_OUT}"
        return count <= self._most

    def _count(self, kind: tuple[str, str]) -> int:
        """The number of a line in its time."""
        now = monotonic()
        with self._lock:
            if len(self._seen) > _MOST_KINDS:
                self._seen.clear()
            began, count = self._seen.get(kind, (now, 0))
            if now - began > self._seconds:
                began, count = now, 0
            self._seen[kind] = began, count + 1
            return count + 1


@contextmanager
def sparse(*loggers: str) -> Iterator[None]:
    """Loggers by name, whose lines are :class:`Sparse` for the length of a block."""
    found = [(logging.getLogger(name), Sparse()) for name in loggers]
    for logger, lines in found:
        logger.addFilter(lines)
    try:
        yield
    finally:
        for logger, lines in found:
            logger.removeFilter(lines)
