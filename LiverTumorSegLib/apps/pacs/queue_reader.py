"""Series and images as they are in the queue, read from its file and never changed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any


class SeriesState(str, Enum):
    """The state of a series, in the order of its way."""

    RECEIVING = "receiving"
    WAITING = "waiting"
    SEGMENTING = "segmenting"
    SENDING = "sending"
    DONE = "done"
    PASSED = "passed"
    FAILED = "failed"


UNDONE = (SeriesState.RECEIVING, SeriesState.WAITING, SeriesState.SEGMENTING, SeriesState.SENDING)
"""The states of a series while there is something to do with it."""

WITH_RESULT = (SeriesState.SENDING, SeriesState.DONE)
"""The states of a series that has a result."""


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
    state: SeriesState
    images: int
    made: datetime
    since: datetime
    tries: int = 0
    next_try: datetime | None = None
    why: str = ""
    late: int = 0

    @property
    def sentence(self) -> str:
        """A remark for people, without identifiers: :attr:`why`, and how many images came too late."""
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


_SERIES = """
SELECT number, series, study, sender, state,
    (SELECT count(*) FROM images WHERE images.number = series.number), made, since, tries, next_try, why,
    (SELECT count(*) FROM late_images WHERE late_images.number = series.number)
FROM series WHERE """


class QueueReader:
    """Reads the queue.

    Args:
        rows: the rows that a statement answers with, by its text and its values.
    """

    def __init__(self, rows: Callable[..., list[tuple[Any, ...]]]) -> None:
        self._rows = rows

    def all(
        self, limit: int = 1000, *, before: int | None = None, state: SeriesState | None = None
    ) -> list[QueuedSeries]:
        """The newest series, the last first.

        Args:
            limit: most of them.
            before: those with a lower number alone; None for all.
            state: those in this state alone; None for all.
        """
        wanted = "(? IS NULL OR number < ?) AND (? IS NULL OR state = ?) ORDER BY number DESC LIMIT ?"
        name = state.value if state else None
        return self._series(wanted, before, before, name, name, limit)

    def in_state(self, *states: SeriesState) -> list[QueuedSeries]:
        """All series in one of some states, the oldest first."""
        places = ", ".join("?" * len(states))
        return self._series(f"state IN ({places}) ORDER BY number", *(state.value for state in states))

    def counts(self) -> dict[SeriesState, int]:
        """The number of series in each state, all states in their order."""
        found = dict(self._rows("SELECT state, count(*) FROM series GROUP BY state"))
        return {state: found.get(state.value, 0) for state in SeriesState}

    def find(self, number: int) -> QueuedSeries | None:
        """A series by its job's number."""
        return next(iter(self._series("number = ?", number)), None)

    def of(self, series: str) -> QueuedSeries | None:
        """A series by its UID."""
        return next(iter(self._series("series = ?", series)), None)

    def image(self, uid: str) -> QueuedImage | None:
        """An image by its SOP instance UID."""
        found = self._rows("SELECT number, file FROM images WHERE uid = ?", uid)
        return QueuedImage(*found[0]) if found else None

    def files(self, number: int) -> list[int | None]:
        """The number of each image's file of a series, None for each that was deleted."""
        return [file for (file,) in self._rows("SELECT file FROM images WHERE number = ? ORDER BY file", number)]

    def objects(self, number: int) -> list[str]:
        """The names of the files in a series' folder of results that are to be sent, in their order."""
        return [file for (file,) in self._rows("SELECT file FROM objects WHERE number = ? ORDER BY place", number)]

    def names(self) -> dict[int, tuple[str, str]]:
        """The accession number and the patient's ID of each job, where the configuration wants them to be kept."""
        found = self._rows("SELECT number, accession, patient FROM names")
        return {number: (accession, patient) for number, accession, patient in found}

    def mark(self, name: str) -> datetime | None:
        """A time that the service remembers by a name, UTC; None where there is none."""
        found = self._rows("SELECT time FROM marks WHERE name = ?", name)
        return datetime.fromisoformat(found[0][0]) if found else None

    def _series(self, where: str, *values: object) -> list[QueuedSeries]:
        return [_queued(*row) for row in self._rows(_SERIES + where, *values)]


def _queued(
    number: int,
    series: str,
    study: str,
    sender: str,
    state: str,
    images: int,
    made: str,
    since: str,
    tries: int,
    next_try: str | None,
    why: str,
    late: int,
) -> QueuedSeries:
    times = datetime.fromisoformat(made), datetime.fromisoformat(since)
    then = None if next_try is None else datetime.fromisoformat(next_try)
    return QueuedSeries(number, series, study, sender, SeriesState(state), images, *times, tries, then, why, late)


def time_text(time: datetime | None) -> str | None:
    """A time as the file has it: texts whose order is that of the times."""
    return None if time is None else time.isoformat(timespec="microseconds")
