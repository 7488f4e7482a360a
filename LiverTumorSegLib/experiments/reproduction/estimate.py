"""What a reproduction will take: steps, hours, memory and room on disk, known before anything starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache as cached
from pathlib import Path

import torch

from ...core.device import choose_device
from ...core.errors import UserError
from ...datasets import cache, sources, volumes
from ...datasets.cache import format_size
from ...datasets.scans import VolumeScan
from ...datasets.volumes import ScanRequest, VolumeSource
from ...models.description import NetworkSpec
from ...networks import create_with_options
from ...networks.cost import Cost, cost
from ...training.recipe import Recipe
from ..record import MODEL_FOLDER
from ..run_options import RunOptions
from .data import DataSet
from .request import ReproductionRequest
from .sizes import held_out_share
from .step_times import StepTimes, measure_row
from .systems import PublishedRow

_HOUR = 3600.0
_STATES = {"sgd": 1, "adagrad": 1, "adam": 2, "adamw": 2}
"""Copies of the weights that an optimiser keeps."""

_PROGRAM_BYTES, _IN_BFLOAT16 = 1e9, 0.5
_PICTURE_BYTES = 0.2
"""Of a pixel of an exported slice and its mask, at most."""


@dataclass(frozen=True)
class RowEstimate:
    """What a row will take.

    Args:
        name: of the row.
        trainings: that are left to do, and how many there are in all.
        steps: of one; None where epochs are counted in what is not known without the times.
        seconds: of all that are left; None where no time was taken.
        step_seconds: of one step; None where no time was taken.
        memory: bytes while it is trained.
        batch: samples that are computed together.
        sample_memory: bytes of that for each sample.
        disk: bytes of its models and of what it keeps while it is trained.
    """

    name: str
    trainings: tuple[int, int]
    steps: int | None
    seconds: float | None
    step_seconds: float | None
    memory: float
    batch: int
    sample_memory: float
    disk: float


@dataclass(frozen=True)
class Estimate:
    """What a protocol's rows will take together.

    Args:
        rows: of each.
        reading: seconds until the CTs that the cache lacks are read; None where no time was taken.
        cache_bytes: by which the cache grows.
        output_bytes: by which the folder grows at most.
        folders: of cache and output.
        memory_free: of the device; None where it is not known.
        device: where it will run.
    """

    rows: tuple[RowEstimate, ...]
    reading: float | None
    cache_bytes: float
    output_bytes: float
    folders: tuple[Path, Path]
    memory_free: float | None
    device: str

    @property
    def seconds(self) -> float | None:
        """Of everything; None where no time was taken."""
        times = [self.reading, *(row.seconds for row in self.rows)]
        return None if None in times else sum(filter(None, times))

    def of_whole_row(self, name: str) -> float | None:
        """Seconds that a row will take, reading aside; None where none of it was to be done, or only a part."""
        rows = [row for row in self.rows if row.name == name and row.trainings[0] == row.trainings[1]]
        return rows[0].seconds if rows else None

    def refuse_unfitting(self) -> None:
        """Refuse what the machine has no memory or no room for.

        Raises:
            UserError: it has not, with what would fit.
        """
        needed: dict[int, tuple[float, Path]] = {}
        for size, folder in zip((self.cache_bytes, self.output_bytes), self.folders, strict=True):
            disk = cache.nearest_folder(folder).stat().st_dev
            before, _ = needed.get(disk, (0.0, folder))
            needed[disk] = before + size, folder
        for size, folder in needed.values():
            _refuse_full(size, folder)
        for row in self.rows:
            _refuse_large(row, self.memory_free, self.device)

    def sentences(self) -> Iterator[str]:
        """All of it, a sentence for each row and for everything together."""
        for row in self.rows:
            yield _row_in_words(row)
        seconds = self.seconds
        hours = "Times are not taken for so short a run" if seconds is None else f"In all about {in_hours(seconds)}"
        if self.reading and self.reading > 60:
            hours += f", of which {in_hours(self.reading)} to read the CTs once"
        if any(row.seconds for row in self.rows):
            hours += "; a training that ends early, where its row may, takes less"
        yield f"{hours}."
        most = max((row.memory for row in self.rows), default=0.0)
        free = "" if self.memory_free is None else f" of {format_size(self.memory_free)} that are free"
        yield f"Memory: about {format_size(most)}{free} on {self.device}."
        yield (
            f"Disk: {format_size(self.cache_bytes)} more in the cache ({self.folders[0]}) and up to "
            f"{format_size(self.output_bytes)} in {self.folders[1]}."
        )


def in_hours(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 1.5 * _HOUR else f"{seconds / _HOUR:.1f} hours"


def estimate(wanted: ReproductionRequest, data: DataSet, options: RunOptions, *, timed: bool) -> Estimate:
    """Find out what a reproduction will take.

    Args:
        wanted: what is reproduced.
        data: of the user.
        options: where it will run.
        timed: whether times are taken, by a few steps of each row that is not done, or known from before.

    Raises:
        UserError: there is no such device, or as :func:`.step_times.measure_row`.
        Cancelled: the user asked to stop.
    """
    folder = options.cache or cache.default_folder()
    device = choose_device(options.device, "auto").device
    every = wanted.thinning(data)
    drafts = [wanted.draft(row, data) for row in wanted.rows]
    treated = data.treated(wanted.system.damaged)
    used = [treated if recipe.patches else treated.thinned(every) for recipe in drafts]
    requests = [each for recipe, these in zip(drafts, used, strict=True) for each in _requests(recipe, these, device)]
    size = volumes.missing_bytes(requests, folder)
    rows, reading = [], 0.0
    for row, recipe, these in zip(wanted.rows, drafts, used, strict=True):
        left = [place for place in wanted.trainings(row) if not (place / MODEL_FOLDER).exists()]
        times = measure_row(row, wanted, these, options) if timed and left else None
        rows.append(_row(row, recipe, wanted, data, len(left), times))
        reading = max(reading, times.reading if times else 0.0)
    processes = max(1, min(os.cpu_count() or 1, len(data.patients) // 4))
    exported = wanted.how.exported and data.can_be_exported
    return Estimate(
        rows=tuple(rows),
        reading=reading * sum(data.slices.values()) / processes if timed and size else 0.0 if timed else None,
        cache_bytes=size,
        output_bytes=sum(row.disk for row in rows) + (_exported_bytes(drafts, data, every) if exported else 0.0),
        folders=(folder, wanted.folder),
        memory_free=_free_memory(device),
        device=str(device),
    )


def _row(
    row: PublishedRow, recipe: Recipe, wanted: ReproductionRequest, data: DataSet, left: int, times: StepTimes | None
) -> RowEstimate:
    share, apart = _held_out(wanted, len(data.patients)), _held_back(wanted)
    slices = sum(data.slices.values())
    steps: int | None = recipe.schedule.steps
    if wanted.counts_epochs:
        trained = (1 - share - apart) * (
            len(data.patients) if recipe.patches else slices * (times.samples if times else 0)
        )
        steps = wanted.with_steps(recipe, row, max(1, round(trained))).schedule.steps if trained else None
    seconds = None
    if times and steps:
        validations = steps // recipe.schedule.validate_every if recipe.schedule.validate_every else 0
        training = steps * times.step + (apart or share) * slices * validations * times.validation
        measuring = share * slices * times.measuring
        seconds = left * (measuring if _has_twins(row, wanted) else training + measuring)
    fixed, sample = _memory(recipe)
    batch = recipe.schedule.micro_batch or recipe.schedule.batch
    weights = fixed - _PROGRAM_BYTES
    count = len(wanted.trainings(row))
    return RowEstimate(
        name=row.name,
        trainings=(left, count),
        steps=steps,
        seconds=0.0 if not left else seconds,
        step_seconds=times.step if times else None,
        memory=fixed + batch * sample,
        batch=batch,
        sample_memory=sample,
        disk=left * weights / 4 + (2 * weights if left else 0.0),
    )


def _has_twins(row: PublishedRow, wanted: ReproductionRequest) -> bool:
    """Whether its models will be there, trained as another row's."""
    there = all(twin and (twin / MODEL_FOLDER).exists() for twin in wanted.twins(row))
    return there or row.trained_as in [each.name for each in wanted.rows]


