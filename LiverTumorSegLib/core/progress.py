"""Progress is a callable taking a fraction and a sentence; cancelling is one token checked between batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

Progress = Callable[[float, str], None]


class Cancelled(Exception):
    """The user asked to stop; nothing was written."""


class CancelToken:
    """Ask a job in another thread, or in a signal handler, to stop at its next batch."""

    def __init__(self) -> None:
        self._asked = Event()

    def cancel(self) -> None:
        """Ask for the stop; may be called from anywhere, more than once."""
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Whether the stop was asked for."""
        return self._asked.is_set()

    def check(self) -> None:
        """Raise :class:`Cancelled` where the stop was asked for."""
        if self.asked:
            raise Cancelled


def _silent(fraction: float, sentence: str) -> None: ...


@dataclass(frozen=True)
class Job:
    """Whom to tell and whether to go on, for a stretch of a longer job.

    Args:
        progress: told the fraction of the whole, 0 to 1, and what is being done.
        cancel: checked whenever progress is told.
        start, end: the stretch.
    """

    progress: Progress = _silent
    cancel: CancelToken = field(default_factory=CancelToken)
    start: float = 0.0
    end: float = 1.0

    def at(self, fraction: float, sentence: str) -> None:
        """Report this stretch's fraction.

        Raises:
            Cancelled: the user asked to stop.
        """
        self.cancel.check()
        self.tell(fraction, sentence)

    def tell(self, fraction: float, sentence: str) -> None:
        """Report this stretch's fraction where a stop comes too late, since files are being written."""
        self.progress(self.start + fraction * (self.end - self.start), sentence)

    def part(self, start: float, end: float) -> Job:
        """A stretch of this stretch."""
        length = self.end - self.start
        return Job(self.progress, self.cancel, self.start + start * length, self.start + end * length)


def job(progress: Progress | None, cancel: CancelToken | None) -> Job:
    """A job from the optional arguments of the public functions."""
    return Job(progress or _silent, cancel or CancelToken())
