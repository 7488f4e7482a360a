"""The inbox: received images are checked and on the disk before their sender is told so, and complete series judged."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from . import image_header, rules
from .config import Config
from .image_header import NOT_UNDERSTOOD, OUT_OF_RESOURCES, ImageHeader, Refused
from .queue import SeriesQueue
from .queue_reader import UNDONE, QueuedSeries, SeriesState
from .storage import ServiceFolder, remove, sync_to_disk

_LATE = "it came after its series was segmented, and is not in the result."
_TOO_MANY = "has more images than [limits] series_images allows."


class Inbox:
    """The place where images come in, from any thread.

    An image of a series that is known joins it: while the series is being received or waits, and while it is being
    segmented, which then begins again with all; also where it failed before there was a result or no rule fitted it,
    and is then judged anew once all its images are there again. Where its result is there already, the image is refused
    with a status that senders take as final (“cannot understand”), so that they do not try for ever; the queue counts
    it. An image that was taken before is not kept again, and is no error, whatever its pixels are.

    Args:
        config: of the service; its folder has been made.
        queue: of the service.
    """

    def __init__(self, config: Config, queue: SeriesQueue) -> None:
        self._limits, self._queue, self._folder = config.limits, queue, ServiceFolder(config.folder)
        self._quiet_seconds = config.receive.quiet_seconds if config.receive else 0.0
        self._keeps_names = config.page is not None and config.page.identifiers
        self.arriving: Path = self._folder.arriving
        """The folder in which a file may be written before it is taken, under any name."""

    def take(self, file: Path, sender: str, *, asked: str | None = None) -> None:
        """Take an image; the file is gone afterwards. Who calls this logs a refusal.

        Args:
            file: of PS3.10, in :attr:`arriving`.
            sender: its AE title, or the address of the archive.
            asked: the UID of the series that an archive was asked for, which is whole only when :meth:`whole` says so;
                None for an image that came by itself, and whose series is whole when none has come for some time.

        Raises:
            Refused: it is too large, damaged, no CT image, not one that has a place here, or comes too late; or there
                is no room for it now.
        """
        try:
            self._take(file, sender, asked)
        except (OSError, sqlite3.Error) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise Refused(OUT_OF_RESOURCES, f"it cannot be kept ({why}).") from error
        finally:
            file.unlink(missing_ok=True)

    def whole(self, series: str) -> None:
        """Note that all images of a series have come: it need not wait for quiet."""
        self._queue.whole(series)

    def knows(self, series: str) -> int | None:
        """The number of a series' images that came, late ones included; None where the series is not known.

        Of a series that is being received, as one that grew after it was passed by, those count that are still there.
        """
        found = self._queue.of(series)
        if found is None:
            return None
        if found.state is not SeriesState.RECEIVING:
            return found.images + found.late
        return sum(file is not None for file in self._queue.files(found.number))

    def _take(self, file: Path, sender: str, asked: str | None) -> None:
        self._refuse_large(file, max(("image_mb", "enhanced_mb"), key=lambda name: getattr(self._limits, name)))
        header = image_header.read(file)
        self._refuse_large(file, "enhanced_mb" if header.is_enhanced else "image_mb")
        if header.frames > self._limits.series_images:
            raise Refused(NOT_UNDERSTOOD, f"it {_TOO_MANY}")
        if asked not in (None, header.series):
            raise Refused(NOT_UNDERSTOOD, "it belongs to another series than was asked for.")
        self._refuse_full_disk()
        sync_to_disk(file)
        with self._queue.transaction():
            refused = self._place(file, header, sender, None if asked else self._quiet_seconds)
        if refused:
            raise refused

    def _place(self, file: Path, header: ImageHeader, sender: str, quiet_seconds: float | None) -> Refused | None:
        """Give an image its place; what is returned instead, rather than raised, has left its mark in the queue."""
        series, known = self._queue.of(header.series), self._queue.image(header.image)
        self._refuse_strangers(header, series, known.number if known else None)
        if series and known and (known.file is not None or self._is_segmented(series)):
            return None
        if series and self._is_segmented(series):
            self._queue.came_late(header.image, series.number)
            return Refused(NOT_UNDERSTOOD, _LATE)
        if series is None or series.state not in UNDONE:
            self._refuse_full_queue()
        if series and not known and series.images >= self._limits.series_images:
            self._queue.failed(series.number, f"It {_TOO_MANY}")
            self._queue.forget_files(series.number)  # no part of it may be segmented
            return Refused(NOT_UNDERSTOOD, f"its series {_TOO_MANY}")
        number = series.number if series else self._queue.create(header.series, header.study, sender)
        if self._keeps_names and (series is None or series.images == 0):
            self._queue.name(number, *image_header.names(file))
        self._keep(file, header, number, quiet_seconds)
        return None

    def _keep(self, file: Path, header: ImageHeader, number: int, quiet_seconds: float | None) -> None:
        """Move the file before the transaction ends: one without a row is deleted at the next start."""
        place, kept_as = self._folder.images(number), self._queue.next_file(number)
        if kept_as == 1:
            remove(place)  # what lies there belongs to no row, and would be segmented with it
            place.mkdir()
            sync_to_disk(place.parent)
        file.replace(self._folder.image(number, kept_as))
        sync_to_disk(place)
        self._queue.arrived(header.image, number, kept_as, quiet_seconds)

    def _is_segmented(self, series: QueuedSeries) -> bool:
        """Whether there is a result, even if it could not be sent."""
        return series.state in (SeriesState.SENDING, SeriesState.DONE) or bool(self._queue.objects(series.number))

    def _refuse_large(self, file: Path, limit: str) -> None:
        if file.stat().st_size > getattr(self._limits, limit) * 1e6:
            raise Refused(NOT_UNDERSTOOD, f"it is larger than [limits] {limit} allows.")

    def _refuse_full_disk(self) -> None:
        if not self._folder.has_room(self._limits.free_gb):
            raise Refused(OUT_OF_RESOURCES, "the disk has less room left than [limits] free_gb asks for.")

    def _refuse_full_queue(self) -> None:
        counts = self._queue.counts()
        if sum(counts[state] for state in UNDONE) >= self._limits.waiting_series:
            raise Refused(OUT_OF_RESOURCES, "as many series are waiting as [limits] waiting_series allows.")

    def _refuse_strangers(self, header: ImageHeader, series: QueuedSeries | None, holder: int | None) -> None:
        """Refuse an image that would be of two series, or a series that would be of two studies."""
        if series and series.study != header.study:
            raise Refused(NOT_UNDERSTOOD, "its series is already known as one of another study.")
        if holder is not None and (series is None or series.number != holder):
            raise Refused(NOT_UNDERSTOOD, "it has the UID of an image in another series.")


_IMAGES_GONE = "Some of its images are gone: have the whole series sent again."
_log = logging.getLogger(__name__)


class SeriesSorter:
    """Judges series of which no image has come for some time, or that are said to be whole, by the rules.

    Args:
        config: of the service.
        queue: of the service.
    """

    def __init__(self, config: Config, queue: SeriesQueue) -> None:
        self._rules, self._queue, self._folder = config.rules, queue, ServiceFolder(config.folder)

    def step(self) -> bool:
        """Judge one series; returns whether there was one."""
        with self._queue.transaction():  # no image comes in between
            whole = self._queue.quiet()
            if whole:
                self._judge(whole[0])
        return bool(whole)

    def _judge(self, series: QueuedSeries) -> None:
        number, files = series.number, self._queue.files(series.number)
        kept = [file for file in files if file is not None]
        if len(kept) < len(files) or not kept:
            self._fail(number, _IMAGES_GONE)
            return
        try:
            facts = image_header.series_facts([self._folder.image(number, file) for file in kept])
        except Refused as refused:
            self._fail(number, f"An image can no longer be read: {refused.sentence}")
            return
        why = rules.why_no_rule_fits(facts, self._rules)
        if why:
            self._queue.passed(number, why)
            _log.info("job %d: passed by. %s", number, why)
        else:
            self._queue.waits(number)
            _log.info("job %d: %d images, waits to be segmented", number, facts.images)

    def _fail(self, number: int, why: str) -> None:
        self._queue.failed(number, why)
        _log.error("job %d: failed. %s", number, why)
