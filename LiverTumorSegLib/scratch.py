"""Temporary folders that are removed after use, and by the next process where one was killed before it could."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX, SHARED_PREFIX = ".livertumorseg-", "livertumorseg-"
"""Of hidden folders beside what is written, and of those in the system's place for temporary files."""

_LOCK = ".in-use"


class Scratch:
    """A temporary folder for this process alone, removed by :meth:`remove` or, after a kill, by :func:`sweep`.

    A file in it is locked for as long as the process lives: systems take locks back when a process ends, in whatever
    way. Where a file system has no locks, nothing of others is ever removed.

    Args:
        parent: folder to make it in.
        prefix: of its name.

    Raises:
        OSError: it cannot be made there.
    """

    def __init__(self, parent: Path, prefix: str = PREFIX) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            try:
                lock = _taken(self.path)
            except OSError:
                shutil.rmtree(self.path, ignore_errors=True)
                raise
            if lock is not None:  # else another process swept it away before it was locked
                self._lock = lock
                return

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        _remove(self.path)
        self._lock.close()
        _remove(self.path)  # Windows deletes no file that is open


@contextmanager
def scratch(parent: Path, prefix: str = PREFIX) -> Iterator[Path]:
    """A :class:`Scratch` for the length of a block."""
    made = Scratch(parent, prefix)
    try:
        yield made.path
    finally:
        made.remove()


@contextmanager
def temporary() -> Iterator[Path]:
    """A :class:`Scratch` in the system's place for temporary files, once those of killed processes are gone."""
    place = Path(tempfile.gettempdir())
    sweep(place, SHARED_PREFIX)
    with scratch(place, SHARED_PREFIX) as folder:
        yield folder


def sweep(parent: Path, prefix: str = PREFIX, save: Callable[[Path], None] = lambda _: None) -> None:
    """Remove what processes left that were killed.

    Args:
        parent: folder to look in; it need not exist.
        prefix: of the folders' names.
        save: takes out of a folder what must not be lost.
    """
    with suppress(OSError):
        for left in parent.glob(f"{prefix}*"):
            with suppress(OSError):
                if _is_own(left):
                    _sweep(left, save)


def _is_own(folder: Path) -> bool:
    """Whether it is this user's: in a folder that all users share, others could set a trap with a link."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and (sys.platform == "win32" or found.st_uid == os.getuid())


def _sweep(left: Path, save: Callable[[Path], None]) -> None:
    try:
        lock = (left / _LOCK).open("r+b")
    except FileNotFoundError:
        left.rmdir()  # killed before it was locked, or not ours: only an empty one goes
        return
    with lock:
        if not take_lock(lock):
            return
        save(left)
        if sys.platform != "win32":
            _remove(left)
    _remove(left)


def _taken(folder: Path) -> IO[bytes] | None:
    """The folder's locked file; None where a sweep was quicker."""
    try:
        lock = (folder / _LOCK).open("xb")
    except FileNotFoundError:
        return None
    locked = take_lock(lock, or_impossible=True)
    with suppress(FileNotFoundError):
        if locked and os.path.samestat(os.fstat(lock.fileno()), (folder / _LOCK).stat()):
            return lock
    lock.close()
    return None


def _remove(folder: Path) -> None:
    """Delete a folder, its lock last: should that be cut short, the next sweep still knows whose it is."""
    with suppress(OSError):
        for inside in folder.iterdir():
            if inside.name != _LOCK:
                shutil.rmtree(inside, ignore_errors=True) if inside.is_dir() else inside.unlink()
        (folder / _LOCK).unlink(missing_ok=True)
        folder.rmdir()


if sys.platform == "win32":
    import msvcrt

    def take_lock(file: IO[bytes], *, or_impossible: bool = False) -> bool:
        """Lock an open file; False where another process has."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return or_impossible
        return True

else:
    import fcntl

    def take_lock(file: IO[bytes], *, or_impossible: bool = False) -> bool:
        """Lock an open file; False where another process has."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return or_impossible
        return True
