"""Random batches of slices: patients in turn, lesions and liver more often than chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import UserError
from ..datasets.slices import Patient
from ..models.description import SliceStack
from .augmentation import (
    Augmentation,
    Blob,
    BlobRounds,
    Intensities,
    SquarePlacement,
    change_intensities,
    cut_squares,
    draw_blobs,
    draw_intensities,
    draw_placement,
    paint_lesions,
    paint_rounds,
    send_together,
)
from .recipe_options import Sampling

SHOWN = {"all": 0, "liver": 1, "lesion": 2}
"""The largest label that a slice has at least, by what it shows."""


_LOOKED_AT = ("cpu", "mps")
"""Where lesions are painted after a look at the liver: a CPU waits for nothing, and Apple's whole numbers of 64 bits,
which the way without a look needs, were never tried."""


class DrawnSlices(TypedDict):
    """Whole slices and the changes that :func:`augment_slices` makes to them.

    ``slices`` are ``[batch, channel, row, column]``: uint8, [0, 1] times 255, else float32 in the chain's own units;
    ``in_unit`` says whether these are [0, 1]. ``sizes`` are the rows and columns of each slice, ``[batch, 2]``: what
    comes after them in the batch is to be left alone.
    """

    slices: torch.Tensor
    labels: torch.Tensor
    sizes: torch.Tensor
    in_unit: bool
    lesions_apart: torch.Tensor
    placement: SquarePlacement
    blobs: list[Blob]
    depth: float
    intensities: Intensities


class Batch(TypedDict):
    """Network channels ``[batch, channel, row, column]``, labels ``[batch, row, column]``, and whose are apart."""

    pixels: torch.Tensor
    labels: torch.Tensor
    lesions_apart: torch.Tensor


def augment_slices(drawn: DrawnSlices) -> Batch:
    """Cut and change a batch on the device it is on."""
    placement, changes, slices = drawn["placement"], drawn["intensities"], drawn["slices"]
    rounds = None
    if drawn["blobs"] and slices.device.type not in _LOOKED_AT:
        rounds = BlobRounds.of(drawn["blobs"], len(slices), slices.shape[1], drawn["depth"])
    there = send_together([*placement.arrays, *changes.arrays, *(rounds or ())], slices.device)
    pixels, labels = cut_squares(slices, drawn["labels"], placement, drawn["sizes"], there)
    pixels = pixels.div_(255) if slices.dtype == torch.uint8 else pixels
    if rounds:
        pixels, labels = paint_rounds(pixels, labels, drawn["lesions_apart"], rounds, there)
    elif drawn["blobs"]:
        pixels, labels = paint_lesions(pixels, labels, drawn["lesions_apart"], drawn["blobs"], drawn["depth"])
    pixels = change_intensities(pixels, labels, changes, in_window=drawn["in_unit"], there=there)
    return {"pixels": pixels, "labels": labels, "lesions_apart": drawn["lesions_apart"]}


class SliceSampler:
    """Endless random batches of slice stacks and how to change them; the same seed gives the same batches.

    A batch depends on the seed and on its own number alone, so that the sampler can begin at any. A patient is drawn
    with a weight of the square root of its slices, so that no single one dominates, unless slices are shuffled.

    Args:
        patients: whose slices.
        sampling: which of them how often.
        augmentation: how far they are changed.
        stack: neighbours as channels.
        crop: rows and columns of a sample.
        batch: samples of a batch.
        seed: of all that is drawn.
        first: number of the first batch.

    Attributes:
        first: the same.

    Raises:
        UserError: no slice shows what a share of the samples is drawn for, or lesions are to be painted into slices
            that no window has brought to [0, 1].
    """

    def __init__(
        self,
        patients: list[Patient],
        *,
        sampling: Sampling,
        augmentation: Augmentation,
        stack: SliceStack,
        crop: int,
        batch: int,
        seed: int,
        first: int = 0,
    ) -> None:
        self._augmentation, self._stack, self._crop = augmentation, stack, crop
        self._batch, self._seed, self.first, self._centred = batch, seed, first, sampling.centred
        self._in_unit = all(patient.in_unit for patient in patients)
        if augmentation.synthetic_lesions and not self._in_unit:
            msg = (
                "Synthetic lesions are painted into slices from 0 to 1, and the recipe's preprocessing ends elsewhere: "
                "end it in a window, or leave augmentation.synthetic_lesions out."
            )
            raise UserError(msg)
        self._in_bytes = all(patient.pixels.dtype == torch.uint8 for patient in patients)
        self._pools = (
            _Shuffled(patients, sampling.shuffled, seed) if sampling.shuffled else SlicePools(patients, sampling)
        )

    def __iter__(self) -> Iterator[DrawnSlices]:
        return map(self.draw, count(self.first))

    def draw(self, number: int) -> DrawnSlices:
        """The batch of a number; several threads may draw at the same time."""
        random = np.random.default_rng([self._seed, number])
        places = range(number * self._batch, (number + 1) * self._batch)
        samples = [self._sample(*self._pools.draw(place, random), random) for place in places]
        stacks, labels, centres, apart = zip(*samples, strict=True)
        shape = (self._batch, len(stacks[0]), self._crop, self._crop)
        painted = self._augmentation.synthetic_lesions
        return {
            "slices": _stacked(stacks),
            "labels": _stacked(labels),
            "sizes": torch.tensor([one.shape for one in labels]),
            "in_unit": self._in_unit,
            "lesions_apart": torch.tensor(apart),
            "placement": draw_placement(
                self._augmentation, _on_pixels(np.array(centres), self._crop), self._crop, random
            ),
            "intensities": draw_intensities(self._augmentation, shape, random),
            "blobs": draw_blobs(painted, self._batch, random) if painted else [],
            "depth": painted.depth if painted else 1.0,
        }

    def _sample(
        self, patient: Patient, at: int, label: int, random: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[float, float], bool]:
        distance = self._stack.spacing_mm * random.uniform(*self._augmentation.distance)
        chosen = patient.neighbours(at, distance, self._stack.slices)
        stack = patient.channels(chosen) if self._in_bytes else patient.stack(chosen)
        labels = patient.labels[at]
        centre = _centre(labels, label, random) if self._centred else _middle(labels)
        return stack, labels, centre, patient.lesions_apart


class SlicePools:
    """Slices by what they show, patients weighted.

    Args:
        patients: whose slices.
        sampling: which of them how often.
        anywhere: whether a share for anything else is one for all slices, else for those without liver.

    Raises:
        UserError: no slice shows what a share of the samples is drawn for.
    """

    def __init__(self, patients: list[Patient], sampling: Sampling, *, anywhere: bool = False) -> None:
        apart = [p for p in patients if p.lesions_apart]
        joined = [p for p in patients if not p.lesions_apart]
        wanted = [
            (sampling.lesion, apart, 2),
            (sampling.liver, apart, 1),
            (sampling.other, apart, 0),
            (sampling.joined, joined, 1),
        ]
        pools = [(share, _by_patient(group, label, anywhere=anywhere), label) for share, group, label in wanted]
        self._pools = [pool for pool in pools if pool[0] > 0 and pool[1]]
        if not self._pools:
            msg = (
                "No training slice shows what the recipe's sampling asks for: give a share to lesion, liver, other or "
                "joined that the data have."
            )
            raise UserError(msg)
        shares = np.array([share for share, _, _ in self._pools])
        self._shares = shares / shares.sum()

    def draw(self, _place: int, random: np.random.Generator) -> tuple[Patient, int, int]:
        """A patient, the position of one of their slices, and the label that it was drawn for."""
        _, members, label = self._pools[random.choice(len(self._pools), p=self._shares)]
        weights = np.sqrt([len(slices) for _, slices in members])
        patient, slices = members[random.choice(len(members), p=weights / weights.sum())]
        return patient, int(random.choice(slices)), label


class _Shuffled:
    """Each slice that shows something once an epoch; the order follows from the seed and the epoch."""

    def __init__(self, patients: list[Patient], shown: str, seed: int) -> None:
        self._label, self._seed = SHOWN[shown], seed
        self._slices = [(patient, int(at)) for patient in patients for at in slices_showing(patient, shown)]
        if not self._slices:
            msg = (
                f"No training slice shows the {shown} that the recipe's sampling asks for: set sampling.shuffled to "
                "all, or give data that show it."
            )
            raise UserError(msg)
        self._order = lru_cache(maxsize=2)(self._shuffle)  # threads may be in two epochs

    def draw(self, place: int, _random: np.random.Generator) -> tuple[Patient, int, int]:
        epoch, at = divmod(place, len(self._slices))
        return *self._slices[self._order(epoch)[at]], self._label

    def _shuffle(self, epoch: int) -> NDArray[np.intp]:
        apart_from_batches = np.random.default_rng([self._seed, epoch, 1])
        return apart_from_batches.permutation(len(self._slices))


def slices_showing(patient: Patient, shown: str) -> NDArray[np.intp]:
    """Positions of the slices that show the ``liver``, a ``lesion`` or anything (``all``)."""
    return np.flatnonzero(patient.overview.shown >= SHOWN[shown])


def _by_patient(patients: list[Patient], label: int, *, anywhere: bool) -> list[tuple[Patient, np.ndarray]]:
    found = []
    for patient in patients:
        shown = patient.overview.shown
        slices = np.flatnonzero((shown == 0) if label == 0 and not anywhere else (shown >= label))
        if len(slices):
            found.append((patient, slices))
    return found


def _centre(labels: torch.Tensor, label: int, random: np.random.Generator) -> tuple[float, float]:
    height, width = labels.shape
    if label == 0:
        return random.uniform(0.35, 0.65) * height, random.uniform(0.25, 0.75) * width
    row, column = divmod(int(random.choice(np.flatnonzero(labels.numpy() >= label))), width)
    return float(row), float(column)


def _on_pixels(centres: NDArray[np.floating], size: int) -> NDArray[np.floating]:
    """Centres moved by less than a pixel, so that without further changes pixels of a cut are pixels of its slice."""
    to_first = (size - 1) / 2
    return np.floor(centres - to_first) + to_first


def _middle(labels: torch.Tensor) -> tuple[float, float]:
    height, width = labels.shape
    return (height - 1) / 2, (width - 1) / 2


def _stacked(slices: Sequence[torch.Tensor]) -> torch.Tensor:
    rows, columns = (max(one.shape[axis] for one in slices) for axis in (-2, -1))
    stacked = slices[0].new_zeros((len(slices), *slices[0].shape[:-2], rows, columns))
    for place, one in zip(stacked, slices, strict=True):
        place[..., : one.shape[-2], : one.shape[-1]] = one
    return stacked
