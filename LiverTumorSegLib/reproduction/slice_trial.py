"""One training of a published system, measured on held-out slices.

``FOLDER/model`` is the model, ``FOLDER/model-log`` its log, and ``FOLDER/slices.json`` says what was trained and holds
what was measured. What is there is not done again: a trial that was ended at any moment goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from .. import model
from ..experiments.record import MODEL, Record, begun, record_of, train
from ..experiments.run_options import RunOptions
from ..training import patients
from ..training.recipe import Recipe
from .slice_measuring import measure_slices
from .slice_scores import SliceScores
from .system import Metric, Shown

_OF_TRAINING = 0.9


class SliceRecord(Record):
    """What ``slices.json`` holds.

    Args:
        metrics: what is measured, on slices that show this.
        shown: see :attr:`.system.Protocol.shown`.
        scores: by structure; None before they are measured.
    """

    FILE: ClassVar[str] = "slices.json"

    metrics: tuple[Metric, ...]
    shown: Shown
    scores: dict[str, SliceScores] | None = None

    @property
    def asked(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"metrics", "shown"})


def run_slice_trial(
    recipe: Recipe, folder: Path, data: Path, metrics: tuple[Metric, ...], shown: Shown, options: RunOptions
) -> dict[str, SliceScores]:
    """Train a recipe and measure its model on the slices that it holds out, or on those of its validation patients.

    Args:
        recipe: how to train; its split or its validation patients say what is held out.
        folder: of the trial.
        data: folder that holds the recipe's data folder.
        metrics: what is to be known.
        shown: which of the slices are measured.
        options: where to run, and whom to tell.

    Returns:
        By structure.

    Raises:
        UserError: the folder holds the trial of another recipe or other data, or as
            :func:`LiverTumorSegLib.training.fit.fit` and :func:`.slice_measuring.measure_slices`.
        Cancelled: the user asked to stop; what is done stays.
    """
    wanted = record_of(SliceRecord, recipe, data, metrics=metrics, shown=shown)
    record = begun(wanted, folder, overwrite=options.overwrite)
    if record.scores is None:
        train(recipe, data, folder, options.part(0, _OF_TRAINING))
        scores = _measure(recipe, data, folder / MODEL, record, options.part(_OF_TRAINING, 1))
        record = record.model_copy(update={"scores": scores})
        record.write(folder)
    return record.scores or {}


def _measure(
    recipe: Recipe, data: Path, folder: Path, record: SliceRecord, options: RunOptions
) -> dict[str, SliceScores]:
    held_out = patients.read(held_out_of(recipe), data, options.cache, say=lambda _: None, job=options.job).validation
    trained = model.load(folder)
    return measure_slices(trained, held_out, record.metrics, record.shown, device=options.device, job=options.job)


def held_out_of(recipe: Recipe) -> Recipe:
    """A recipe for which what is held out is read as well."""
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"validate_every": 1})})
