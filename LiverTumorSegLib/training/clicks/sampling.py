"""Random batches of patches with one lesion each, and the clicks that a network is given for them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.labels import LESION_LABEL, LIVER_LABEL
from ...datasets.slices import Patient
from ...inference.clicks.patches import Millimetres, Patch, cut
from ...models.description import ClickPatches
from ..augmentation import Augmentation, Intensities, change_intensities, draw_intensities
from ..slice_sampling import Batch
from .bases import outline_to_improve
from .lesions import ClickPatient, Lesion, click_patients
from .options import ClickSampling
from .painting import paint_lesion
from .reader import first_click, scattered

_TRIES = 8


class DrawnClicks(TypedDict):
    """Patches and the changes that :func:`augment_clicks` makes to them.

    ``image`` is ``[batch, 1, slice, row, column]`` in the unit of the preprocessing; ``labels`` are 1 for the liver and
    2 for the one lesion. ``liver`` is the liver's median and ``zoom`` how much larger voxels are than the finest, both
    ``[batch]``; ``steps`` are the voxels' sides and ``first`` the first clicks in voxels, both ``[batch, 3]``; and
    ``seeds`` are for what the reader does next. ``automatic`` is another model's probability, ``[batch, slice, row,
    column]``, 0 where a sample's ``automatic_known`` is False. ``base`` is the outline to be improved, of the same
    shape, 0 where ``improved`` is False.
    """

    image: torch.Tensor
    labels: torch.Tensor
    liver: torch.Tensor
    zoom: torch.Tensor
    steps: torch.Tensor
    first: torch.Tensor
    seeds: torch.Tensor
    automatic: torch.Tensor
    automatic_known: torch.Tensor
    base: torch.Tensor
    improved: torch.Tensor
    lesions_apart: torch.Tensor
    intensities: Intensities


class ClickBatch(Batch):
    """A batch whose ``pixels`` are images alone, with what the reader needs to click."""

    liver: torch.Tensor
    zoom: torch.Tensor
    steps: torch.Tensor
    first: torch.Tensor
    seeds: torch.Tensor
    automatic: torch.Tensor
    automatic_known: torch.Tensor
    base: torch.Tensor
    improved: torch.Tensor


_UNCHANGED = ("zoom", "steps", "first", "seeds", "automatic", "automatic_known", "base", "improved", "lesions_apart")


def augment_clicks(drawn: DrawnClicks) -> ClickBatch:
    """Change intensities on the device that the batch is on; the liver's median changes with the liver."""
    image, labels = drawn["image"], drawn["labels"]
    pixels = change_intensities(image, labels, drawn["intensities"], in_window=True)
    liver = _changed_liver(drawn["liver"], drawn["intensities"])
    rest = {name: drawn[name] for name in _UNCHANGED}  # type: ignore[literal-required]
    return {"pixels": pixels, "labels": labels, "liver": liver, **rest}  # type: ignore[typeddict-item]


def _changed_liver(liver: torch.Tensor, changes: Intensities) -> torch.Tensor:
    one = changes._replace(noise=None, resolution=np.ones_like(changes.resolution))
    each = liver.reshape(-1, 1, 1, 1, 1)
    return change_intensities(each, torch.ones_like(each[:, 0]), one, in_window=True).reshape(-1)


