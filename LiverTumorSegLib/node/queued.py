"""What is in the node's queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class State(str, Enum):
    """How far a series is."""

    RECEIVING = "receiving"
    WAITING = "waiting"
    SEGMENTING = "segmenting"
    SENDING = "sending"
    DONE = "done"
    PASSED = "passed"
    FAILED = "failed"


UNDONE = (State.RECEIVING, State.WAITING, State.SEGMENTING, State.SENDING)
"""What a series is in while there is something to do with it."""


@dataclass(frozen=True)
class QueuedSeries:
    """A series as it is in the queue.

    Args:
        number: of the job, counted from 1, which is what a log may call it.
        series: its series instance UID.
        study: its study instance UID.
        sender: the AE title or the address that it came from.
        state: how far it is.
        images: that were ever taken of it.
        made: when the job was created, UTC, whole seconds: the time that its objects bear.
        since: when it came into its state, UTC.
        tries: failed ones in its state.
        next_try: not before this time, UTC; None for at once.
        why: a sentence on why it failed, was passed by or has to be tried again, without identifiers; may be empty.
        late: images that came too late, and are not in its result.
    """

    number: int
    series: str
    study: str
    sender: str
    state: State
    images: int
    made: datetime
    since: datetime
    tries: int = 0
    next_try: datetime | None = None
    why: str = ""
    late: int = 0

    @property
    def sentence(self) -> str:
        """What there is to say on it, without identifiers: :attr:`why`, and how many images came too late."""
        came = "1 image came after it was segmented and is" if self.late == 1 else ""
        came = came or f"{self.late} images came after it was segmented and are"
        return " ".join(filter(None, [self.why, f"{came} not in the result." if self.late else ""]))


@dataclass(frozen=True)
class QueuedImage:
    """An image as it is in the queue.

    Args:
        number: of its series' job.
        file: the number that its file has; None where that was deleted, as its series was done or passed by.
    """

    number: int
    file: int | None
