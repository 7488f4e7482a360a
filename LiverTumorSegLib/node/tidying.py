"""Deletes what is not needed any more, and at the start what a node left that was killed; the queue keeps its rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from .config import Config
from .folder import NodeFolder, file_number, remove
from .queue import QueuedSeries, SeriesQueue, State

_ENDED = (State.DONE, State.PASSED, State.FAILED)
_WHOLE_WITHIN = timedelta(days=1)
"""For the images of a series to come, at least: an archive may have lost it while it was fetched."""

_NEVER_WHOLE = "Its images did not all come within [limits] keep_days."
_log = logging.getLogger(__name__)


class Tidying:
    """Keeps the node's folder and its queue in step.

    Args:
        config: of the node; its folder has been made.
        queue: of the node.
    """

    def __init__(self, config: Config, queue: SeriesQueue) -> None:
        self._folder, self._queue = NodeFolder(config.folder), queue
        self._keep = timedelta(days=config.limits.keep_days)

    def step(self) -> None:
        """Delete images and results whose time is over, and wait no longer for images that never came."""
        for series in self._queue.in_state(State.RECEIVING):
            if self._queue.now() - series.since > max(self._keep, _WHOLE_WITHIN):
                self._queue.failed(series.number, _NEVER_WHOLE, State.RECEIVING)
                _log.error("job %d: failed. %s", series.number, _NEVER_WHOLE)
        for number in [*_numbers(self._folder.results), *_numbers(self._folder.series)]:
            with self._queue.transaction():  # no image comes in between
                self._delete_expired(number)
                if not any(self._queue.files(number)):
                    remove(self._folder.images(number))

    def repair(self) -> None:
        """Mend what a kill left, before anything else runs: files that are in no row, and rows whose files are gone."""
        self._queue.restarted()
        for left in [*self._folder.arriving.iterdir(), *self._folder.making.iterdir()]:
            remove(left)
        for number in _numbers(self._folder.series):
            self._delete_unknown_images(number)
        for number in _numbers(self._folder.results):
            if not self._queue.objects(number):
                remove(self._folder.result(number))
        for series in self._queue.in_state(State.SENDING, State.FAILED):
            self._find_objects(series)
        for series in self._queue.in_state(State.RECEIVING, State.WAITING, State.FAILED):
            self._find_images(series)

    def _delete_expired(self, number: int) -> None:
        series = self._queue.find(number)
        if series and series.state in _ENDED and self._queue.now() - series.since > self._keep:
            self._queue.forget_files(number)
            self._queue.forget_objects(number)
            remove(self._folder.result(number))

    def _delete_unknown_images(self, number: int) -> None:
        known = {file for file in self._queue.files(number) if file is not None}
        for path in self._folder.images(number).iterdir():
            if file_number(path.name) not in known:
                remove(path)

    def _find_images(self, series: QueuedSeries) -> None:
        for file in self._queue.files(series.number):
            if file is not None and not self._folder.image(series.number, file).is_file():
                self._queue.lost(series.number, file)
                _log.error("job %d: one of its images is gone from the node's folder", series.number)

    def _find_objects(self, series: QueuedSeries) -> None:
        place = self._folder.result(series.number)
        if not all((place / name).is_file() for name in self._queue.objects(series.number)):
            self._queue.lost_objects(series.number)
            _log.error("job %d: its result is gone from the node's folder", series.number)


def _numbers(folder: Path) -> Iterator[int]:
    """The jobs that have a folder in this one."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name.isascii() and path.name.isdecimal():
            yield int(path.name)
