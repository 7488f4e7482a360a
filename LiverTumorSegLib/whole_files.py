"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path with the same ending to write to; it takes ``path``'s name when all went well.

    Raises:
        UserError: ``path`` exists and ``overwrite`` is not set, or its folder cannot be written to.
    """
    refuse_existing(path, overwrite=overwrite)
    with _scratch(path) as scratch:
        yield scratch / path.name
        (scratch / path.name).replace(path)


@contextmanager
def whole_folder(path: Path, *, overwrite: bool = False, holds: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes ``path``'s name when all went well.

    Args:
        path: where the folder goes.
        overwrite: replace a folder that is there, if it holds nothing but ``holds``.
        holds: names that such a folder may hold.

    Raises:
        UserError: as :func:`whole_file`, or the folder there holds anything else.
    """
    refuse_folder(path, overwrite=overwrite, holds=holds)
    with _scratch(path) as scratch:
        (scratch / "new").mkdir()
        yield scratch / "new"
        if path.exists():
            path.replace(scratch / "old")
        try:
            (scratch / "new").replace(path)
        except OSError:
            if (scratch / "old").exists():
                (scratch / "old").replace(path)
            raise


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
    """Raise :class:`UserError` where writing ``path`` would replace something unasked."""
    if path.exists() and not overwrite:
        msg = f"{path} exists already: choose another name, or allow it to be replaced (--overwrite)."
        raise UserError(msg)


def refuse_unwritable(path: Path) -> None:
    """Raise :class:`UserError` where ``path`` cannot be created or replaced."""
    if path.is_dir() or not path.name:
        msg = f"{path} is a folder: name a file to write."
        raise UserError(msg)
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    with _scratch(nearest / path.name):
        pass


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".livertumorseg-", dir=path.parent))
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): choose a folder you may write to."
        raise UserError(msg) from error
    try:
        yield scratch
    except OSError as error:
        msg = f"{path} could not be written ({error.strerror or error}): nothing was changed."
        raise UserError(msg) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
