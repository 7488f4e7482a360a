"""Measures on single slices as published systems take them, and the trials that take them of held-out slices.

Papers do not say how they join slices to a figure, so each way has a name of its own: pixels of all slices pooled, or
a mean over slices or patients. A slice without the structure in which none is found agrees wholly: in a mean over all
slices it counts 1, as Dice and IoU with a smoothing term in numerator and denominator do in most training scripts.

Of a trial, ``FOLDER/model`` is the model, ``FOLDER/model-log`` its log, and ``FOLDER/slices.json`` says what was
trained and holds what was measured. What is there is not done again: a trial that was ended at any moment goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import reduce
from itertools import accumulate
from operator import add
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from ...core.device import choose_device
from ...core.progress import Job
from ...core.schema import StrictModel
from ...datasets.slices import Patient
from ...evaluation.label_pair import structure_mask
from ...evaluation.overlap import Counts
from ...evaluation.probabilities import Histogram, histogram, measure_curves
from ...inference.predictor import Predictor
from ...models import model_folder
from ...models.model_folder import Model
from ...training import patients
from ...training.held_out import SliceSplit
from ...training.recipe import Recipe
from ...training.slice_sampling import slices_showing
from ..record import MODEL_FOLDER, TrialRecord, begin_trial, new_record, train
from ..run_options import RunOptions
from .systems import Metric, ShownSlices


class SliceScore(NamedTuple):
    """One slice's pixels that are right and wrong, and the distance of the contours where both masks have one."""

    tp: int
    fp: int
    fn: int
    tn: int
    assd_px: float | None

    @property
    def counts(self) -> Counts:
        """Without the distance."""
        return Counts(self.tp, self.fp, self.fn, self.tn)


class SliceScores(StrictModel):
    """The measures of one structure.

    Args:
        slices: in any order.
        inside: pixels of the structure by level of probability, as :class:`Histogram` has them; empty if not counted.
        outside: the same of the others.
        patients: whose the slices are: each patient's name, and how many there are in a row.
    """

    slices: tuple[SliceScore, ...]
    inside: tuple[int, ...] = ()
    outside: tuple[int, ...] = ()
    patients: tuple[tuple[str, int], ...] = ()

    @property
    def histogram(self) -> Histogram | None:
        """Of the probabilities, where they were counted."""
        return Histogram(np.array(self.inside), np.array(self.outside)) if self.inside else None

    @property
    def by_patient(self) -> dict[str, Counts]:
        """Pixels of all slices of a patient together; empty where it is not known whose they are."""
        ends = list(accumulate(count for _, count in self.patients))
        parts = (self.slices[start:end] for start, end in zip([0, *ends], ends, strict=False))
        return {name: _total(part) for (name, _), part in zip(self.patients, parts, strict=True)}


class MeasuredFigure(NamedTuple):
    """A figure and how many slices it is over; None where it is not defined."""

    value: float | None
    slices: int


def score_slice(found: NDArray[np.bool_], reference: NDArray[np.bool_], *, distances: bool = True) -> SliceScore:
    """Compare two masks ``[row, column]``, with their contours if these are wanted."""
    both, mine, theirs = (int(np.count_nonzero(each)) for each in (found & reference, found, reference))
    assd = _assd(found, reference) if distances and mine and theirs else None
    return SliceScore(both, mine - both, theirs - both, found.size - mine - theirs + both, assd)


def compute_metric(name: str, several: Sequence[SliceScores]) -> MeasuredFigure:
    """A measure over the slices of one or several trainings, each with its own held-out ones.

    Args:
        name: of :data:`MEASURES`.
        several: of one structure.
    """
    if name == "auc":
        histograms = [scores.histogram for scores in several if scores.histogram]
        pooled = measure_curves(reduce(add, histograms))["auc"] if histograms else None
        return MeasuredFigure(pooled, sum(len(scores.slices) for scores in several))
    if name in PATIENT_MEASURES:
        return _mean(patient_values(several).values())
    slices = [one for scores in several for one in scores.slices]
    return _POOLED[name](slices) if name in _POOLED else _mean(map(_BY_SLICE[name], slices))


def patient_values(several: Sequence[SliceScores]) -> dict[str, float | None]:
    """Dice of each patient's held-out slices together, None where their reference does not show the structure."""
    counts = {name: one for scores in several for name, one in scores.by_patient.items()}
    return {name: one.dice if one.tp + one.fn else None for name, one in counts.items()}


