"""Asks a DICOMweb server for new CT series, and has those fetched that are whole and fit a rule."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from .config import Limits, Rule, Watch
from .dicomweb import ArchivedSeries, DicomWeb
from .fetching import Fetcher
from .inbox import Inbox
from .queue import SeriesQueue
from .reaching import Rejected, Unreachable
from .rules import SeriesFacts, fits

_MEGABYTE = 1_000_000
_TOO_MANY = "It has more images than [limits] series_images allows."
_log = logging.getLogger(__name__)


class Watcher:
    """Watches a DICOMweb server; what it has to remember is the queue's, so that it may be ended at any moment.

    Args:
        watch: the server.
        limits: on images and series.
        rules: of the configuration; those that its answers do not decide are left to when the images are here.
        inbox: what takes the images.
        queue: which knows the series that came before.
        clock: seconds, as of :func:`time.monotonic`.

    Raises:
        UserError: a certificate or the password is missing or wrong.
    """

    def __init__(
        self,
        watch: Watch,
        limits: Limits,
        rules: Sequence[Rule],
        inbox: Inbox,
        queue: SeriesQueue,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch, self._limits, self._rules = watch, limits, rules
        self._inbox, self._queue, self._clock = inbox, queue, clock
        self._archive = DicomWeb(watch, round(limits.image_mb * _MEGABYTE))
        self._fetcher = Fetcher(self._archive, inbox, queue)
        self.take: Callable[[str, str], None] = self._fetcher.fetch
        """What is done with a study's series that is whole; where nodes share their work, one of them fetches it."""

        self._seen: dict[str, tuple[int, float]] = {}
        self._taken: dict[str, int] = {}
        self._tries: Counter[str] = Counter()
        self._failures, self._not_before, self._said = 0, 0.0, ""

    @property
    def name(self) -> str:
        """The server's, as the queue has it where series came from."""
        return self._archive.name

    def stop(self) -> None:
        """End a round that goes on."""
        self._fetcher.stop()

    def fetch(self, study: str, series: str) -> None:
        """Get a series, as :meth:`Fetcher.fetch` does."""
        self._fetcher.fetch(study, series)

    def look(self) -> None:
        """Ask once, and have what is new and whole fetched; after failures it asks less often than it is called."""
        if self._clock() < self._not_before:
            return
        try:
            self._look()
        except (Unreachable, Rejected) as error:
            if self._fetcher.is_stopped:
                return
            self._not_before = self._clock() + self._limits.pause_seconds(self._failures)
            self._failures += 1
            self._say(f"is asked again later: {error}")
        else:
            self._failures = 0
            self._say("")

    def _look(self) -> None:
        since = date.today() - timedelta(days=self._watch.days)
        found = self._archive.ct_series(f"{since:%Y%m%d}")
        self._forget_others({one.series for one in found})
        for one in sorted(found, key=lambda one: self._tries[one.series]):  # none that fails holds the others up
            self._consider(one)

    def _forget_others(self, names: set[str]) -> None:
        for known in (self._seen, self._taken, self._tries):
            for name in known.keys() - names:
                del known[name]

    def _consider(self, one: ArchivedSeries) -> None:
        """Have a series fetched once the number of its images has not changed for some time."""
        images = one.images if one.images is not None else len(self._archive.ct_images(one.study, one.series))
        before, since = self._seen.get(one.series, (-1, 0.0))
        if images != before:
            since = self._clock()
            self._seen[one.series] = images, since
        if self._clock() - since < self._watch.quiet_seconds or self._is_taken(one.series, images):
            return
        if why := self._misfit(one, images):
            self._queue.pass_by(one.series, one.study, self._archive.name, why)
            return
        self._tries[one.series] += 1
        self.take(one.study, one.series)
        self._taken[one.series] = images

    def _is_taken(self, series: str, images: int) -> bool:
        """Whether all images were: those that are refused are counted as well, until this process ends."""
        if self._taken.get(series) == images:
            return True
        if (self._inbox.knows(series) or 0) < images:
            return False
        self._inbox.whole(series)  # the last image was taken, and the node ended before it said so
        return True

    def _misfit(self, one: ArchivedSeries, images: int) -> str:
        if images > self._limits.series_images:
            return _TOO_MANY
        facts = SeriesFacts(images, "CT", one.body_part or "", one.description or "", is_of_archive=True)
        return fits(facts, [_decidable(rule, one) for rule in self._rules])

    def _say(self, words: str) -> None:
        """Log what has changed: a server that is down for a night is one line."""
        if words == self._said:
            return
        if words:
            _log.warning("the archive %s %s", self._archive.name, words)
        else:
            _log.info("the archive %s answers again", self._archive.name)
        self._said = words


def _decidable(rule: Rule, one: ArchivedSeries) -> Rule:
    """A rule without what the archive does not tell of a series."""
    untold: dict[str, object] = {}
    if one.body_part is None:
        untold["body_part"] = ()
    if one.description is None:
        untold |= {"description": None, "not_description": None}
    return rule.model_copy(update=untold)
