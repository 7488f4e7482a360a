"""A zip file of CTs, unpacked: nothing is written outside its folder, nor more than a limit."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
from contextlib import ExitStack
from pathlib import Path, PureWindowsPath

from ..errors import UserError
from ..zip_entries import BROKEN, METHODS, extract, lies_outside
from .file_names import safe_path

MOST_BYTES, MOST_FILES = 8 << 30, 20_000
"""More than any CT with all its series has."""

_LARGEST_READ = 16 << 20


def unpack(archive: Path, folder: Path, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> None:
    """Unpack a zip file into a new folder, whole or not at all.

    Links, hidden files and what macOS adds (``__MACOSX``) are left out, zip files in it stay packed, and names are made
    safe.

    Args:
        archive: the zip file.
        folder: is created.
        most_bytes: of all files together, unpacked.
        most_files: in it, whether they are unpacked or not.

    Raises:
        UserError: it is no zip file, damaged, encrypted, packed by another method than deflate, has names that lead out
            of the folder or occur twice, is more than may be, or the disk is full.
    """
    try:
        folder.mkdir(parents=True)
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            _unpack(archive, folder, most_bytes, most_files)
            undo.pop_all()
    except (*BROKEN, FileExistsError, NotADirectoryError) as error:  # the latter of entries of one name
        raise _broken(archive) from error
    except OSError as error:
        if lies_outside(error):
            raise _broken(archive) from error
        msg = f"{archive.name} cannot be unpacked ({error.strerror}): free some space on the disk for it."
        raise UserError(msg) from error


def _unpack(archive: Path, folder: Path, most_bytes: int, most_files: int) -> None:
    with _Bounded(io.FileIO(archive)) as file, zipfile.ZipFile(file) as entries:
        _refuse_more(archive, entries.infolist(), most_bytes, most_files)
        for entry in filter(_is_wanted, entries.infolist()):
            _extract(archive, entries, entry, folder)


class _Bounded(io.BufferedReader):
    """A file that gives no more at once than the list of so many entries has, which zipfile reads in one go."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LARGEST_READ:
            msg = "a list of too many entries"
            raise zipfile.BadZipFile(msg)
        return super().read(size)


def _refuse_more(archive: Path, entries: list[zipfile.ZipInfo], most_bytes: int, most_files: int) -> None:
    if len(entries) > most_files:
        msg = f"{archive.name} holds more than {most_files} files: zip the folder of one CT."
        raise UserError(msg)
    if sum(entry.file_size for entry in entries) > most_bytes:
        msg = f"{archive.name} unpacks to more than {most_bytes / 1e9:.1f} GB: zip the folder of one CT."
        raise UserError(msg)


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    parts = [part for part in entry.filename.replace("\\", "/").split("/") if part not in (".", "..")]
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return not (entry.is_dir() or is_link or any(part.startswith((".", "__MACOSX")) for part in parts))


def _extract(archive: Path, entries: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    name = PureWindowsPath(entry.filename)  # takes / and \ for separators
    if name.anchor or ".." in name.parts:
        msg = f"{archive.name} holds a file that would be written outside its folder: zip the CT's folder again."
        raise UserError(msg)
    if entry.compress_type not in METHODS:
        raise _broken(archive)
    path = folder / safe_path(entry.filename)
    path.parent.mkdir(parents=True, exist_ok=True)
    extract(entries, entry, path)


def _broken(archive: Path) -> UserError:
    return UserError(f"{archive.name} is damaged, encrypted or no plain zip file: zip the CT's folder again.")
