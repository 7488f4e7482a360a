"""The zip file of a model folder, unpacked: no entry chooses where it is written, nor how much."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from . import model
from .errors import UserError
from .zip_entries import BLOCK, BROKEN, METHODS, extract, lies_outside

_LARGEST = 4 << 30
_MOST_PACKED = 200
"""Times that an entry may be larger than it is packed; trained weights hardly shrink, and text less than this."""


def unpack(archive: Path, folder: Path, source: str) -> None:
    """Take out the files of a model by their names alone, whatever folders, links or other files are in there.

    Args:
        archive: the zip file.
        folder: is created.
        source: where it came from, for errors.

    Raises:
        UserError: it is no zip file, damaged or encrypted, holds two models, or unpacks to more than a model is.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as entries:
            for entry in entries.infolist():
                name = PurePosixPath(entry.filename).name
                if name in model.FILES and not entry.is_dir():
                    _extract(entries, entry, folder / name, source)
    except BROKEN as error:
        raise _not_a_model(source) from error
    except OSError as error:
        if lies_outside(error):
            raise _not_a_model(source) from error
        msg = f"{folder} cannot be written to ({error.strerror}): free some space on its disk."
        raise UserError(msg) from error


def _extract(entries: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, source: str) -> None:
    if path.exists():
        msg = f"{source} holds several files named {path.name}: ask for the zip file of a single model."
        raise UserError(msg)
    if entry.compress_type not in METHODS:
        raise _not_a_model(source)
    largest = _LARGEST if path.name == model.WEIGHTS else model.LARGEST_TEXT
    if entry.file_size > min(largest, _MOST_PACKED * max(BLOCK, entry.compress_size)):
        msg = f"{source} unpacks to a {path.name} that is larger than a model's: ask its author for another."
        raise UserError(msg)
    extract(entries, entry, path)


def _not_a_model(source: str) -> UserError:
    return UserError(f"{source} is no zip file that can be unpacked: ask for a zipped model folder.")