class _Sample(NamedTuple):
    """One patch: its image, labels, the liver's median, zoom, voxels' sides but for magnification, and first click.

    ``automatic`` is another model's probability, None where it is not shown; ``base`` the outline to be improved, None
    where there is none.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    liver: float
    zoom: float
    step_mm: Millimetres
    first: Millimetres
    automatic: NDArray[np.float32] | None = None
    base: NDArray[np.bool_] | None = None


class ClickSampler:
    """Endless random batches of patches around lesions; the same seed gives the same batches.

    A batch depends on the seed and on its own number alone. People are drawn with a weight of the square root of their
    lesions, then a size of lesion that they have, then a lesion of it, so that neither the patient nor the size with
    the most dominates.

    Args:
        patients: preprocessed to a fixed spacing.
        pixel_mm: that spacing.
        sampling: what is drawn.
        patches: what the network sees.
        augmentation: how far intensities are changed, and how far patches are turned.
        batch: samples of a batch.
        seed: of all that is drawn.
        first: number of the first batch.

    Raises:
        UserError: nobody has a lesion, or the preprocessing has no fixed spacing.
    """

    def __init__(
        self,
        patients: list[Patient],
        *,
        pixel_mm: float | None,
        sampling: ClickSampling,
        patches: ClickPatches,
        augmentation: Augmentation,
        batch: int,
        seed: int,
        first: int = 0,
    ) -> None:
        people = click_patients(patients, pixel_mm)
        self._people = [same for same in people.values() if any(each.lesions for each in same)]
        counts = [max(len(each.lesions) for each in same) for same in self._people]
        self._weights = np.sqrt(counts) / np.sqrt(counts).sum()
        self._livers = [each for same in people.values() for each in same if len(each.liver_slices)]
        self._options, self._patches, self._augmentation = sampling, patches, augmentation
        self._batch, self._seed, self.first = batch, seed, first

    def __iter__(self) -> Iterator[DrawnClicks]:
        return map(self.draw, count(self.first))

    def draw(self, number: int) -> DrawnClicks:
        """The batch of a number; several threads may draw at the same time."""
        random = np.random.default_rng([self._seed, number])
        samples = [self._sample(random) for _ in range(self._batch)]
        image = torch.from_numpy(np.stack([each.image for each in samples])[:, None])
        nothing = np.zeros_like(samples[0].image)
        maps = [nothing if each.automatic is None else each.automatic for each in samples]
        bases = [nothing if each.base is None else each.base.astype(np.float32) for each in samples]
        return {
            "image": image,
            "labels": torch.from_numpy(np.stack([each.labels for each in samples])),
            "liver": torch.tensor([each.liver for each in samples], dtype=torch.float32),
            "zoom": torch.tensor([each.zoom for each in samples], dtype=torch.float32),
            "steps": torch.tensor([each.step_mm for each in samples], dtype=torch.float32),
            "first": torch.tensor([each.first for each in samples], dtype=torch.float32),
            "seeds": torch.from_numpy(random.integers(2**62, size=self._batch)),
            "automatic": torch.from_numpy(np.stack(maps)),
            "automatic_known": torch.tensor([each.automatic is not None for each in samples]),
            "base": torch.from_numpy(np.stack(bases)),
            "improved": torch.tensor([each.base is not None for each in samples]),
            "lesions_apart": torch.ones(self._batch, dtype=torch.bool),
            "intensities": draw_intensities(self._augmentation, tuple(image.shape), random),
        }

    def _sample(self, random: np.random.Generator) -> _Sample:
        drawn, sample = random.random(), None
        if drawn < self._options.synthetic:
            sample = self._painted(random)
        elif drawn < self._options.synthetic + self._options.nothing:
            sample = self._empty(random)
        sample = sample or self._real(random)
        if random.random() < self._options.unknown_liver:
            sample = sample._replace(liver=sample.liver + random.normal(0, 0.06))
        return self._to_improve(sample, random)

    def _to_improve(self, sample: _Sample, random: np.random.Generator) -> _Sample:
        """The sample, with a wrong outline of its lesion where the reader is to improve one."""
        lesion = sample.labels == LESION_LABEL
        if random.random() >= self._options.improved or not lesion.any():
            return sample
        return sample._replace(base=outline_to_improve(lesion, sample.automatic, sample.step_mm, random))

    def _real(self, random: np.random.Generator) -> _Sample:
        same = self._people[random.choice(len(self._people), p=self._weights)]
        patient = same[random.integers(len(same))]
        if not patient.lesions:
            patient = next(each for each in same if each.lesions)
        size = random.choice(sorted({lesion.size for lesion in patient.lesions}))
        among = [lesion for lesion in patient.lesions if lesion.size == size]
        return self._of_lesion(patient, among[random.integers(len(among))], random)

    def _of_lesion(self, patient: ClickPatient, lesion: Lesion, random: np.random.Generator) -> _Sample:
        point = scattered(
            first_click(lesion.mask, lesion.voxel_mm, self._options, random),
            lesion.voxel_mm,
            self._options.scatter_mm,
            random,
        )
        place = [side.start + at for side, at in zip(lesion.box, point, strict=True)]
        click = patient.millimetres(*place)
        zoom = self._zoom(lesion.extent_mm, random)
        patch = self._patch(click, zoom, random)
        labels = self._liver(patient, patch)
        labels[cut(patient.mask_slab(lesion), patch).numpy() > 0.5] = LESION_LABEL
        image = cut(patient.slab, patch).numpy()
        sample = _Sample(image, labels, patient.liver_median, zoom, self._patches.step_mm(zoom), patch.place(click))
        return sample._replace(automatic=self._automatic(patient, patch, lesion.box[0], random))

    def _painted(self, random: np.random.Generator) -> _Sample | None:
        radius = float(np.exp(random.uniform(*np.log(self._options.radius_mm))))
        zoom = self._zoom((2 * radius,) * 3, random)
        found = self._in_liver(zoom, random)
        if found is None:
            return None
        patient, patch, middle, labels = found
        image = cut(patient.slab, patch).numpy()
        step = self._patches.step_mm(zoom)
        image, mask = paint_lesion(image, labels == LIVER_LABEL, middle, radius, step, random)
        if not mask.any():
            return None
        labels[mask] = LESION_LABEL
        first = scattered(first_click(mask, step, self._options, random), step, self._options.scatter_mm, random)
        return _Sample(image, labels, patient.liver_median, zoom, step, first)

    def _empty(self, random: np.random.Generator) -> _Sample | None:
        zoom = self._zoom((10.0,) * 3, random)
        found = self._in_liver(zoom, random)
        if found is None:
            return None
        patient, patch, click, labels = found
        image, at = cut(patient.slab, patch).numpy(), patient.slice_at(patch.centre[0])
        sample = _Sample(image, labels, patient.liver_median, zoom, self._patches.step_mm(zoom), click)
        return sample._replace(automatic=self._automatic(patient, patch, slice(at, at + 1), random))

    def _automatic(
        self, patient: ClickPatient, patch: Patch, slices: slice, random: np.random.Generator
    ) -> NDArray[np.float32] | None:
        """Another model's probability in a patch, where it is known in these slices and is shown this time."""
        known = patient.patient.automatic
        if known is None or not known.known[slices].all() or random.random() >= self._options.automatic_known:
            return None
        return cut(patient.map_slab(known.levels), patch).numpy()

    def _in_liver(
        self, zoom: float, random: np.random.Generator
    ) -> tuple[ClickPatient, Patch, Millimetres, NDArray[np.uint8]] | None:
        """A patch about a place in the liver, that place in it, and its labels, of which lesions are no liver."""
        for _ in range(_TRIES):
            patient = self._livers[random.integers(len(self._livers))]
            at = int(random.choice(patient.liver_slices))
            liver = np.flatnonzero(patient.patient.labels[at].numpy() == LIVER_LABEL)
            if len(liver):
                row, column = divmod(int(random.choice(liver)), patient.patient.labels.shape[2])
                click = patient.millimetres(at, row, column)
                patch = self._patch(click, zoom, random)
                return patient, patch, patch.place(click), self._liver(patient, patch)
        return None

    def _liver(self, patient: ClickPatient, patch: Patch) -> NDArray[np.uint8]:
        """Labels of the patch: the liver alone, of which lesions are no part."""
        return (cut(patient.liver_slab(patch), patch).numpy() > 0.5).astype(np.uint8)

    def _zoom(self, extent_mm: Millimetres, random: np.random.Generator) -> float:
        zooms, at = self._patches.zooms, self._patches.finest_zoom(extent_mm)
        drawn = random.random()
        if drawn < self._options.other_zoom:
            at += random.choice([-1, 1])
        elif drawn < self._options.other_zoom + self._options.finer:
            at = int(random.integers(at + 1))
        return zooms[int(np.clip(at, 0, len(zooms) - 1))]

    def _patch(self, click: Millimetres, zoom: float, random: np.random.Generator) -> Patch:
        size, step = self._patches.size, self._patches.step_mm(zoom)
        magnified = float(np.exp(random.uniform(*np.log(self._options.scale))))
        angle = np.deg2rad(random.uniform(-1, 1) * self._augmentation.rotation)
        mirrored = 1 if random.random() < 0.5 else -1
        cos, sin = np.cos(angle) / magnified, np.sin(angle) / magnified
        turn = ((float(cos), float(-sin * mirrored)), (float(sin), float(cos * mirrored)))
        jitter = random.uniform(-1, 1, 3) * self._options.jitter
        centre = [at + share * n * mm for at, share, n, mm in zip(click, jitter, size, step, strict=True)]
        return Patch(
            (centre[0], centre[1], centre[2]),
            size,
            (step[0] / magnified, step[1], step[2]),
            turn,
            upwards=bool(random.random() < 0.5),
        )