def _total(slices: Sequence[SliceScore]) -> Counts:
    return Counts(*(sum(one[at] or 0 for one in slices) for at in range(4)))  # type: ignore[arg-type]


def _pooled(key: str) -> Callable[[Sequence[SliceScore]], MeasuredFigure]:
    def measured(slices: Sequence[SliceScore]) -> MeasuredFigure:
        return MeasuredFigure(_total(slices).measures()[key], len(slices))

    return measured


def _mean(values: Iterable[float | None]) -> MeasuredFigure:
    defined = [value for value in values if value is not None]
    return MeasuredFigure(fmean(defined) if defined else None, len(defined))


def _agreed(value: float | None) -> float:
    """Of a slice; nothing to find, and nothing found, is full agreement."""
    return 1.0 if value is None else value


_POOLED = {key: _pooled(key) for key in ("accuracy", "sensitivity", "specificity", "dice", "iou")}
_POOLED["f1"] = _POOLED["dice"]
_BY_SLICE: dict[str, Callable[[SliceScore], float | None]] = {
    "mean_dice": lambda one: _agreed(one.counts.dice),
    "mean_iou": lambda one: _agreed(one.counts.iou),
    "shown_dice": lambda one: one.counts.dice if one.tp + one.fn else None,
    "shown_assd_px": lambda one: one.assd_px,
}
PATIENT_MEASURES = ("patient_dice",)
"""Measures that are means over patients."""

MEASURES = {
    "accuracy": "share of all pixels that are right, slices pooled",
    "f1": "harmonic mean of precision and sensitivity of all pixels, slices pooled, which is the same as their Dice",
    "sensitivity": "share of the structure's pixels that were found, slices pooled",
    "specificity": "share of all other pixels that were left alone, slices pooled",
    "dice": "Dice of all pixels, slices pooled",
    "iou": "IoU of all pixels, slices pooled",
    "auc": "area under the ROC curve of all pixels, slices pooled",
    "mean_dice": "mean over slices of Dice, 1 where there is nothing and nothing is found",
    "mean_iou": "mean over slices of IoU, 1 where there is nothing and nothing is found",
    "shown_dice": "mean over the slices whose reference shows the structure of Dice, 0 where none of it is found",
    "patient_dice": "mean over the patients whose held-out slices show the structure of Dice, their pixels pooled",
    "shown_assd_px": "mean over the slices in which both show the structure of the average symmetric distance of the "
    "contours, in pixels",
}
"""Each measure's definition in words."""


