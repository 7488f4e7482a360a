"""Watch of an archive for new CT series: those that are complete and fit a rule are fetched."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from .archived_series import ArchivedSeries, SeriesSource
from .config import Limits, Rule
from .connection import Rejected, Unreachable
from .inbox import Inbox
from .queue import SeriesQueue
from .queue_reader import SeriesState
from .rules import SeriesFacts, why_no_rule_fits

_log = logging.getLogger(__name__)

_TOO_MANY = "It has more images than [limits] series_images allows."


def _all(_: ArchivedSeries) -> bool:
    return True


@dataclass(frozen=True)
class Search:
    """What of an archive is asked for, and when that is fetched.

    Args:
        since: the first day of the studies that are asked for.
        quiet_seconds: a series is whole when its number of images has not changed for so long.
        is_wanted: whether a series that was found is one of those.
        has_room: whether one more may be fetched now; else it is fetched later.
        resumes: whether a series that came here in part, and not from this search, is fetched without waiting.
        trouble: logged, with the archive's name and why, where it cannot be searched, with its level.
    """

    since: Callable[[], date]
    quiet_seconds: float
    is_wanted: Callable[[ArchivedSeries], bool] = _all
    has_room: Callable[[], bool] = lambda: True
    resumes: bool = False
    trouble: tuple[int, str] = (logging.WARNING, "the archive %s is asked again later: %s")


class Watcher:
    """Watches an archive; what it has to remember is the queue's, so that it may be ended at any moment.

    Args:
        source: the archive.
        search: of it.
        limits: on images and series.
        rules: of the configuration; those that its answers do not decide are left to when the images are here.
        inbox: what takes the images.
        queue: which knows the series that came before.
        clock: seconds, as of :func:`time.monotonic`.
    """

    def __init__(
        self,
        source: SeriesSource,
        search: Search,
        limits: Limits,
        rules: Sequence[Rule],
        inbox: Inbox,
        queue: SeriesQueue,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._search, self._limits, self._rules = source, search, limits, rules
        self._inbox, self._queue, self._clock = inbox, queue, clock
        self.take: Callable[[str, str], None] = source.fetch
        """Called with a study and a series of it that is whole; services that share their work decide which gets it."""

        self._seen: dict[str, tuple[int, float]] = {}
        self._taken: dict[str, int] = {}
        self._tries: Counter[str] = Counter()
        self._failures, self._not_before, self._said = 0, 0.0, ""
        self.failing_since: datetime | None = None
        """When the archive began to fail, UTC; None while it answers."""

    @property
    def name(self) -> str:
        """The archive's, as the queue has it where series came from."""
        return self._source.name

    def stop(self) -> None:
        """End a round that goes on."""
        self._source.stop()

    def fetch(self, study: str, series: str) -> None:
        """Get a series, as its source does."""
        self._source.fetch(study, series)

    def look(self) -> bool:
        """Ask once, and have what is new and whole fetched; after failures it asks less often than it is called.

        Returns:
            Whether the archive was asked and has nothing left that is to be fetched, now or once it is whole.
        """
        if self._clock() < self._not_before:
            return False
        try:
            has_nothing_left = self._look()
        except (Unreachable, Rejected) as error:
            if not self._source.is_stopped:
                self._not_before = self._clock() + self._limits.pause_seconds(self._failures)
                self._failures += 1
                self.failing_since = self.failing_since or self._queue.now()
                self._say(str(error))
            return False
        self._failures, self.failing_since = 0, None
        self._say("")
        return has_nothing_left

    def _look(self) -> bool:
        found = [one for one in self._source.ct_series(f"{self._search.since():%Y%m%d}") if self._search.is_wanted(one)]
        self._forget_others({one.series for one in found})
        ordered = sorted(found, key=lambda one: self._tries[one.series])  # none that fails holds the others up
        done = [self._consider(one) for one in ordered]
        return all(done)

    def _forget_others(self, names: set[str]) -> None:
        for known in (self._seen, self._taken, self._tries):
            for name in known.keys() - names:
                del known[name]

    def _consider(self, one: ArchivedSeries) -> bool:
        """Have a series fetched once the number of its images has not changed for some time; whether that is done."""
        images = one.images if one.images is not None else len(self._source.ct_images(one.study, one.series))
        before, since = self._seen.get(one.series, (-1, 0.0))
        if images != before:
            since = self._clock()
            self._seen[one.series] = images, since
        if self._clock() - since < self._search.quiet_seconds and not self._is_to_be_resumed(one.series):
            return False
        if self._is_taken(one.series, images):
            return True
        if why := self._misfit(one, images):
            self._queue.pass_by(one.series, one.study, self.name, why)
            return True
        if not self._search.has_room():
            return False
        self._tries[one.series] += 1
        self.take(one.study, one.series)
        self._taken[one.series] = images
        return True

    def _is_to_be_resumed(self, series: str) -> bool:
        known = self._queue.of(series) if self._search.resumes else None
        return known is not None and known.state is SeriesState.RECEIVING

    def _is_taken(self, series: str, images: int) -> bool:
        """Whether all images were: those that are refused are counted as well, until this process ends."""
        if self._taken.get(series) == images:
            return True
        if (self._inbox.knows(series) or 0) < images:
            return False
        self._inbox.whole(series)  # the last image was taken, and the service ended before it said so
        return True

    def _misfit(self, one: ArchivedSeries, images: int) -> str:
        if images > self._limits.series_images:
            return _TOO_MANY
        facts = SeriesFacts(images, "CT", one.body_part or "", one.description or "", is_of_archive=True)
        rules = [_decidable_rule(rule, one) for rule in self._rules]
        why = why_no_rule_fits(facts, rules)
        if why and not why_no_rule_fits(replace(facts, images=self._limits.series_images), rules):
            return "" if self._source.has_enhanced(one.study, one.series) else why  # whose slices nobody has counted
        return why

    def _say(self, why: str) -> None:
        """Log what has changed: an archive that is down for a night is one line."""
        if why == self._said:
            return
        if why:
            level, words = self._search.trouble
            _log.log(level, words, self.name, why)
        else:
            _log.info("the archive %s answers again", self.name)
        self._said = why


def _decidable_rule(rule: Rule, one: ArchivedSeries) -> Rule:
    """A rule without what the archive does not tell of a series."""
    untold: dict[str, object] = {}
    if one.body_part is None:
        untold["body_part"] = ()
    if one.description is None:
        untold |= {"description": None, "not_description": None}
    return rule.model_copy(update=untold)
