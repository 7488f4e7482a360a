"""Where nnU-Net keeps a trained model: ``<trainer>__<plans>__<configuration>`` with plans, data set and folds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import UserError

PLANS, DATASET = "plans.json", "dataset.json"
_PARTS = 3
_LARGEST_TEXT = 64 << 20
_DEEPEST = 4
_OF_VERSION_1 = ("plans.pkl", "model_final_checkpoint.model")


@dataclass(frozen=True)
class TrainedFolder:
    """A folder of a trained configuration.

    Args:
        path: of the folder.
        dataset: name of the folder above it, such as ``Dataset003_Liver``.
        plans: content of ``plans.json``.
        content: of ``dataset.json``.
    """

    path: Path
    dataset: str
    plans: Any
    content: Any

    @property
    def configuration(self) -> str:
        """As the folder's name has it; empty where that is another."""
        parts = self.path.name.split("__")
        return parts[-1] if len(parts) == _PARTS else ""

    def checkpoints(self, folds: Sequence[str], name: str) -> list[Path]:
        """Checkpoints of the folds, or of all that are there.

        Args:
            folds: their numbers, or ``all``; none for every one.
            name: of the file.

        Raises:
            UserError: a fold or its checkpoint is missing.
        """
        there = sorted(entry.name.removeprefix("fold_") for entry in self.path.glob("fold_*") if entry.is_dir())
        numbered = [fold for fold in there if fold.isdecimal()]
        wanted = list(folds) or sorted(numbered, key=int) or there
        if not wanted:
            msg = f"{self.path} has no folder fold_0 with a checkpoint: get the model again."
            raise UserError(msg)
        for fold in wanted:
            if fold not in there:
                msg = f"{self.path} has no fold_{fold}, but {', '.join(f'fold_{each}' for each in there) or 'none'}."
                raise UserError(msg)
            place = self.path / f"fold_{fold}"
            if not (place / name).is_file():
                found = ", ".join(sorted(path.name for path in place.glob("*.pth"))) or "none"
                msg = f"{place} has no {name}: name the checkpoint to take (--checkpoint); there is {found}."
                raise UserError(msg)
        return [self.path / f"fold_{fold}" / name for fold in wanted]


def is_nnunet(folder: Path) -> bool:
    """Whether a folder holds a model of nnU-Net's, of any version, somewhere near its top."""
    return bool(_places(folder)) or _is_version_1(folder)


def find_trained(folder: Path, configuration: str | None = None) -> TrainedFolder:
    """The trained configuration in a folder, which may be it or lie above it.

    Args:
        folder: to look in.
        configuration: which, where there are several.

    Raises:
        UserError: there is none, or several and none was named, or its files cannot be read.
    """
    places = _places(folder)
    if configuration is not None:
        places = [place for place in places if place.name.split("__")[-1] == configuration] or places
    if not places and _is_version_1(folder):
        msg = f"{folder} is a model of nnU-Net 1, which is not supported: have it trained again with nnU-Net 2."
        raise UserError(msg)
    if not places:
        msg = f"{folder} holds no model: it needs {PLANS}, {DATASET} and fold_0 with a checkpoint."
        raise UserError(msg)
    if len(places) > 1:
        names = ", ".join(place.name for place in places)
        msg = f"{folder} holds several models ({names}): give the folder of one of them."
        raise UserError(msg)
    place = places[0]
    return TrainedFolder(place, place.resolve().parent.name, _read(place / PLANS), _read(place / DATASET))


def _places(folder: Path) -> list[Path]:
    """Folders with plans and data set: the folder itself, or such as lie in it."""
    for depth in range(_DEEPEST):
        found = sorted(path.parent for path in folder.glob("*/" * depth + PLANS) if path.is_file())
        trained = [place for place in found if (place / DATASET).is_file() or any(place.glob("fold_*"))]
        if trained:
            return trained
    return []


def _is_version_1(folder: Path) -> bool:
    return any(path.is_file() for name in _OF_VERSION_1 for path in folder.glob(f"**/{name}"))


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST_TEXT:
            msg = f"{path} is larger than {_LARGEST_TEXT >> 20} MB, which no such file is: get the model again."
            raise UserError(msg)
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        msg = f"{path} is missing or cannot be read ({error.strerror or error}): get the model again."
        raise UserError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} is damaged and not JSON: get the model again."
        raise UserError(msg) from error
