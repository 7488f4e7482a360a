"""Preprocessed patients on disk, mapped into memory: decoded once, then read as training asks for their slices.

An entry is a folder named by what it was made from. It may be deleted at any time, and is then made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tokenize import TokenError
from typing import Literal

import numpy as np
import torch
from platformdirs import user_cache_path

from ..core.atomic_files import refuse_unwritable, whole_folder
from ..core.errors import UserError
from ..core.schema import StrictModel
from .slices import Overview, Patient

_FORMAT: Literal[1] = 1
"""To be raised when entries of the versions before no longer say what this version would make."""

_PIXELS, _LABELS, _NOTE = "pixels.npy", "labels.npy", "patient.json"
_CONTENTS = frozenset({_PIXELS, _LABELS, _NOTE})
_TYPES = {np.dtype(np.uint8): torch.uint8, np.dtype(np.float16): torch.float16}
_MB, _GB = 1e6, 1e9


class _Note(StrictModel):
    """The facts of a cache entry, kept beside its arrays."""

    format: Literal[1] = _FORMAT
    key: str
    name: str
    numbers: tuple[int, ...]
    shown: tuple[int, ...]
    in_unit: bool
    slice_mm: float | None
    lesions_apart: bool


class _Overtaken(Exception):
    """Another process made the same entry meanwhile, which may be in use: it stays."""


def default_folder() -> Path:
    """The user's cache of patients."""
    return user_cache_path("livertumorseg", appauthor=False) / "patients"


def key(sources: Iterable[Path], *options: str) -> str:
    """Name of an entry: a digest of its files' paths, sizes and times, and of what is done with them.

    Args:
        sources: files, and folders all of whose files count.
        options: everything else that the entry follows from.

    Raises:
        UserError: a file is not there, or its folder cannot be looked into.
    """
    stated = [_file_states(file) for source in sources for file in _files(source)]
    content = json.dumps([_FORMAT, stated, options])
    return hashlib.sha256(content.encode()).hexdigest()


def load(entry: Path) -> Patient | None:
    """The patient of an entry, whose arrays stay on disk; None where it is not there, damaged or something else."""
    try:
        note = _Note.model_validate_json((entry / _NOTE).read_bytes())
        pixels, labels = _mapped(entry / _PIXELS), _mapped(entry / _LABELS)
    except (OSError, ValueError, EOFError, LookupError, ArithmeticError, RecursionError, MemoryError, TokenError):
        return None
    counts = {len(pixels), len(labels), len(note.numbers), len(note.shown)}
    fits = note.key == entry.name and len(counts) == 1 and pixels.ndim == 4 and labels.dtype == torch.uint8
    if not fits or pixels.shape[2:] != labels.shape[1:]:
        return None
    overview = Overview(np.array(note.shown, np.uint8), note.in_unit)
    return Patient(note.name, np.array(note.numbers), pixels, labels, note.slice_mm, note.lesions_apart, overview)


def keep(entry: Path, patient: Patient) -> None:
    """Write an entry, whole or not at all, in place of a damaged one.

    Raises:
        UserError: it cannot be written, as the disk is full or the folder holds anything else.
    """
    note = _Note(
        key=entry.name,
        name=patient.name,
        numbers=tuple(patient.numbers.tolist()),
        shown=tuple(patient.overview.shown.tolist()),
        in_unit=patient.in_unit,
        slice_mm=patient.slice_mm,
        lesions_apart=patient.lesions_apart,
    )
    try:
        with suppress(_Overtaken), whole_folder(entry, overwrite=True, holds=_CONTENTS) as new:
            np.save(new / _PIXELS, patient.pixels.numpy())
            np.save(new / _LABELS, patient.labels.numpy())
            (new / _NOTE).write_text(note.model_dump_json() + "\n", encoding="utf-8")
            if load(entry) is not None:
                raise _Overtaken
    except UserError:
        if load(entry) is None:
            raise


def nearest_folder(folder: Path) -> Path:
    """A folder, or the first of those around it that is there already."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def check_room(folder: Path, needed: float) -> None:
    """Refuse a place that so many bytes cannot be written to.

    Raises:
        UserError: the disk has not enough room, or the folder cannot be written to.
    """
    refuse_unwritable(folder / _NOTE)
    free = shutil.disk_usage(nearest_folder(folder)).free
    if needed > free:
        msg = (
            f"The cache in {folder} needs {format_size(needed)} more, but its disk has {format_size(free)} left: "
            "make room, or choose a folder on another disk (--cache)."
        )
        raise UserError(msg)


def format_size(size: float) -> str:
    """Bytes in GB, or in MB below one of these."""
    if size >= _GB:
        return f"{size / _GB:.1f} GB"
    return f"{size / _MB:.0f} MB" if size >= _MB else "less than 1 MB"


def _mapped(path: Path) -> torch.Tensor:
    """An array of a file as a tensor without reading it; neither holds a file open, of which systems allow few.

    Changes to the tensor stay in memory and never reach the file.
    """
    header = np.load(path, mmap_mode="r", allow_pickle=False)  # refuses other files, and those that end too early
    if not isinstance(header, np.memmap) or not header.flags.c_contiguous:
        msg = f"{path} is no single array in C order"
        raise ValueError(msg)
    whole = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)
    content = whole[header.offset : header.offset + header.nbytes]
    return content.view(_TYPES[header.dtype]).view(header.shape)


def _files(source: Path) -> Iterator[Path]:
    """The file itself, or all files of a folder in order."""
    return iter(sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source])


def _file_states(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): get the file again."
        raise UserError(msg) from error
    return str(path.resolve()), found.st_size, found.st_mtime_ns