def _held_out(wanted: ReproductionRequest, patients: int) -> float:
    """The share that one training holds out."""
    folds = len(wanted.trainings(wanted.system.rows[0]))
    if folds > 1:
        return 1 / folds
    how = wanted.how
    return (how.held_out if how.drawn == "slices" else held_out_share(how.held_out, wanted.size, patients)) or 0.0


def _held_back(wanted: ReproductionRequest) -> float:
    """The share that one training validates on and does not measure."""
    share = wanted.how.validation or 0.0
    folds = len(wanted.trainings(wanted.system.rows[0]))
    return share * (1 - 1 / folds) if folds > 1 else share


def _memory(recipe: Recipe) -> tuple[float, float]:
    """Bytes of program, weights, gradients, average and optimiser, and bytes of each sample of a step."""
    size = recipe.patches.size if recipe.patches else (recipe.crop or 0,) * 2
    found = _cost(recipe.network.model_dump_json(), tuple(size))
    copies = 3 + _STATES[recipe.schedule.optimizer.name]
    half = _IN_BFLOAT16 if recipe.schedule.precision != "32-true" else 1.0
    return _PROGRAM_BYTES + 4.0 * found.parameters * copies, half * found.training_bytes


@cached
def _cost(network: str, size: tuple[int, ...]) -> Cost:
    """Of a network's JSON: rows of a table often differ in their images alone."""
    spec = NetworkSpec.model_validate_json(network)
    with torch.device("meta"):  # shapes alone
        return cost(create_with_options(spec.name, spec.in_channels, spec.classes, spec.options), size)


