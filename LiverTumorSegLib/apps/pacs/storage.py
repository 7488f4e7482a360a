"""The service's own folder: the places of its files, how they come to be there for good, and when they are deleted."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from ...core.atomic_files import take_lock
from ...core.errors import UserError
from .config import Config
from .queue import SeriesQueue
from .queue_reader import QueuedSeries, SeriesState

_ENDING = ".dcm"
_LOCK_WAIT_SECONDS, _POLL_SECONDS = 1.0, 0.05


@dataclass(frozen=True)
class ServiceFolder:
    """The files of a service.

    Args:
        path: of the folder.
    """

    path: Path

    @property
    def queue(self) -> Path:
        """The file of the queue."""
        return self.path / "node.sqlite"

    @property
    def arriving(self) -> Path:
        """The folder of images that are being received."""
        return self.path / "arriving"

    @property
    def series(self) -> Path:
        """The folder with one of images for each job that needs them."""
        return self.path / "series"

    @property
    def results(self) -> Path:
        """The folder with one of results for each job that has them."""
        return self.path / "results"

    @property
    def making(self) -> Path:
        """The folder of results that are being made."""
        return self.path / "making"

    @property
    def worker(self) -> Path:
        """The folder in which the worker keeps what it needs while it lives."""
        return self.path / "worker"

    def images(self, number: int) -> Path:
        """The folder of a job's images."""
        return self.series / str(number)

    def image(self, number: int, file: int) -> Path:
        """The file of one of a job's images."""
        return self.images(number) / f"{file}{_ENDING}"

    def result(self, number: int) -> Path:
        """The folder of a job's results."""
        return self.results / str(number)

    @property
    def _lock(self) -> Path:
        """The file that only one service can hold, and the first that it makes."""
        return self.path / "node.lock"

    def has_room(self, gigabytes: float) -> bool:
        """Whether the disk has so much left."""
        return shutil.disk_usage(self.path).free >= gigabytes * 1e9

    def make(self) -> None:
        """Make what is not there, for this user alone.

        Raises:
            UserError: it cannot be made, or holds something else, which a service would take for its own and delete.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._lock.exists() and any(self.path.iterdir()):
                msg = f"{self.path} is not empty and no service's folder: give another folder in the configuration."
                raise UserError(msg)
            self._lock.touch(mode=0o600)
            for inside in (self.arriving, self.series, self.results, self.making, self.worker):
                inside.mkdir(mode=0o700, exist_ok=True)
            sync_to_disk(self.path)
        except OSError as error:
            msg = f"{self.path} cannot be made ({error.strerror or error}): give another folder in the configuration."
            raise UserError(msg) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other services out for the length of the block; a process that ends in any way lets them in again.

        Raises:
            UserError: another service works in this folder.
        """
        with self._lock.open("ab") as file:
            _lock(file, self.path)
            yield

    def is_in_use(self) -> bool:
        """Whether a service works here now; on a file system without locks that is not known, and False."""
        try:
            with self._lock.open("rb") as file:  # whose closing takes the look at it back
                return _is_locked(file)
        except FileNotFoundError:
            return False


