"""Files that appear whole or not at all, and whose remains after a kill are found and removed.

:mod:`LiverTumorSegLib.whole_files` writes in folders of random names, which nobody can tell from those of a process
that still lives. Here the name follows from the case, which one process alone works on.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError


@contextmanager
def whole_files(folder: Path, name: str) -> Iterator[Path]:
    """Give a hidden folder inside ``folder`` to write files to, which are moved out of it when all went well.

    Args:
        folder: where they go; created, and what is there is replaced.
        name: that no other process uses at the same time.

    Raises:
        UserError: the folder cannot be written to.
    """
    scratch = _scratch(folder, name)
    remove(folder, name)
    try:
        scratch.mkdir(parents=True)
    except OSError as error:
        msg = f"{folder} cannot be written to ({error.strerror}): choose a folder you may write to."
        raise UserError(msg) from error
    try:
        yield scratch
        for file in list(scratch.iterdir()):
            file.replace(folder / file.name)
    finally:
        remove(folder, name)


def remove(folder: Path, name: str) -> None:
    """Remove what a process that was killed left."""
    shutil.rmtree(_scratch(folder, name), ignore_errors=True)


def _scratch(folder: Path, name: str) -> Path:
    return folder / f".{name}.unfinished"
