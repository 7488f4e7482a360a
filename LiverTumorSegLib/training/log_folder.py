"""The folder beside a model where its trainings leave their logs and, until they are done, their checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..scratch import sweep

CHECKPOINTS, PICTURES = "checkpoints", "pictures"
_VERSION = "version_"


def logs(model: Path) -> list[Path]:
    """Folders of the trainings of a model, ``MODEL-log/version_N``, the oldest first."""
    found = [path for path in _root(model).glob(f"{_VERSION}*") if path.name.removeprefix(_VERSION).isdecimal()]
    return sorted(found, key=_number)


def next_log(model: Path) -> Path:
    """The folder for another training; it does not exist yet."""
    return _root(model) / f"{_VERSION}{max(map(_number, logs(model)), default=-1) + 1}"


def unfinished(model: Path) -> Path | None:
    """The log of the newest training that left checkpoints, or None."""
    left = [path for path in logs(model) if any((path / CHECKPOINTS).glob("*"))]
    return left[-1] if left else None


def remove_checkpoints(model: Path, *, but_of: Path | None = None) -> None:
    """Remove the checkpoints of all trainings of a model but one, and what a kill left half-written; logs stay."""
    for log in logs(model):
        for folder in (log, log / PICTURES, log / CHECKPOINTS):
            sweep(folder)
        if log != but_of:
            shutil.rmtree(log / CHECKPOINTS, ignore_errors=True)


def _root(model: Path) -> Path:
    return model.parent / f"{model.name}-log"


def _number(log: Path) -> int:
    return int(log.name.removeprefix(_VERSION))
