"""The record of a trial, on disk beside its model before anything else is, so that what is there is not done again.

A trial's folder holds its model in ``model``, the model's log in ``model-log`` and one file that says what was trained,
and on what; kinds of trials add what they measure.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import ValidationError

from ..core.atomic_files import refuse_folder, whole_file
from ..core.errors import UserError
from ..core.sanitize import strip_folders_of_content
from ..core.schema import StrictModel
from ..datasets.checksums import fingerprints, label_fingerprints
from ..models import model_folder
from ..training.checkpoints import remove_checkpoints, unfinished_log
from ..training.earlier_recipes import completed
from ..training.fit import fit
from ..training.recipe import Recipe
from ..training.resume import count_others, differing_keys, flatten_entries, shorten_value
from .run_options import RunOptions
from .twin_models import take_twin_model

if TYPE_CHECKING:
    from typing_extensions import Self

MODEL_FOLDER = "model"

AnyRecord = TypeVar("AnyRecord", bound="TrialRecord")


class TrialRecord(StrictModel):
    """The content of a trial's file.

    Args:
        recipe: that is trained.
        data: digests of the data's names and sizes, by folder and patient.
        labels: digests of what is in the files of labels; None in records of before these were taken.
    """

    FILE: ClassVar[str]
    INDENT: ClassVar[int | None] = None

    format: Literal[1] = 1
    recipe: dict[str, Any]
    data: dict[str, str]
    labels: dict[str, str] | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """The settings that make it another trial, beside recipe and data."""
        return {}

    def adapted(self, wanted: Self) -> Self:  # noqa: ARG002 - kinds that measure what is not trained look at it
        """The record to go on with where the one wanted differs in nothing that is trained."""
        return self

    def write(self, folder: Path) -> None:
        """Write it whole in place of the one before."""
        with whole_file(folder / self.FILE, overwrite=True) as new:
            new.write_text(self.model_dump_json(indent=self.INDENT) + "\n", encoding="utf-8")


def new_record(kind: type[AnyRecord], recipe: Recipe, data: Path, **asked: Any) -> AnyRecord:
    """The record of a trial that is to be done.

    Args:
        kind: of trial.
        recipe: to train.
        data: folder that holds the recipe's data folders.
        asked: what the kind of trial adds.

    Raises:
        UserError: as :func:`LiverTumorSegLib.datasets.checksums.label_fingerprints`.
    """
    stated, known = strip_folders_of_content(recipe.model_dump(mode="json")), fingerprints(recipe.data, data)
    return kind(recipe=stated, data=known, labels=label_fingerprints(recipe.data, data), **asked)


def read_record(kind: type[AnyRecord], folder: Path) -> AnyRecord | None:
    """Read the record in a trial's folder; None where no trial was begun in it.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return kind.model_validate_json((folder / kind.FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        msg = f"{folder / kind.FILE} cannot be read as the record of a trial: delete it to begin the trial anew."
        raise UserError(msg) from error


def begin_trial(wanted: AnyRecord, folder: Path, *, overwrite: bool) -> AnyRecord:
    """The record to go on with, on disk before anything else is.

    Args:
        wanted: of the trial that is to be done.
        folder: of the trial.
        overwrite: whether another trial may be given up.

    Raises:
        UserError: the folder holds another trial or a model that no trial made, or its file is damaged.
    """
    found = read_record(type(wanted), folder)
    if found:
        found = found.adapted(wanted)
        changed = _difference(found, wanted)
        if not changed:
            return found
        if not overwrite:
            msg = f"The trial in {folder} was done {changed}: choose another folder, or do it anew (--overwrite)."
            raise UserError(msg)
    refuse_folder(folder / MODEL_FOLDER, overwrite=overwrite, holds=model_folder.FILES)
    if overwrite:
        (folder / wanted.FILE).unlink(missing_ok=True)  # first, as it would vouch for what is half removed
        remove_checkpoints(folder / MODEL_FOLDER)
        shutil.rmtree(folder / MODEL_FOLDER, ignore_errors=True)
    wanted.write(folder)
    return wanted


def train(recipe: Recipe, data: Path, folder: Path, options: RunOptions) -> None:
    """Train a trial's model, going on where it was interrupted; one that is there is left as it is.

    Args:
        recipe: how.
        data: folder that holds the recipe's data folders.
        folder: of the trial.
        options: whom to tell; its command goes into the model's card as the one that made it.

    Raises:
        UserError: as :func:`LiverTumorSegLib.training.fit.fit`.
        Cancelled: the user asked to stop; what is done stays.
    """
    place = folder / MODEL_FOLDER
    if place.exists():
        return
    if options.twin and take_twin_model(recipe, options.twin, folder, MODEL_FOLDER, options.command):
        return
    fit(
        recipe,
        data,
        place,
        command=options.command,
        device=options.device,
        resume=unfinished_log(place) is not None,
        cache=options.cache,
        say=options.say,
        progress=options.job.at,
        cancel=options.job.cancel,
    )


def _difference(found: TrialRecord, wanted: TrialRecord) -> str:
    """Differences of two trials, in words; nothing where they are the same."""
    recipe = _first(flatten_entries(completed(found.recipe)), flatten_entries(wanted.recipe))
    if recipe:
        return f"with another recipe: {recipe}"
    files, *others = differing_keys(found.data, wanted.data) or _other_labels(found, wanted) or [""]
    if files:
        return f"with other data: the files of {files} have changed{count_others(others)}"
    asked = _first(found.asked, wanted.asked)
    return f"to measure something else: {asked}" if asked else ""


def _other_labels(found: TrialRecord, wanted: TrialRecord) -> list[str]:
    return [] if found.labels is None else differing_keys(found.labels, wanted.labels or {})


def _first(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    changed = differing_keys(old, new)
    if not changed:
        return ""
    key, *others = changed
    return f"{key} was {shorten_value(old.get(key))} and is {shorten_value(new.get(key))}{count_others(others)}"
