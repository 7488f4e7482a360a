"""Series that reached the archive while this service was down, or that it had no room for, are found again.

DICOM cannot be asked when an archive got an object, so studies are searched for by their date, and what is known here
already, or fits no rule, is left out.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from .archived_series import ArchivedSeries
from .config import CatchUp
from .queue import FIRST_START, SEARCHED, SeriesQueue
from .queue_reader import UNDONE
from .watcher import Search, Watcher

_OVERLAP = timedelta(days=1)
"""An archive gets a study hours after it began."""

_TIME = "%Y%m%d%H%M%S"
_log = logging.getLogger(__name__)
_TROUBLE = (
    logging.ERROR,
    "the archive %s cannot be searched for missed series, which stay missing until it can: %s",
)


class LookBack:
    """How far is looked back: to the last search, by so many days at most, and never before the service's first start.

    Args:
        wanted: of the configuration.
        queue: of the service, which remembers those times, and says what time it is.
    """

    def __init__(self, wanted: CatchUp, queue: SeriesQueue) -> None:
        self._days, self._queue = timedelta(days=wanted.days), queue

    def first_day(self) -> date:
        """The first day, in this machine's zone, of the studies that are asked for."""
        searched, first = self._queue.mark(SEARCHED), self._first_start()
        days = [(self._queue.now() - self._days).astimezone().date(), first.date()]
        return max([*days, (searched - _OVERLAP).astimezone().date()] if searched else days)

    def reaches(self, one: ArchivedSeries) -> bool:
        """Whether a series' study began after the service's first start, as far as it says when."""
        first = self._first_start().strftime(_TIME)
        return one.began.ljust(len(first), "0") >= first

    def _first_start(self) -> datetime:
        return (self._queue.mark(FIRST_START) or self._queue.now()).astimezone()


def missed_series_search(wanted: CatchUp, quiet_seconds: float, queue: SeriesQueue) -> Search:
    """The search for what was missed, of an archive that otherwise sends by itself.

    Args:
        wanted: of the configuration.
        quiet_seconds: a series is whole when its number of images has not changed for so long.
        queue: of the service: while it has enough to do, no more is fetched.
    """
    look_back = LookBack(wanted, queue)

    def has_room() -> bool:
        counts = queue.counts()
        return sum(counts[state] for state in UNDONE) < wanted.at_once

    return Search(
        since=look_back.first_day,
        quiet_seconds=quiet_seconds,
        is_wanted=look_back.reaches,
        has_room=has_room,
        resumes=True,
        trouble=_TROUBLE,
    )


class MissedSeries:
    """Searches an archive at the start and every night, each time until nothing is left to be fetched.

    Args:
        wanted: of the configuration.
        watcher: of the archive, with :func:`missed_series_search`.
        queue: of the service.
    """

    def __init__(self, wanted: CatchUp, watcher: Watcher, queue: SeriesQueue) -> None:
        self._hour, self._watcher, self._queue = wanted.hour, watcher, queue
        self._due = queue.now()

    def step(self) -> None:
        """Search once where it is time to; what is not whole yet, or has no room here, is left to the next steps."""
        now = self._queue.now()
        if now < self._due:
            return
        if self._watcher.look():
            self._queue.searched(now)
            self._due = _next_night(now, self._hour)
            _log.info("the archive %s was searched for missed series", self._watcher.name)


def _next_night(now: datetime, hour: int) -> datetime:
    """The next time that it is this hour in this machine's zone, UTC."""
    here = now.astimezone()
    night = here.replace(hour=hour, minute=0, second=0, microsecond=0)
    return (night if night > here else night + timedelta(days=1)).astimezone(now.tzinfo)
