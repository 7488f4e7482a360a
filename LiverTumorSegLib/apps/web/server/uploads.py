"""Files that a browser sends, written to its session's folder while they arrive."""

from __future__ import annotations

import asyncio
import math
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import IO

from aiohttp import web

from ....core.errors import UserError
from ....core.safe_zip import free_path, safe_name, safe_path

_BLOCK = 1 << 20
_MOST_FILES = 40_000
"""And folders, twice as many as a zip file may unpack to: to count more would hold up all sessions."""

_BATCH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNFINISHED = ".unfinished-"
_COUNT_SECONDS = 1.0


class UploadTooLarge(UserError):
    """More, or more files, than a session may upload."""


async def receive(request: web.Request, folder: Path, name: str, most_bytes: int, batch: str = "") -> Path:
    """Write the body of a request to a file, block by block.

    Files that belong together, such as a folder of DICOM files that is dropped on the page, come as one request each,
    in any order and also at the same time, all with the same ``batch``: they go into ``folder / batch``, where the
    folders in their names are kept. Once all have arrived, ``folder / batch`` is what was uploaded; until then files
    that are on their way have hidden names. Of a single file only the last part of the name counts.

    The length that the request states is set aside in the folder before the first byte is read, so that requests at
    the same time share the limit, too.

    Args:
        request: its body is the file as it is; it must state its length (``Content-Length``).
        folder: of the session's uploads; made where it is missing.
        name: what the browser calls the file, with ``/`` between folders; made safe, and numbered where it is taken.
        most_bytes: that all files of the folder may have together.
        batch: letters, digits, ``-`` and ``_`` of the page's choice; empty for a single file.

    Returns:
        The whole file.

    Raises:
        TooLarge: it is.
        UserError: it has no stated length or another one, the batch's name is not allowed, or the file
            cannot be written. As of a browser that goes away in the middle, nothing of it stays.
    """
    wanted = _upload_path(folder, name, batch)
    length = request.content_length
    if length is None:
        msg = f"{wanted.name} came without its size: choose the file on the page."
        raise UserError(msg)
    room = _folder_space(folder)
    if length > room.left(most_bytes):
        raise _too_large(wanted.name, room.left(most_bytes))
    if room.is_crowded:
        msg = f"There are more than {_MOST_FILES} files: choose the folder of one CT, and open the page anew for it."
        raise UploadTooLarge(msg)
    with _temporary_file(room, wanted, length) as file:
        await _write(request, file, wanted.name, length)
        return _publish(file, wanted)


class _FolderSpace:
    """Content of a folder, counted once a second at most: to count thousands of files takes longer than to get one."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._held, self._files, self._counted = folder, 0, 0, -math.inf

    def left(self, most_bytes: int) -> int:
        """Bytes that may still come."""
        if monotonic() - self._counted > _COUNT_SECONDS:
            self._held, self._files = _folder_size(self._folder)
            self._counted = monotonic()
        return most_bytes - self._held

    @property
    def is_crowded(self) -> bool:
        """Whether there are as many files and folders as may be."""
        return self._files >= _MOST_FILES

    def take(self, count: int, files: int = 1) -> None:
        """Set the bytes of a file aside, or give them back where the counts are negative."""
        self._held += count
        self._files += files


@lru_cache(maxsize=64)
def _folder_space(folder: Path) -> _FolderSpace:
    return _FolderSpace(folder)


def _upload_path(folder: Path, name: str, batch: str) -> Path:
    if not batch:
        return folder / safe_name(name)
    if not _BATCH.fullmatch(batch):
        msg = "The files came under a name that is not allowed: load the page again and choose them again."
        raise UserError(msg)
    return folder / batch / safe_path(name)


def _folder_size(folder: str | Path) -> tuple[int, int]:
    """Bytes of all files in a folder, and how many files and folders there are."""
    held = count = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # the session's process may delete
                is_folder = entry.is_dir(follow_symlinks=False)
                inside, others = _folder_size(entry.path) if is_folder else (entry.stat().st_size, 0)
                held, count = held + inside, count + 1 + others
    return held, count


@contextmanager
def _temporary_file(room: _FolderSpace, wanted: Path, length: int) -> Iterator[IO[bytes]]:
    """A file of so many bytes beside the wanted one, which is gone afterwards unless it was given another name."""
    unfinished = None
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=wanted.parent, prefix=_UNFINISHED, delete=False) as file:
            unfinished = Path(file.name)
            room.take(length)
            file.truncate(length)
            yield file
    except ConnectionError:
        raise
    except OSError as error:
        msg = f"{wanted.name} cannot be stored ({error.strerror}): free some space on the server's disk."
        raise UserError(msg) from error
    finally:
        if unfinished and unfinished.exists():
            unfinished.unlink()
            room.take(-length, -1)


async def _write(request: web.Request, file: IO[bytes], name: str, length: int) -> None:
    arrived = 0
    async for block in request.content.iter_chunked(_BLOCK):
        arrived += len(block)
        if arrived > length:  # it was packed, and unpacks to more
            raise _not_as_stated(name)
        await asyncio.to_thread(file.write, block)
    if arrived != length:
        raise _not_as_stated(name)


def _publish(file: IO[bytes], wanted: Path) -> Path:
    file.close()
    path = free_path(wanted)
    Path(file.name).rename(path)
    return path


def _too_large(name: str, left: int) -> UploadTooLarge:
    room = f"{max(left, 0) / 1e6:.0f} MB are left for it"
    return UploadTooLarge(f"{name} is too large ({room}): choose a smaller file, or open the page anew for another CT.")


def _not_as_stated(name: str) -> UserError:
    return UserError(f"{name} arrived with another size than the browser announced: choose it again.")
