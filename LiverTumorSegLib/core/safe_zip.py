"""Zip files from elsewhere, unpacked safely: names made safe, sizes limited, nothing written outside."""

from __future__ import annotations

import errno
import io
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path, PureWindowsPath

from .errors import UserError

COPY_BLOCK = 1 << 20
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,  # encrypted
    EOFError,
    ValueError,
    OverflowError,
)
"""Errors that :mod:`zipfile` raises of files that are damaged, encrypted or made to harm."""


def extract_entry(entries: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write an entry, of at most the size that it states, to a new file."""
    with entries.open(entry) as packed, path.open("xb") as file:
        shutil.copyfileobj(packed, file, COPY_BLOCK)


def is_offset_error(error: OSError) -> bool:
    """Whether the error is of an entry that begins outside of the zip file, not of what is written to."""
    return error.errno in (errno.EINVAL, None)


_SEPARATOR = re.compile(r"[/\\]")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
"""Names that Windows gives to devices, whatever their ending."""

_ENDING = re.compile(r"(\.[A-Za-z]\w{0,4}){0,2}$")
_FIRST_BYTES, _LAST_BYTES = 140, 40
_DEEPEST = 8


def safe_name(name: str) -> str:
    r"""The last part of a path as a visible name that every system can write, of at most 180 bytes in UTF-8.

    Example:
        >>> safe_name("../.profile"), safe_name("C:\\scans\\nul.nii")
        ('profile', '_nul.nii')
    """
    last = _FORBIDDEN.sub("_", _SEPARATOR.split(name)[-1])
    shown = _short("".join(letter for letter in last if letter.isprintable())).strip(". ")
    return f"_{shown}" if _DEVICE.match(shown) else shown or "unnamed"


def safe_path(name: str) -> Path:
    """A relative path of :func:`safe_name` parts, the last eight at most; ``.`` and ``..`` are left out."""
    parts = [part for part in _SEPARATOR.split(name) if part.strip(". ")]
    return Path(*(safe_name(part) for part in parts[-_DEEPEST:] or ["unnamed"]))


def free_path(wanted: Path) -> Path:
    """The path, with a number before its ending where something has this name, such as ``ct (2).nii.gz``."""
    return next(path for path in _numbered(wanted) if not path.exists() and not path.is_symlink())


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    found = _ENDING.search(path.name)
    cut = found.start() if found else len(path.name)
    for number in count(2):
        yield path.with_name(f"{path.name[:cut]} ({number}){path.name[cut:]}")


def _short(name: str) -> str:
    """Without the middle of a long name: the ending says the format."""
    content = name.encode()
    if len(content) <= _FIRST_BYTES + _LAST_BYTES:
        return name
    return content[:_FIRST_BYTES].decode(errors="ignore") + content[-_LAST_BYTES:].decode(errors="ignore")


MOST_BYTES, MOST_FILES = 8 << 30, 20_000
"""More than any CT with all its series has."""

_LARGEST_READ = 16 << 20


def unpack_zip(
    archive: Path, folder: Path, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES, *, kind: str = "CT"
) -> None:
    """Unpack a zip file into a new folder, whole or not at all.

    Links, hidden files and what macOS adds (``__MACOSX``) are left out, zip files in it stay packed, and names are made
    safe.

    Args:
        archive: the zip file.
        folder: is created.
        most_bytes: of all files together, unpacked.
        most_files: in it, whether they are unpacked or not.
        kind: what the zip file should hold, for errors.

    Raises:
        UserError: it is no zip file, damaged, encrypted, packed by another method than deflate, has names that lead out
            of the folder or occur twice, is more than may be, or the disk is full.
    """
    try:
        folder.mkdir(parents=True)
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            _unpack(archive, folder, most_bytes, most_files, kind)
            undo.pop_all()
    except (*ZIP_ERRORS, FileExistsError, NotADirectoryError) as error:  # the latter of entries of one name
        raise _broken(archive, kind) from error
    except OSError as error:
        if is_offset_error(error):
            raise _broken(archive, kind) from error
        msg = f"{archive.name} cannot be unpacked ({error.strerror}): free some space on the disk for it."
        raise UserError(msg) from error


def _unpack(archive: Path, folder: Path, most_bytes: int, most_files: int, kind: str) -> None:
    with _Bounded(io.FileIO(archive)) as file, zipfile.ZipFile(file) as entries:
        _refuse_more(archive, entries.infolist(), most_bytes, most_files, kind)
        for entry in filter(_is_wanted, entries.infolist()):
            _extract_safely(archive, entries, entry, folder, kind)


class _Bounded(io.BufferedReader):
    """A file that gives no more at once than the list of so many entries has, which zipfile reads in one go."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LARGEST_READ:
            msg = "a list of too many entries"
            raise zipfile.BadZipFile(msg)
        return super().read(size)


def _refuse_more(archive: Path, entries: list[zipfile.ZipInfo], most_bytes: int, most_files: int, kind: str) -> None:
    if len(entries) > most_files:
        msg = f"{archive.name} holds more than {most_files} files: zip the folder of one {kind}."
        raise UserError(msg)
    if sum(entry.file_size for entry in entries) > most_bytes:
        msg = f"{archive.name} unpacks to more than {most_bytes / 1e9:.1f} GB: zip the folder of one {kind}."
        raise UserError(msg)


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    parts = [part for part in entry.filename.replace("\\", "/").split("/") if part not in (".", "..")]
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return not (entry.is_dir() or is_link or any(part.startswith((".", "__MACOSX")) for part in parts))


def _extract_safely(archive: Path, entries: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, kind: str) -> None:
    name = PureWindowsPath(entry.filename)  # takes / and \ for separators
    if name.anchor or ".." in name.parts:
        msg = f"{archive.name} holds a file that would be written outside its folder: zip the {kind}'s folder again."
        raise UserError(msg)
    if entry.compress_type not in ZIP_METHODS:
        raise _broken(archive, kind)
    path = folder / safe_path(entry.filename)
    path.parent.mkdir(parents=True, exist_ok=True)
    extract_entry(entries, entry, path)


def _broken(archive: Path, kind: str) -> UserError:
    return UserError(f"{archive.name} is damaged, encrypted or no plain zip file: zip the {kind}'s folder again.")
