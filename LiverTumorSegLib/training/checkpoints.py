"""Checkpoints that are whole or not there: written beside, checked by their checksums, read without running code.

Lightning writes to the system's temporary folder and moves the file, which copies it where that is another disk: a kill
then leaves half of it under its final name.
"""

from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from ..whole_files import whole_file

_DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    ImportError,
    zlib.error,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
)
"""What zipfile and torch raise of a file that is cut short, changed, or was made to mislead them."""

KEPT = 2
"""Checkpoints that are kept: should the newest be damaged, there is the one before."""


class WholeCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints here."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write beside, flush to the disk, rename.

        Raises:
            UserError: the folder cannot be written to, or the disk is full.
        """
        del storage_options
        with whole_file(Path(path), overwrite=True) as unfinished, unfinished.open("wb") as content:
            _save(checkpoint, content)
            content.flush()
            os.fsync(content.fileno())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read tensors and plain values alone, though the file is the user's own: nothing in it can run."""
        del weights_only
        loaded: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        return loaded


def _save(checkpoint: dict[str, Any], content: IO[bytes]) -> None:
    """Raise what the disk said where PyTorch, which cannot end its archive then, only says that it is cut short."""
    try:
        torch.save(checkpoint, content)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder / f"step-{step:09d}.ckpt"


def in_order(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the newest first."""
    return sorted(folder.glob("step-*.ckpt"), reverse=True)


def newest_whole(
    folder: Path, damaged: Callable[[Path], None], usable: Callable[[dict[str, Any]], bool] = lambda _: True
) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, and its content on the CPU.

    Args:
        folder: where they are.
        damaged: told each newer one that is not whole, or not usable.
        usable: whether the content is what it should be.
    """
    for path in in_order(folder):
        content = _content(path)
        if content is not None and usable(content):
            return path, content
        damaged(path)
    return None


def remove_old(folder: Path) -> None:
    """Remove all but the newest checkpoints."""
    for path in in_order(folder)[KEPT:]:
        path.unlink(missing_ok=True)


def _content(path: Path) -> dict[str, Any] | None:
    """None where the file is damaged; PyTorch itself does not compare the archive's checksums with its content."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip():
                return None
        loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _DAMAGED:
        return None
    return loaded