def file_number(name: str) -> int | None:
    """The number of an image's file by its name; None where it is no such file's."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    return int(stem) if ending == _ENDING and stem.isascii() and stem.isdecimal() else None


def sync_to_disk(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk before going on, should power fail.

    Windows has no such call for folders, and keeps their names in a journal.
    """
    if sys.platform == "win32" and path.is_dir():
        return
    opened = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove(path: Path) -> None:
    """Delete a folder, or a file that is in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _lock(file: IO[bytes], folder: Path) -> None:
    until = monotonic() + _LOCK_WAIT_SECONDS  # who asks whether a service runs holds the lock for a moment
    while not take_lock(file, or_impossible=_MAY_LACK_LOCKS):
        if monotonic() > until:
            msg = f"Another service works in {folder}: end it, or give this one a folder of its own."
            raise UserError(msg)
        sleep(_POLL_SECONDS)


if sys.platform == "win32":
    _MAY_LACK_LOCKS = False  # what is locked cannot be told there from what has no locks

    def _is_locked(file: IO[bytes]) -> bool:
        return not take_lock(file)

else:
    import fcntl

    _MAY_LACK_LOCKS = True

    def _is_locked(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: who looks sees none who looks, too
        except OSError as error:
            return isinstance(error, BlockingIOError)
        return False


_ENDED_STATES = (SeriesState.DONE, SeriesState.PASSED, SeriesState.FAILED)
_COMPLETE_WITHIN = timedelta(days=1)
"""For the images of a series to come, at least: an archive may have lost it while it was fetched."""

_NEVER_COMPLETE = "Its images did not all come within [limits] keep_days."
_DIED = "The service died while it was segmented, as where it takes more memory than there is."
_log = logging.getLogger(__name__)


class FolderCleanup:
    """Keeps the service's folder and its queue in step.

    Args:
        config: of the service; its folder has been made.
        queue: of the service.
    """

    def __init__(self, config: Config, queue: SeriesQueue) -> None:
        self._folder, self._queue = ServiceFolder(config.folder), queue
        self._keeps_names = config.page is not None and config.page.identifiers
        self._keep, self._segment_tries = timedelta(days=config.limits.keep_days), config.limits.segment_tries

    def step(self) -> None:
        """Delete images and results whose time is over, and wait no longer for images that never came."""
        for series in self._queue.in_state(SeriesState.RECEIVING):
            if self._queue.now() - series.since > max(self._keep, _COMPLETE_WITHIN):
                self._queue.failed(series.number, _NEVER_COMPLETE, SeriesState.RECEIVING)
                _log.error("job %d: failed. %s", series.number, _NEVER_COMPLETE)
        for number in self._queue.names():
            if (found := self._queue.find(number)) and self._is_over(found):
                self._queue.forget_names(number)
        for number in [*_job_numbers(self._folder.results), *_job_numbers(self._folder.series)]:
            with self._queue.transaction():  # no image comes in between
                self._delete_expired(number)
                if not any(self._queue.files(number)):
                    remove(self._folder.images(number))

    def repair(self) -> None:
        """Mend what a kill left, before anything else runs: files that are in no row, and rows whose files are gone."""
        self._try_again()
        if not self._keeps_names:
            self._queue.forget_names()
        for left in [*self._folder.arriving.iterdir(), *self._folder.making.iterdir()]:
            remove(left)
        for number in _job_numbers(self._folder.series):
            self._delete_unknown_images(number)
        for number in _job_numbers(self._folder.results):
            if not self._queue.objects(number):
                remove(self._folder.result(number))
        for series in self._queue.in_state(SeriesState.SENDING, SeriesState.FAILED):
            self._find_objects(series)
        for series in self._queue.in_state(SeriesState.RECEIVING, SeriesState.WAITING, SeriesState.FAILED):
            self._find_images(series)

    def _try_again(self) -> None:
        """Let a series wait that was being segmented as the service died; it may be why, so that each time counts."""
        for series in self._queue.in_state(SeriesState.SEGMENTING):
            if self._queue.try_again(series, _DIED, self._segment_tries, timedelta(0)):
                _log.warning("job %d: will be segmented again. %s", series.number, _DIED)
            else:
                _log.error("job %d: failed. %s", series.number, _DIED)

    def _delete_expired(self, number: int) -> None:
        series = self._queue.find(number)
        if series and self._is_over(series):
            self._queue.forget_files(number)
            self._queue.forget_objects(number)
            remove(self._folder.result(number))

    def _is_over(self, series: QueuedSeries) -> bool:
        return series.state in _ENDED_STATES and self._queue.now() - series.since > self._keep

    def _delete_unknown_images(self, number: int) -> None:
        known = {file for file in self._queue.files(number) if file is not None}
        for path in self._folder.images(number).iterdir():
            if file_number(path.name) not in known:
                remove(path)

    def _find_images(self, series: QueuedSeries) -> None:
        for file in self._queue.files(series.number):
            if file is not None and not self._folder.image(series.number, file).is_file():
                self._queue.lost(series.number, file)
                _log.error("job %d: one of its images is gone from the service's folder", series.number)

    def _find_objects(self, series: QueuedSeries) -> None:
        place = self._folder.result(series.number)
        if not all((place / name).is_file() for name in self._queue.objects(series.number)):
            self._queue.lost_objects(series.number)
            _log.error("job %d: its result is gone from the service's folder", series.number)


def _job_numbers(folder: Path) -> Iterator[int]:
    """The jobs that have a folder in this one."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name.isascii() and path.name.isdecimal():
            yield int(path.name)
