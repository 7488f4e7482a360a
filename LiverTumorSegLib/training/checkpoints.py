"""Checkpoints that are whole or not there, and the folder that a training keeps them and its log in.

They are written beside, checked by their checksums and read without running code. Lightning writes to the system's
temporary folder and moves the file, which copies it where that is another disk: a kill then leaves half of it under its
final name.
"""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from ..core.atomic_files import remove_leftovers, whole_file

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
"""The errors that zipfile and torch raise of a file that is cut short, changed, or was made to mislead them."""

KEPT_CHECKPOINTS = 2
"""Checkpoints that are kept: should the newest be damaged, there is the one before."""


# Not Lightning's own writer: a kill can leave half a file under its final name.
class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoint files, whole or not there, and read as tensors and plain values."""

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


def checkpoint_path(folder: Path, step: int) -> Path:
    """Path of the checkpoint of a step."""
    return folder / f"step-{step:09d}.ckpt"


def newest_first(folder: Path) -> list[Path]:
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
    for path in newest_first(folder):
        content = _read_content(path)
        if content is not None and usable(content):
            return path, content
        damaged(path)
    return None


def remove_old_checkpoints(folder: Path) -> None:
    """Remove all but the newest checkpoints."""
    for path in newest_first(folder)[KEPT_CHECKPOINTS:]:
        path.unlink(missing_ok=True)


def _read_content(path: Path) -> dict[str, Any] | None:
    """None where the file is damaged; PyTorch itself does not compare the archive's checksums with its content."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip():
                return None
        loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _DAMAGED:
        return None
    return loaded


CHECKPOINTS, PICTURES = "checkpoints", "pictures"
_VERSION = "version_"


def training_logs(model: Path) -> list[Path]:
    """Folders of the trainings of a model, ``MODEL-log/version_N``, the oldest first."""
    found = [path for path in _log_root(model).glob(f"{_VERSION}*") if path.name.removeprefix(_VERSION).isdecimal()]
    return sorted(found, key=_log_number)


def next_log(model: Path) -> Path:
    """The folder for another training; it does not exist yet."""
    return _log_root(model) / f"{_VERSION}{max(map(_log_number, training_logs(model)), default=-1) + 1}"


def unfinished_log(model: Path) -> Path | None:
    """The log of the newest training that left checkpoints, or None."""
    left = [path for path in training_logs(model) if any((path / CHECKPOINTS).glob("*"))]
    return left[-1] if left else None


def remove_checkpoints(model: Path, *, but_of: Path | None = None) -> None:
    """Remove the checkpoints of all trainings of a model but one, and what a kill left half-written; logs stay."""
    for log in training_logs(model):
        for folder in (log, log / PICTURES, log / CHECKPOINTS):
            remove_leftovers(folder)
        if log != but_of:
            shutil.rmtree(log / CHECKPOINTS, ignore_errors=True)


def _log_root(model: Path) -> Path:
    return model.parent / f"{model.name}-log"


def _log_number(log: Path) -> int:
    return int(log.name.removeprefix(_VERSION))
