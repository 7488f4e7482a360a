"""Takes images into the node: each is checked, and on the disk for good, before its sender is told so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from . import image_header
from .config import Config
from .folder import NodeFolder, durable, remove
from .image_header import NOT_UNDERSTOOD, OUT_OF_RESOURCES, ImageHeader, Refused
from .queue import UNDONE, QueuedSeries, SeriesQueue, State

__all__ = ["Inbox", "Refused"]

_LATE = "it came after its series was segmented, and is not in the result."
_TOO_MANY = "has more images than [limits] series_images allows."


class Inbox:
    """Where images come in, from any thread.

    An image of a series that is known joins it: while the series is being received or waits, and while it is being
    segmented, which then begins again with all; also where it failed before there was a result or no rule fitted it,
    and is then judged anew once all its images are there again. Where its result is there already, the image is refused
    with a status that senders take as final (“cannot understand”), so that they do not try for ever; the queue counts
    it. An image that was taken before is not kept again, and is no error, whatever its pixels are.

    Args:
        config: of the node; its folder has been made.
        queue: of the node.
    """

    def __init__(self, config: Config, queue: SeriesQueue) -> None:
        self._limits, self._queue, self._folder = config.limits, queue, NodeFolder(config.folder)
        self._quiet_seconds = config.receive.quiet_seconds if config.receive else 0.0
        self.arriving: Path = self._folder.arriving
        """Where a file may be written before it is taken, under any name."""

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
        """All images of a series have come: it need not wait for quiet."""
        self._queue.whole(series)

    def knows(self, series: str) -> int | None:
        """How many images of a series ever came, late ones included; None where it is not known."""
        found = self._queue.of(series)
        return None if found is None else found.images + found.late

    def _take(self, file: Path, sender: str, asked: str | None) -> None:
        if file.stat().st_size > self._limits.image_mb * 1e6:
            raise Refused(NOT_UNDERSTOOD, "it is larger than [limits] image_mb allows.")
        header = image_header.read(file)
        if asked not in (None, header.series):
            raise Refused(NOT_UNDERSTOOD, "it is of another series than was asked for.")
        self._refuse_full_disk()
        durable(file)
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
        self._keep(file, header, number, quiet_seconds)
        return None

    def _keep(self, file: Path, header: ImageHeader, number: int, quiet_seconds: float | None) -> None:
        """Move the file before the transaction ends: one without a row is deleted at the next start."""
        place, kept_as = self._folder.images(number), self._queue.next_file(number)
        if kept_as == 1:
            remove(place)  # what lies there belongs to no row, and would be segmented with it
            place.mkdir()
            durable(place.parent)
        file.replace(self._folder.image(number, kept_as))
        durable(place)
        self._queue.arrived(header.image, number, kept_as, quiet_seconds)

    def _is_segmented(self, series: QueuedSeries) -> bool:
        """Whether there is a result, even if it could not be sent."""
        return series.state in (State.SENDING, State.DONE) or bool(self._queue.objects(series.number))

    def _refuse_full_disk(self) -> None:
        if not self._folder.has_room(self._limits.free_gb):
            raise Refused(OUT_OF_RESOURCES, "the disk has less room left than [limits] free_gb asks for.")

    def _refuse_full_queue(self) -> None:
        counts = self._queue.counts()
        if sum(counts[state] for state in UNDONE) >= self._limits.waiting_series:
            raise Refused(OUT_OF_RESOURCES, "as many series wait as [limits] waiting_series allows.")

    def _refuse_strangers(self, header: ImageHeader, series: QueuedSeries | None, holder: int | None) -> None:
        """Refuse an image that would be of two series, or a series that would be of two studies."""
        if series and series.study != header.study:
            raise Refused(NOT_UNDERSTOOD, "its series is known, and of another study.")
        if holder is not None and (series is None or series.number != holder):
            raise Refused(NOT_UNDERSTOOD, "it has the UID of an image in another series.")
