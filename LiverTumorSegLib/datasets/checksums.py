"""Digests of each patient's files, by which another result is known to come from the same ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ..core.checksum import sha256
from ..core.errors import UserError
from . import volumes
from .dump import MASKS, TABLE
from .sources import Source, files
from .volumes import VolumeSource


def fingerprints(sources: Sequence[Source], root: Path) -> dict[str, str]:
    """A digest for each patient of the sources, by ``FOLDER/NAME``, and one for each table of spacings.

    Names and sizes of files count, not their times or where the root is: a copy of the data is the same data.

    Raises:
        UserError: a folder of CTs holds no known data set, or a file cannot be looked at.
    """
    found: dict[str, str] = {}
    for source in sources:
        folder = root / source.folder
        for name, paths in {**files(source, root), **_table(folder)}.items():
            found[f"{source.folder}/{name}"] = _digest([_file_state(file, folder) for file in _files_in(paths)])
    return found


def label_fingerprints(sources: Sequence[Source], root: Path) -> dict[str, str]:
    """As :func:`fingerprints`, but of what is in the files of labels, and in the tables of spacings, byte for byte.

    Corrected labels often are of the old size. CTs are not read: they are large, and nobody corrects them.

    Raises:
        UserError: as :func:`fingerprints`.
    """
    found: dict[str, str] = {}
    for source in sources:
        for name, paths in {**_labels(source, root), **_table(root / source.folder)}.items():
            found[f"{source.folder}/{name}"] = _digest([_content(file) for file in _files_in(paths)])
    return found


def origin_of(sources: Sequence[Source], root: Path, patients: Collection[str]) -> str:
    """A digest of some patients' files: of CTs by name and size, of labels by content.

    Raises:
        UserError: as :func:`fingerprints`.
    """
    every = [fingerprints(sources, root), label_fingerprints(sources, root)]
    wanted = {*patients, TABLE}
    return _digest([{key: value for key, value in each.items() if key.rpartition("/")[2] in wanted} for each in every])


def _table(folder: Path) -> dict[str, tuple[Path, ...]]:
    return {TABLE: (folder / TABLE,)} if (folder / TABLE).is_file() else {}


def _labels(source: Source, root: Path) -> dict[str, tuple[Path, ...]]:
    """Every file or folder that the labels of each patient are read from."""
    found = files(source, root)
    if isinstance(source, VolumeSource):
        cts = {scan.ct for scan in volumes.find(source, root)[0]} if found else set()
        return {name: tuple(path for path in paths if path not in cts) for name, paths in found.items()}
    masks = root / source.folder / MASKS
    return {name: tuple(path for path in paths if path.parent == masks) for name, paths in found.items()}


def _digest(stated: list[Any]) -> str:
    return hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:16]


def _files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Files themselves, and all files of folders in order."""
    for path in paths:
        yield from sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _file_state(file: Path, folder: Path) -> list[str | int]:
    with _readable(file):
        return [file.relative_to(folder).as_posix(), file.stat().st_size]


def _content(file: Path) -> str:
    with _readable(file):
        seen = file.stat()
        return _checksum(file, seen.st_size, seen.st_mtime_ns)


@cache
def _checksum(file: Path, _size: int, _changed: int) -> str:
    """Once in a process for each state of a file: every trial of a comparison asks."""
    return sha256(file)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}): get the file again."
        raise UserError(msg) from error