def _assd(found: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Mean over the contours' pixels of the distance to the other contour, in pixels; neither mask is empty.

    A contour is the pixels of a mask that share a side with one outside it; beyond the slice all is outside.
    """
    mine, theirs = (mask & ~ndimage.binary_erosion(mask) for mask in (found, reference))
    ways = [ndimage.distance_transform_edt(~there)[here] for here, there in ((mine, theirs), (theirs, mine))]
    return float(np.concatenate(ways).mean())


class _Tally:
    """Sums so far of one structure."""

    def __init__(self, structure: str, measures: Collection[str | None]) -> None:
        self._structure = structure
        self._distances, self._curve = "shown_assd_px" in measures, "auc" in measures
        self._slices: list[SliceScore] = []
        self._patients: dict[str, int] = {}
        self._histogram: Histogram | None = None

    def add(
        self, name: str, found: NDArray[np.uint8], reference: NDArray[np.uint8], likely: NDArray[np.float32]
    ) -> None:
        """Slices of the patient of this name; all of one patient follow each other."""
        self._patients[name] = self._patients.get(name, 0) + len(found)
        ours, theirs = structure_mask(found, self._structure), structure_mask(reference, self._structure)
        self._slices += [score_slice(*pair, distances=self._distances) for pair in zip(ours, theirs, strict=True)]
        if self._curve:
            counted = histogram(theirs, likely)
            self._histogram = counted if self._histogram is None else self._histogram + counted

    def scores(self) -> SliceScores:
        counted, whose = self._histogram, tuple(self._patients.items())
        if counted is None:
            return SliceScores(slices=tuple(self._slices), patients=whose)
        inside, outside = (tuple(counts.tolist()) for counts in (counted.positives, counted.negatives))
        return SliceScores(slices=tuple(self._slices), inside=inside, outside=outside, patients=whose)


@torch.inference_mode()
def measure_slices(
    trained: Model, patients: Sequence[Patient], metrics: Sequence[Metric], shown: ShownSlices, *, device: str, job: Job
) -> dict[str, SliceScores]:
    """Measure each structure of some metrics on every slice of some patients.

    Args:
        trained: from :func:`LiverTumorSegLib.models.model_folder.load`.
        patients: with the slices to measure, preprocessed by the model's chain.
        metrics: what is to be known.
        shown: which of the slices are measured.
        device: where to run.
        job: told of every patient.

    Raises:
        UserError: the device is not there, or has too little memory for a single slice.
        Cancelled: the user asked to stop.
    """
    precision = "auto" if trained.description.preprocessing.fits_8_bits else "float32"
    engine = Predictor(trained.network, choose_device(device, precision))
    structures: dict[str, None] = dict.fromkeys(metric.structure for metric in metrics if metric.structure)
    tallies = {name: _Tally(name, {m.slices for m in metrics if m.structure == name}) for name in structures}
    for number, patient in enumerate(patients):
        job.at(number / len(patients), f"Measuring slices of {patient.name}")
        _add(tallies, trained, engine, patient, slices_showing(patient, shown).tolist())
    return {name: tally.scores() for name, tally in tallies.items()}


def _add(
    tallies: Mapping[str, _Tally], trained: Model, engine: Predictor, patient: Patient, positions: Sequence[int]
) -> None:
    head, stack = trained.description.head, trained.description.stack

    def work(batch: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        stacks = [patient.stack(patient.neighbours(at, stack.spacing_mm, stack.slices)) for at in batch]
        channels = torch.stack(stacks).to(engine.placement.device, engine.placement.dtype)
        over = head.over_background(engine(channels)).float()
        most, channel = over.max(dim=1)
        values = torch.tensor(head.values, dtype=torch.uint8, device=over.device)
        shares = F.pad(over, (0, 0, 0, 0, 1, 0)).softmax(dim=1)[:, 1:]
        likely = shares.flip(1).cumsum(1).flip(1).clamp_max(1)  # a label or one above it: lesions are liver too
        return torch.where(most > 0, values[channel], 0).cpu(), likely.cpu()

    at = 0
    for found, likely in engine.in_batches(positions, work):
        reference = patient.labels[list(positions[at : at + len(found)])].numpy()
        for number, name in enumerate(trained.description.labels[1:]):
            if name in tallies:
                tallies[name].add(patient.name, found.numpy(), reference, likely[:, number].numpy())
        at += len(found)


_OF_TRAINING = 0.9


class SliceRecord(TrialRecord):
    """The content of ``slices.json``.

    Args:
        metrics: what is measured, on slices that show this.
        shown: see :attr:`.system.Protocol.shown`.
        scores: by structure; None before they are measured.
    """

    FILE: ClassVar[str] = "slices.json"

    metrics: tuple[Metric, ...]
    shown: ShownSlices
    scores: dict[str, SliceScores] | None = None

    @property
    def asked(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"metrics", "shown"})


def run_slice_trial(
    recipe: Recipe, folder: Path, data: Path, metrics: tuple[Metric, ...], shown: ShownSlices, options: RunOptions
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
            :func:`LiverTumorSegLib.training.fit.fit` and :func:`measure_slices`.
        Cancelled: the user asked to stop; what is done stays.
    """
    wanted = new_record(SliceRecord, recipe, data, metrics=metrics, shown=shown)
    record = begin_trial(wanted, folder, overwrite=options.overwrite)
    if record.scores is None:
        train(recipe, data, folder, options.part(0, _OF_TRAINING))
        scores = _measure(recipe, data, folder / MODEL_FOLDER, record, options.part(_OF_TRAINING, 1))
        record = record.model_copy(update={"scores": scores})
        record.write(folder)
    return record.scores or {}


def _measure(
    recipe: Recipe, data: Path, folder: Path, record: SliceRecord, options: RunOptions
) -> dict[str, SliceScores]:
    held_out = patients.read(with_held_out(recipe), data, options.cache, say=lambda _: None, job=options.job).validation
    trained = model_folder.load(folder)
    return measure_slices(trained, held_out, record.metrics, record.shown, device=options.device, job=options.job)


def with_held_out(recipe: Recipe) -> Recipe:
    """A recipe for which what is held out, and is not what training validates on, is read as its validation."""
    changes: dict[str, Any] = {"schedule": recipe.schedule.model_copy(update={"validate_every": 1})}
    if isinstance(recipe.split, SliceSplit):
        changes["split"] = recipe.split.held_out_alone
    if recipe.test:
        changes |= {"validation": recipe.test, "test": ()}
    return recipe.model_copy(update=changes)
