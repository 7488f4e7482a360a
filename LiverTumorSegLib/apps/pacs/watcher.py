"""Watch of a DICOMweb server for new CT series: those that are complete and fit a rule are fetched image by image."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from threading import Event

from .config import Limits, Rule, Watch
from .connection import Rejected, Unreachable
from .dicomweb import AnswerTooLarge, ArchivedSeries, DicomWeb
from .image_header import OUT_OF_RESOURCES, Refused
from .inbox import Inbox
from .queue import SeriesQueue
from .queue_reader import SeriesState
from .rules import SeriesFacts, why_no_rule_fits

_log = logging.getLogger(__name__)

_HAVE_RESULTS = (SeriesState.SENDING, SeriesState.DONE)


class Fetcher:
    """Fetches series from an archive.

    Args:
        archive: the server; its longest answer is the largest image.
        inbox: what takes the images.
        queue: which knows those that were taken before.
    """

    def __init__(self, archive: DicomWeb, inbox: Inbox, queue: SeriesQueue) -> None:
        self._archive, self._inbox, self._queue = archive, inbox, queue
        self._stopped = Event()

    def stop(self) -> None:
        """Get no further image."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether no further image is got."""
        return self._stopped.is_set()

    def fetch(self, study: str, series: str) -> None:
        """Get the images of a series that are not here, and say that it is whole.

        An image that is refused, being no CT or damaged or too large, is left out, as it is when it comes by C-STORE.

        Args:
            study: its study instance UID.
            series: its series instance UID.

        Raises:
            Unreachable: the server cannot be used, or there is no room here; what came is kept.
            Rejected: the server does not give the series.
        """
        for image in self._archive.ct_images(study, series):
            if self.is_stopped:
                msg = "the service ends"
                raise Unreachable(msg)
            if not self._is_here(image):
                self._take(study, series, image)
        self._inbox.whole(series)

    def _is_here(self, image: str) -> bool:
        """Whether an image is here, or was, and its series has a result."""
        known = self._queue.image(image)
        if known is None:
            return False
        series = self._queue.find(known.number)
        return known.file is not None or (series is not None and series.state in _HAVE_RESULTS)

    def _take(self, study: str, series: str, image: str) -> None:
        file = self._inbox.arriving / f"{uuid.uuid4().hex}.dcm"
        try:
            file.write_bytes(self._archive.image(study, series, image))
            self._inbox.take(file, self._archive.name, asked=series)
        except AnswerTooLarge:
            self._log_refused("it is larger than [limits] image_mb allows.")
        except OSError as error:
            msg = f"an image cannot be kept here ({error.strerror})"
            raise Unreachable(msg) from error
        except Refused as refused:
            self._log_refused(refused.sentence)
            if refused.status == OUT_OF_RESOURCES:
                msg = "this service has no room for more now"
                raise Unreachable(msg) from refused
        finally:
            file.unlink(missing_ok=True)

    def _log_refused(self, why: str) -> None:
        _log.warning("an image from %s was refused: %s", self._archive.name, why)


_MEGABYTE = 1_000_000
_TOO_MANY = "It has more images than [limits] series_images allows."


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
        """Called with a study and a series of it that is whole; services that share their work decide which gets it."""

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
        self._inbox.whole(series)  # the last image was taken, and the service ended before it said so
        return True

    def _misfit(self, one: ArchivedSeries, images: int) -> str:
        if images > self._limits.series_images:
            return _TOO_MANY
        facts = SeriesFacts(images, "CT", one.body_part or "", one.description or "", is_of_archive=True)
        return why_no_rule_fits(facts, [_decidable_rule(rule, one) for rule in self._rules])

    def _say(self, words: str) -> None:
        """Log what has changed: a server that is down for a night is one line."""
        if words == self._said:
            return
        if words:
            _log.warning("the archive %s %s", self._archive.name, words)
        else:
            _log.info("the archive %s answers again", self._archive.name)
        self._said = words


def _decidable_rule(rule: Rule, one: ArchivedSeries) -> Rule:
    """A rule without what the archive does not tell of a series."""
    untold: dict[str, object] = {}
    if one.body_part is None:
        untold["body_part"] = ()
    if one.description is None:
        untold |= {"description": None, "not_description": None}
    return rule.model_copy(update=untold)
