"""Which slice is seen next: patients in turn, lesions and liver more often than chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import numpy as np
import torch
from torch.utils.data import IterableDataset

from ..datasets.slices import Patient
from ..model import Stack
from .augmentation import Augmentation, change_intensities, cut, draw_placement
from .recipe import Sampling


class Batch(TypedDict):
    """Network channels ``[batch, channel, row, column]``, labels ``[batch, row, column]``, and whose are apart."""

    pixels: torch.Tensor
    labels: torch.Tensor
    lesions_apart: torch.Tensor


class SliceSampler(IterableDataset[Batch]):
    """Endless random batches of augmented slice stacks; the same seed gives the same batches.

    A patient is drawn with a weight of the square root of its slices, so that no single one dominates.
    """

    def __init__(
        self,
        patients: list[Patient],
        *,
        sampling: Sampling,
        augmentation: Augmentation,
        stack: Stack,
        crop: int,
        batch: int,
        seed: int,
    ) -> None:
        self._augmentation, self._stack, self._crop = augmentation, stack, crop
        self._batch, self._seed = batch, seed
        self._pools = _Pools(patients, sampling)

    def __iter__(self) -> Iterator[Batch]:
        random = np.random.default_rng(self._seed)
        while True:
            samples = [self._sample(*self._pools.draw(random), random) for _ in range(self._batch)]
            pixels, labels, apart = zip(*samples, strict=True)
            yield {
                "pixels": torch.stack(pixels),
                "labels": torch.stack(labels),
                "lesions_apart": torch.tensor(apart),
            }

    def _sample(
        self, patient: Patient, at: int, label: int, random: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, bool]:
        distance = self._stack.spacing_mm * random.uniform(0.5, 1.5)
        chosen = patient.neighbours(at, distance, self._stack.slices)
        pixels = patient.pixels[chosen].float() / 255
        placement = draw_placement(self._augmentation, _centre(patient.labels[at], label, random), self._crop, random)
        image, mask = cut(pixels, patient.labels[at], placement)
        return change_intensities(image, mask, self._augmentation, random), mask, patient.lesions_apart


class _Pools:
    """Slices by what they show, patients weighted."""

    def __init__(self, patients: list[Patient], sampling: Sampling) -> None:
        apart = [p for p in patients if p.lesions_apart]
        joined = [p for p in patients if not p.lesions_apart]
        wanted = [
            (sampling.lesion, apart, 2),
            (sampling.liver, apart, 1),
            (sampling.other, apart, 0),
            (sampling.joined, joined, 1),
        ]
        pools = [(share, _by_patient(group, label), label) for share, group, label in wanted]
        self._pools = [pool for pool in pools if pool[0] > 0 and pool[1]]
        shares = np.array([share for share, _, _ in self._pools])
        self._shares = shares / shares.sum()

    def draw(self, random: np.random.Generator) -> tuple[Patient, int, int]:
        _, members, label = self._pools[random.choice(len(self._pools), p=self._shares)]
        weights = np.sqrt([len(slices) for _, slices in members])
        patient, slices = members[random.choice(len(members), p=weights / weights.sum())]
        return patient, int(random.choice(slices)), label


def _by_patient(patients: list[Patient], label: int) -> list[tuple[Patient, np.ndarray]]:
    found = []
    for patient in patients:
        shown = patient.labels.flatten(1).amax(1).numpy()
        slices = np.flatnonzero((shown == 0) if label == 0 else (shown >= label))
        if len(slices):
            found.append((patient, slices))
    return found


def _centre(labels: torch.Tensor, label: int, random: np.random.Generator) -> tuple[float, float]:
    height, width = labels.shape
    if label == 0:
        return random.uniform(0.35, 0.65) * height, random.uniform(0.25, 0.75) * width
    places = torch.nonzero(labels >= label)
    row, column = places[int(random.integers(len(places)))].tolist()
    return float(row), float(column)
