"""Files and folders that appear whole or not at all, and the temporary folders they are made in.

A temporary folder is removed after use, and by the next process where one was killed before it could.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import UserError

HIDDEN_PREFIX, SHARED_PREFIX = ".livertumorseg-", "livertumorseg-"
"""Beginnings of the names of hidden folders beside what is written, and of those in the system's temporary folder."""

FORGOTTEN_SECONDS = 24 * 3600.0
"""A folder of ours without a lock, as when its file was deleted by hand, goes once nothing in it is younger."""

_LOCK, _ENDING = ".in-use", ".tmp"
_MADE_HERE = re.compile(r".*[a-z0-9_]{8}\.tmp")
"""Names of :func:`tempfile.mkdtemp` with our ending: no user calls a folder of results so."""

_PAUSES = (0.0, 0.1, 0.4)
"""Seconds before each try to delete: a process that was just ended may still be writing."""

_log = logging.getLogger(__name__)


class TemporaryFolder:
    """A temporary folder for this process alone, deleted after use or, after a kill, by :func:`remove_leftovers`.

    A file in it is locked for as long as the process lives: systems take locks back when a process ends, in whatever
    way. Where a file system has no locks, nothing of others is ever removed.

    Args:
        parent: folder to make it in.
        prefix: of its name.

    Raises:
        OSError: it cannot be made there.
    """

    def __init__(self, parent: Path, prefix: str = HIDDEN_PREFIX) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, suffix=_ENDING, dir=parent))
            try:
                lock = _locked_file(self.path)
            except OSError:
                shutil.rmtree(self.path, ignore_errors=True)
                raise
            if lock is not None:  # else another process swept it away before it was locked
                self._lock = lock
                return

    def remove(self) -> bool:
        """Delete the folder with all that is in it.

        What cannot be deleted keeps its lock file, free from now on, and the next :func:`remove_leftovers` tries again.

        Returns:
            Whether all of it is gone; if not, the log says so.
        """
        gone = any(_remove_after(pause, self.path) for pause in _PAUSES)
        self._lock.close()
        gone = gone or _remove(self.path)  # Windows deletes no file that is open
        if not gone:
            _say_left(self.path)
        return gone


@contextmanager
def temporary_folder(parent: Path, prefix: str = HIDDEN_PREFIX) -> Iterator[Path]:
    """A :class:`TemporaryFolder` for the length of a block."""
    made = TemporaryFolder(parent, prefix)
    try:
        yield made.path
    finally:
        made.remove()


@contextmanager
def system_temporary_folder() -> Iterator[Path]:
    """A :class:`TemporaryFolder` in the system's place for temporary files, once those of killed processes are gone."""
    place = Path(tempfile.gettempdir())
    remove_leftovers(place, SHARED_PREFIX)
    with temporary_folder(place, SHARED_PREFIX) as folder:
        yield folder


def remove_leftovers(parent: Path, prefix: str = HIDDEN_PREFIX, save: Callable[[Path], None] = lambda _: None) -> None:
    """Remove what processes left that were killed; the log says what cannot be removed.

    Args:
        parent: folder to look in; it need not exist.
        prefix: of the folders' names.
        save: takes out of a folder what must not be lost.
    """
    with suppress(OSError):
        for left in parent.glob(f"{prefix}*"):
            with suppress(OSError):
                if _is_own(left):
                    _remove_leftover(left, save)


def _is_own(folder: Path) -> bool:
    """Whether it is this user's: in a folder that all users share, others could set a trap with a link."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and (sys.platform == "win32" or found.st_uid == os.getuid())


def _remove_leftover(left: Path, save: Callable[[Path], None]) -> None:
    try:
        lock = (left / _LOCK).open("r+b")
    except FileNotFoundError:
        if _is_forgotten(left):
            (left / _LOCK).touch()
            _remove_leftover(left, save)
        else:
            left.rmdir()  # killed before it was locked, or not ours: only an empty one goes
        return
    with lock:
        if not take_lock(lock):
            return
        save(left)
        gone = sys.platform != "win32" and _remove(left)
    if not (gone or _remove(left)):
        _say_left(left)


def _is_forgotten(folder: Path) -> bool:
    """Whether a folder without a lock was made here, by its name and rights, and nothing in it has changed for long."""
    private = sys.platform == "win32" or stat.S_IMODE(folder.stat().st_mode) == stat.S_IRWXU
    if not (_MADE_HERE.fullmatch(folder.name) and private):
        return False
    newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    return time.time() - newest > FORGOTTEN_SECONDS


def _say_left(folder: Path) -> None:
    _log.warning("%s is not needed any more, but cannot be deleted: delete it by hand.", folder)


def _locked_file(folder: Path) -> IO[bytes] | None:
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


def _remove_after(pause: float, folder: Path) -> bool:
    time.sleep(pause)
    return _remove(folder)


def _remove(folder: Path) -> bool:
    """Delete a folder, its lock last: should that be cut short or fail, the next sweep still knows whose it is."""
    lock = folder / _LOCK
    try:
        for inside in folder.iterdir():
            if inside != lock:
                _delete(inside)
        if any(inside != lock for inside in folder.iterdir()):
            return False
        lock.unlink(missing_ok=True)
        _remove_empty(folder)
    except OSError:
        return not os.path.lexists(folder)
    return True


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        with suppress(OSError):  # something was written into it after all, or it has just been swept away
            (folder / _LOCK).touch()
        raise


def _delete(path: Path) -> None:
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        for place, *_ in os.walk(path):  # nothing can be deleted from a folder that is not to be written to
            Path(place).chmod(stat.S_IRWXU)
        shutil.rmtree(path, ignore_errors=True)


# Not filelock: this runs in Slicer's own Python before anything is installed, and must neither make a lock file that is
# not there nor take a file's mere existence for a lock where a file system has none.
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


_REPLACED = "old"


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path with the same ending to write to; it takes ``path``'s name when all went well.

    Raises:
        UserError: ``path`` exists and ``overwrite`` is not set, or its folder cannot be written to.
    """
    refuse_existing(path, overwrite=overwrite)
    with _staging_folder(path) as scratch:
        yield scratch / path.name
        _publish(scratch / path.name, path, overwrite=overwrite)


