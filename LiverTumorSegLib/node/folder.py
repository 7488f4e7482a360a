"""The node's own folder: where its files lie, and how they come to be there for good."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from ..errors import UserError
from ..scratch import take_lock

_ENDING = ".dcm"
_LOOKED_AT_SECONDS, _POLL_SECONDS = 1.0, 0.05


@dataclass(frozen=True)
class NodeFolder:
    """The files of a node.

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
        """Where images are that are being received."""
        return self.path / "arriving"

    @property
    def series(self) -> Path:
        """Where a folder of images is for each job that needs them."""
        return self.path / "series"

    @property
    def results(self) -> Path:
        """Where a folder of results is for each job that has them."""
        return self.path / "results"

    @property
    def making(self) -> Path:
        """Where results are that are being made."""
        return self.path / "making"

    @property
    def worker(self) -> Path:
        """Where the worker keeps what it needs while it lives."""
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
        """The file that only one node can hold, and the first that it makes."""
        return self.path / "node.lock"

    def has_room(self, gigabytes: float) -> bool:
        """Whether the disk has so much left."""
        return shutil.disk_usage(self.path).free >= gigabytes * 1e9

    def make(self) -> None:
        """Make what is not there, for this user alone.

        Raises:
            UserError: it cannot be made, or holds something else, which a node would take for its own and delete.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._lock.exists() and any(self.path.iterdir()):
                msg = f"{self.path} is not empty and no node's folder: give another folder in the configuration."
                raise UserError(msg)
            self._lock.touch(mode=0o600)
            for inside in (self.arriving, self.series, self.results, self.making, self.worker):
                inside.mkdir(mode=0o700, exist_ok=True)
            durable(self.path)
        except OSError as error:
            msg = f"{self.path} cannot be made ({error.strerror or error}): give another folder in the configuration."
            raise UserError(msg) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other nodes out for the length of the block; a process that ends in any way lets them in again.

        Raises:
            UserError: another node works in this folder.
        """
        with self._lock.open("ab") as file:
            _lock(file, self.path)
            yield

    def is_in_use(self) -> bool:
        """Whether a node works here now; on a file system without locks that is not known, and False."""
        try:
            with self._lock.open("rb") as file:  # whose closing takes the look at it back
                return _is_locked(file)
        except FileNotFoundError:
            return False


def file_number(name: str) -> int | None:
    """The number of an image's file by its name; None where it is no such file's."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    return int(stem) if ending == _ENDING and stem.isascii() and stem.isdecimal() else None


def durable(path: Path) -> None:
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
    until = monotonic() + _LOOKED_AT_SECONDS  # who asks whether a node runs holds the lock for a moment
    while not take_lock(file, or_impossible=_MAY_LACK_LOCKS):
        if monotonic() > until:
            msg = f"Another node works in {folder}: end it, or give this one a folder of its own."
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
