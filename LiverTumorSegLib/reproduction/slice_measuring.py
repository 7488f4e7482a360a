"""A trained model on held-out slices as preprocessed: no clean-up, nothing brought back to the CT's voxels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ..datasets.slices import Patient
from ..device import place
from ..engine import Engine
from ..evaluation.probabilities import Histogram, histogram
from ..evaluation.structures import mask
from ..model import Model
from ..progress import Job
from ..training.sampling import showing
from .slice_scores import SliceScore, SliceScores, score
from .system import Metric, Shown


class _Tally:
    """What is known so far of one structure."""

    def __init__(self, structure: str, measures: Collection[str | None]) -> None:
        self._structure = structure
        self._distances, self._curve = "shown_assd_px" in measures, "auc" in measures
        self._slices: list[SliceScore] = []
        self._histogram: Histogram | None = None

    def add(self, found: NDArray[np.uint8], reference: NDArray[np.uint8], likely: NDArray[np.float32]) -> None:
        ours, theirs = mask(found, self._structure), mask(reference, self._structure)
        self._slices += [score(*pair, distances=self._distances) for pair in zip(ours, theirs, strict=True)]
        if self._curve:
            counted = histogram(theirs, likely)
            self._histogram = counted if self._histogram is None else self._histogram + counted

    def scores(self) -> SliceScores:
        counted = self._histogram
        if counted is None:
            return SliceScores(slices=tuple(self._slices))
        inside, outside = (tuple(counts.tolist()) for counts in (counted.positives, counted.negatives))
        return SliceScores(slices=tuple(self._slices), inside=inside, outside=outside)


@torch.inference_mode()
def measure_slices(
    trained: Model, patients: Sequence[Patient], metrics: Sequence[Metric], shown: Shown, *, device: str, job: Job
) -> dict[str, SliceScores]:
    """Measure each structure of some metrics on every slice of some patients.

    Args:
        trained: from :func:`LiverTumorSegLib.model.load`.
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
    engine = Engine(trained.network, place(device, precision))
    structures: dict[str, None] = dict.fromkeys(metric.structure for metric in metrics)
    tallies = {name: _Tally(name, {m.slices for m in metrics if m.structure == name}) for name in structures}
    for number, patient in enumerate(patients):
        job.at(number / len(patients), f"Measuring slices of {patient.name}")
        _add(tallies, trained, engine, patient, showing(patient, shown).tolist())
    return {name: tally.scores() for name, tally in tallies.items()}


def _add(
    tallies: Mapping[str, _Tally], trained: Model, engine: Engine, patient: Patient, positions: Sequence[int]
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
                tallies[name].add(found.numpy(), reference, likely[:, number].numpy())
        at += len(found)
