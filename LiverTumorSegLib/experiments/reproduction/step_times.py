"""Times of a row's recipe on this machine: a trial of a few steps on a few patients, measured once and kept.

The trial is a real one, through :func:`.results.measure_trials`, so that reading, training, validating and measuring
take what they will take; what it made is thrown away.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from pydantic import Field, ValidationError

from ...core.about import __version__
from ...core.atomic_files import whole_file
from ...core.progress import Job
from ...core.schema import StrictModel
from ...datasets import cache
from ...datasets.splits import Round
from ...training import patients
from ...training.held_out import SliceSplit
from ...training.recipe import Recipe
from ...training.recipe_options import Callbacks, ConstantRate
from ...training.slice_sampling import slices_showing
from ..run_options import RunOptions
from . import results, systems
from .data import DataSet
from .request import ReproductionRequest
from .results import Trial
from .slice_metrics import with_held_out
from .systems import PublishedRow

FILE = "step-times.json"
_STEPS, _WARM_UP = 12, 4
_FEW_STEPS, _SHORT_WARM_UP = 4, 1
"""Of networks on whole slices, which a CPU takes minutes for."""


class StepTimes(StrictModel):
    """Seconds of a row's parts.

    Slices are those of the CTs as they are stored, whatever of them is taken.

    Args:
        step: of training.
        validation: of a held-out slice in a validation; 0 where there are none.
        measuring: of a held-out slice, in the end.
        reading: of a slice by one process; next to nothing where the cache had it.
        samples: that a slice of those who are trained on gives on average.
    """

    step: float
    validation: float
    measuring: float
    reading: float
    samples: float


class _Kept(StrictModel):
    """The file of times, by a digest of what they are of."""

    times: dict[str, StepTimes] = Field(default_factory=dict)


def measure_row(row: PublishedRow, wanted: ReproductionRequest, data: DataSet, options: RunOptions) -> StepTimes:
    """Take the times of a row, or those that were taken of the same on this machine before.

    Args:
        row: whose.
        wanted: what is reproduced.
        data: as rows are trained from them.
        options: where to run; its cache keeps the patients that are read, and the times.

    Raises:
        UserError: a patient cannot be read, or the row cannot be trained.
        Cancelled: the user asked to stop.
    """
    recipe = _short(wanted, row, data, options.device)
    place = (options.cache or cache.default_folder()) / FILE
    key = _key(recipe, wanted, data, options.device)
    kept = _read(place)
    if key not in kept.times:
        kept.times[key] = _measured(recipe, wanted, data, options)
        with whole_file(place, overwrite=True) as new:
            new.write_text(kept.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return kept.times[key]


def _short(wanted: ReproductionRequest, row: PublishedRow, data: DataSet, device: str) -> Recipe:
    """A few steps on a few patients, of which one is held out, without what may end a training or write of it."""
    names = data.patients
    few = sorted({names[len(names) * part // 4] for part in (1, 2, 3)}, key=names.index)
    if wanted.how.drawn == "patients" and wanted.how.validation and not wanted.how.folds:
        parts = Round(tuple(few[2:]), tuple(few[1:2]), tuple(few[:1]))
    else:
        parts = Round(tuple(few[1:]), tuple(few[:1]))
    recipe = wanted.recipe(row, data, systems.split_of_round(wanted.how, parts, 0))
    slow = wanted.size == "published" and (device == "cpu" or not torch.cuda.is_available())
    steps = _FEW_STEPS if slow else _STEPS
    every = steps if recipe.schedule.validate_every else 0
    changes: dict[str, Any] = {
        "schedule": recipe.schedule.model_copy(
            update={"steps": steps, "policy": ConstantRate(), "validate_every": every}
        ),
        "callbacks": Callbacks(checkpoint_every=0),
    }
    if recipe.patches:  # from anywhere: few patients may lack what shares ask for
        shares = {"lesion": 0.0, "liver": 0.0, "other": 1.0, "joined": 0.0}
        changes["sampling"] = recipe.sampling.model_copy(update=shares)
    return recipe.model_copy(update=changes)


def _measured(recipe: Recipe, wanted: ReproductionRequest, data: DataSet, options: RunOptions) -> StepTimes:
    events: list[tuple[float, str]] = []

    def note(_: float, sentence: str) -> None:
        options.job.at(0, f"Trying {recipe.name}: {sentence}")
        events.append((time.perf_counter(), sentence))

    alone = RunOptions(device=options.device, cache=options.cache, job=Job(note, options.job.cancel))
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(recipe, Path(folder) / "trial")
        results.measure_trials([trial], wanted.system.metrics, wanted.how, data, alone)
    events.append((time.perf_counter(), ""))
    return _times(events, recipe, data, alone)


def _times(events: Sequence[tuple[float, str]], recipe: Recipe, data: DataSet, options: RunOptions) -> StepTimes:
    def first(words: str) -> float:
        return next((at for at, sentence in events if sentence.startswith(words)), events[-1][0])

    found = patients.read(with_held_out(recipe), data.root, options.cache, say=options.say, job=options.job)
    samples = sum(len(slices_showing(patient, recipe.sampling.shuffled or "all")) for patient in found.train)
    slices = {name: data.slices[name] for name in recipe.patients}
    count, split = sum(slices.values()), recipe.split
    if isinstance(split, SliceSplit):
        watched, held_out = count * (split.validation or split.slices), count * split.slices
    else:
        watched = sum(slices[name] for name in recipe.validation)
        held_out = sum(slices[name] for name in recipe.test) or watched
    steps = [at for at, sentence in events if sentence.startswith("Step ")]
    gaps = [after - before for before, after in pairwise(steps)]
    warm = _WARM_UP if len(gaps) > _WARM_UP + 1 else _SHORT_WARM_UP
    step = median(gaps[warm:-1] or gaps)
    return StepTimes(
        step=step,
        validation=max(0.0, gaps[-1] - step) / watched if recipe.schedule.validate_every else 0.0,
        measuring=(events[-1][0] - first("Measuring")) / held_out,
        reading=(first("Starting") - first("Reading")) / count,
        samples=samples / (count - held_out),
    )


def _key(recipe: Recipe, wanted: ReproductionRequest, data: DataSet, device: str) -> str:
    """A digest of all that times follow from."""
    gpu = torch.cuda.get_device_name() if device != "cpu" and torch.cuda.is_available() else ""
    machine = [platform.machine(), platform.processor(), os.cpu_count(), torch.get_num_threads(), gpu, device]
    measured = [metric.model_dump() for metric in wanted.system.metrics]
    stated = [recipe.model_dump(mode="json"), measured, wanted.how.model_dump(), data.in_words, data.slices]
    content = json.dumps([__version__, torch.__version__, machine, stated])
    return hashlib.sha256(content.encode()).hexdigest()


def _read(place: Path) -> _Kept:
    try:
        return _Kept.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return _Kept()
