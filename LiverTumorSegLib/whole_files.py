"""Files and folders that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError
from .scratch import Scratch, sweep

_OLD = "old"


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path with the same ending to write to; it takes ``path``'s name when all went well.

    Raises:
        UserError: ``path`` exists and ``overwrite`` is not set, or its folder cannot be written to.
    """
    refuse_existing(path, overwrite=overwrite)
    with _scratch(path) as scratch:
        yield scratch / path.name
        _publish(scratch / path.name, path, overwrite=overwrite)


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
    with _scratch(path) as scratch:
        for name in ("new", _OLD):
            (scratch / name).mkdir()
        yield scratch / "new"
        if path.exists():
            path.replace(scratch / _OLD / path.name)
        try:
            (scratch / "new").replace(path)
        except OSError:
            _bring_back(scratch)
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
    """Raise :class:`UserError` where writing ``path`` would replace something unasked.

    What processes left beside it that were killed while they wrote is cleared away first.
    """
    sweep(path.parent, save=_bring_back)
    if path.exists() and not overwrite:
        raise _taken(path)


def _taken(path: Path) -> UserError:
    return UserError(f"{path} exists already: choose another name, or allow it to be replaced (--overwrite).")


def _publish(made: Path, path: Path, *, overwrite: bool) -> None:
    """Give a file its name; of two that are written at the same time unasked, the later one is refused."""
    if overwrite:
        made.replace(path)
        return
    try:
        path.hardlink_to(made)
    except FileExistsError:
        raise _taken(path) from None
    except OSError:  # a file system without hard links
        refuse_existing(path, overwrite=False)
        made.replace(path)


def refuse_unwritable(path: Path) -> None:
    """Raise :class:`UserError` where ``path`` cannot be created or replaced."""
    if path.is_dir() or not path.name:
        msg = f"{path} is a folder: name a file to write."
        raise UserError(msg)
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    sweep(nearest, save=_bring_back)
    with _scratch(nearest / path.name):
        pass


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Scratch(path.parent)
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


def _bring_back(scratch: Path) -> None:
    """Give a folder that was being replaced its name back, unless the new one has it."""
    for old in (scratch / _OLD).glob("*"):
        if not (scratch.parent / old.name).exists():
            old.replace(scratch.parent / old.name)
