"""Random batches of patches of volumes: patients in turn, lesions and liver more often than chance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TypedDict

import numpy as np
import torch

from ..datasets.slices import Patient
from ..models.description import Patches
from .augmentation import (
    Augmentation,
    Intensities,
    PatchPlacement,
    change_intensities,
    cut_patches,
    draw_intensities,
    draw_patches,
    send_together,
)
from .recipe_options import Sampling
from .slice_sampling import Batch, SlicePools


class DrawnPatches(TypedDict):
    """Parts of volumes and the changes that :func:`augment_patches` makes to them.

    ``boxes`` are ``[channel, slice, row, column]`` of any size, each with all that its patch can need: uint8, [0, 1]
    times 255, else float32 in the chain's own units; ``in_unit`` says whether these are [0, 1].
    """

    boxes: list[torch.Tensor]
    labels: list[torch.Tensor]
    in_unit: bool
    lesions_apart: torch.Tensor
    placement: PatchPlacement
    intensities: Intensities


def augment_patches(drawn: DrawnPatches) -> Batch:
    """Cut and change a batch on the device it is on."""
    placement, changes = drawn["placement"], drawn["intensities"]
    there = send_together([*placement.arrays, *changes.arrays], drawn["boxes"][0].device)
    pixels, labels = cut_patches(drawn["boxes"], drawn["labels"], placement, there)
    pixels = pixels.div_(255) if drawn["boxes"][0].dtype == torch.uint8 else pixels
    pixels = change_intensities(pixels, labels, changes, in_window=drawn["in_unit"], there=there)
    return {"pixels": pixels, "labels": labels, "lesions_apart": drawn["lesions_apart"]}


class PatchSampler:
    """Endless random batches of patches and how to change them; the same seed gives the same batches.

    As :class:`.sampling.SliceSampler` draws slices, but for what a patch is centred on: a voxel of what it was drawn
    for, of a slice that shows it.

    Args:
        patients: whose volumes, resampled.
        sampling: what patches are centred on, how often.
        augmentation: how far they are changed.
        patches: their size, and the spacing of the volumes.
        batch: patches of a batch.
        seed: of all that is drawn.
        first: number of the first batch.

    Attributes:
        first: the same.

    Raises:
        UserError: no volume shows what a share of the patches is drawn for.
    """

    def __init__(
        self,
        patients: list[Patient],
        *,
        sampling: Sampling,
        augmentation: Augmentation,
        patches: Patches,
        batch: int,
        seed: int,
        first: int = 0,
    ) -> None:
        self._augmentation, self._patches = augmentation, patches
        self._batch, self._seed, self.first = batch, seed, first
        self._in_unit = all(patient.in_unit for patient in patients)
        self._in_bytes = all(patient.pixels.dtype == torch.uint8 for patient in patients)
        self._pools = SlicePools(patients, sampling, anywhere=True)

    def __iter__(self) -> Iterator[DrawnPatches]:
        return map(self.draw, count(self.first))

    def draw(self, number: int) -> DrawnPatches:
        """The batch of a number; several threads may draw at the same time."""
        random = np.random.default_rng([self._seed, number])
        drawn = [self._pools.draw(place, random) for place in range(self._batch)]
        patients = [patient for patient, _, _ in drawn]
        centres = np.array([_centre(*each, random) for each in drawn])
        shapes = np.array([patient.labels.shape for patient in patients])
        size, spacing_mm = self._patches.size, self._patches.spacing_mm
        placement = draw_patches(self._augmentation, centres, shapes, size, spacing_mm, random)
        first, stop = (edge.clip(0, shapes) for edge in placement.reach())
        parts = [tuple(map(slice, *ends)) for ends in zip(first, stop, strict=True)]
        shape = (self._batch, patients[0].pixels.shape[1], *size)
        return {
            "boxes": [self._box(patient, part) for patient, part in zip(patients, parts, strict=True)],
            "labels": [patient.labels[part].contiguous() for patient, part in zip(patients, parts, strict=True)],
            "in_unit": self._in_unit,
            "lesions_apart": torch.tensor([patient.lesions_apart for patient in patients]),
            "placement": placement.within(first),
            "intensities": draw_intensities(self._augmentation, shape, random),
        }

    def _box(self, patient: Patient, part: tuple[slice, ...]) -> torch.Tensor:
        slices, *plane = part
        pixels = patient.pixels[(slices, slice(None), *plane)].transpose(0, 1).contiguous()
        if self._in_bytes:
            return pixels
        return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()


def _centre(patient: Patient, at: int, label: int, random: np.random.Generator) -> tuple[float, float, float]:
    """Slice, row and column of a voxel with the label or one above it."""
    labels = patient.labels[at].numpy()
    row, column = divmod(int(random.choice(np.flatnonzero(labels >= label))), labels.shape[1])
    return float(at), float(row), float(column)