def _requests(recipe: Recipe, data: DataSet, device: torch.device) -> list[ScanRequest]:
    spacing = recipe.patches.spacing_mm if recipe.patches else None
    place = str(device) if device.type == "cuda" else "cpu"
    return [
        ScanRequest(scan, source, recipe.preprocessing, spacing, place, recipe.frame)
        for layout in data.used
        for scan in layout.scans
        if isinstance(scan, VolumeScan)
        and isinstance(source := sources.source_of(data.sources, data.root, scan.name), VolumeSource)
    ]


def _exported_bytes(drafts: Sequence[Recipe], data: DataSet, every: int) -> float:
    sizes = [recipe.crop or 0 for recipe in drafts]
    return _PICTURE_BYTES * max(sizes) ** 2 * 4 * sum(data.slices.values()) / every


def _free_memory(device: torch.device) -> float | None:
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024.0 * int(kilobytes[0]) if kilobytes else None


def _refuse_full(needed: float, folder: Path) -> None:
    free = shutil.disk_usage(cache.nearest_folder(folder)).free
    if needed > free:
        msg = (
            f"This needs {format_size(needed)} on the disk of {folder}, which has {format_size(free)} left: free "
            f"{format_size(needed - free)}, give folders on another disk (-o, --cache), or take --size small."
        )
        raise UserError(msg)


def _refuse_large(row: RowEstimate, free: float | None, device: str) -> None:
    if free is None or row.memory <= free or not row.trainings[0]:
        return
    fitting = int((free - (row.memory - row.batch * row.sample_memory)) // row.sample_memory)
    smaller = f"--set schedule.batch={fitting} would fit, or" if fitting > 0 else "take"
    msg = (
        f"{row.name} needs about {format_size(row.memory)} of memory, and {device} has {format_size(free)} free: "
        f"{smaller} --size small, or a device with more."
    )
    raise UserError(msg)


def _row_in_words(row: RowEstimate) -> str:
    left, count = row.trainings
    if not left:
        return f"{row.name}: done."
    times = f"{left} trainings of " if left > 1 else ""
    done = f" ({count - left} done)" if left < count else ""
    steps = "as many steps as its epochs have" if row.steps is None else f"{row.steps} steps"
    took = "" if row.step_seconds is None else f" of {row.step_seconds:.2g} seconds"
    hours = "" if row.seconds is None else f", about {in_hours(row.seconds)}"
    return f"{row.name}: {times}{steps}{took}{done}{hours}."