@contextmanager
def whole_group(paths: Sequence[Path], *, overwrite: bool = False) -> Iterator[list[Path]]:
    """As :func:`whole_file` of files that belong together: none takes its name before all are written.

    Raises:
        UserError: as :func:`whole_file`, for any of them.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(whole_file(path, overwrite=overwrite)) for path in paths]


@contextmanager
def whole_folder(path: Path, *, overwrite: bool = False, holds: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes ``path``'s name when all went well.

    Of a process that is killed between the two renames of a replacement, the next one brings the old folder back.

    Args:
        path: where the folder goes.
        overwrite: replace a folder that is there, if it holds nothing but ``holds``.
        holds: names that such a folder may hold.

    Raises:
        UserError: as :func:`whole_file`, or the folder there holds anything else.
    """
    refuse_folder(path, overwrite=overwrite, holds=holds)
    with _staging_folder(path) as scratch:
        for name in ("new", _REPLACED):
            (scratch / name).mkdir()
        yield scratch / "new"
        if path.exists():
            path.replace(scratch / _REPLACED / path.name)
        try:
            (scratch / "new").replace(path)
        except OSError:
            _restore_replaced(scratch)
            raise


def unused_folder(path: Path) -> Path:
    """A path beside which nothing is overwritten: this one, or the first of ``NAME 2``, ``NAME 3`` that is free."""
    tried, count = path, 1
    while tried.exists():
        count += 1
        tried = path.with_name(f"{path.name} {count}")
    return tried


def refuse_folder(path: Path, *, overwrite: bool, holds: frozenset[str]) -> None:
    """Raise :class:`UserError` where :func:`whole_folder` would, so that it is known before the work."""
    refuse_existing(path, overwrite=overwrite)
    if not path.exists():
        return
    if not path.is_dir():
        msg = f"{path} is a file: choose another name for the folder."
        raise UserError(msg)
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in holds)
    if foreign:
        msg = f"{path} holds {foreign[0]}, which would be lost: choose another folder."
        raise UserError(msg)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise :class:`UserError` where writing ``path`` would replace something unasked.

    What processes left beside it that were killed while they wrote is cleared away first.
    """
    remove_leftovers(path.parent, save=_restore_replaced)
    if path.exists() and not overwrite:
        raise _already_exists(path)


def _already_exists(path: Path) -> UserError:
    return UserError(f"{path} exists already: choose another name, or allow it to be replaced (--overwrite).")


def _publish(made: Path, path: Path, *, overwrite: bool) -> None:
    """Give a file its name; of two that are written at the same time unasked, the later one is refused."""
    if overwrite:
        made.replace(path)
        return
    try:
        path.hardlink_to(made)
    except FileExistsError:
        raise _already_exists(path) from None
    except OSError:  # a file system without hard links
        refuse_existing(path, overwrite=False)
        made.replace(path)


def refuse_unwritable(path: Path) -> None:
    """Raise :class:`UserError` where ``path`` cannot be created or replaced."""
    if path.is_dir() or not path.name:
        msg = f"{path} is a folder: name a file to write."
        raise UserError(msg)
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    remove_leftovers(nearest, save=_restore_replaced)
    with _staging_folder(nearest / path.name):
        pass


@contextmanager
def _staging_folder(path: Path) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = TemporaryFolder(path.parent)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): choose a folder you may write to."
        raise UserError(msg) from error
    try:
        yield scratch.path
    except OSError as error:
        msg = f"{path} could not be written ({error.strerror or error}): nothing was changed."
        raise UserError(msg) from error
    finally:
        scratch.remove()


def _restore_replaced(scratch: Path) -> None:
    """Give a folder that was being replaced its name back, unless the new one has it."""
    for old in (scratch / _REPLACED).glob("*"):
        if not (scratch.parent / old.name).exists():
            old.replace(scratch.parent / old.name)
