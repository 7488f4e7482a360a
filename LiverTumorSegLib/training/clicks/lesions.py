"""The single lesions of patients, and the slices around them as slabs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import UserError
from ...core.labels import LESION_LABEL, LIVER_LABEL
from ...datasets.slices import Patient
from ...datasets.splits import patient_of
from ...inference.clicks.patches import Millimetres, Patch, Slab

SIZES_MM = (10.0, 20.0)
"""Diameters between small, middle-sized and large lesions."""


def ball_diameter_mm(volume_mm3: float) -> float:
    """Diameter of the ball of a volume."""
    return float(np.cbrt(6 / np.pi * volume_mm3))


@dataclass(frozen=True)
class Lesion:
    """A connected part of the mask.

    Args:
        box: slices, rows and columns of the patient that it lies in, and one more to each side where there is one.
        mask: bool, of the box's shape.
        voxel_mm: millimetres between the slices, rows and columns there.
    """

    box: tuple[slice, slice, slice]
    mask: NDArray[np.bool_]
    voxel_mm: Millimetres

    @property
    def extent_mm(self) -> Millimetres:
        """Millimetres from its first voxel to its last along each axis."""
        shown = [self.mask.any(axis=tuple({0, 1, 2} - {axis})).sum() for axis in range(3)]
        deep, high, wide = (float(n) * mm for n, mm in zip(shown, self.voxel_mm, strict=True))
        return deep, high, wide

    @property
    def diameter_mm(self) -> float:
        """Diameter of the ball of its volume."""
        return ball_diameter_mm(float(self.mask.sum() * np.prod(self.voxel_mm)))

    @property
    def size(self) -> int:
        """0 for small, 1 for middle-sized, 2 for large."""
        return int(np.searchsorted(SIZES_MM, self.diameter_mm))


@dataclass(frozen=True)
class ClickPatient:
    """A patient whose lesions are clicked into.

    Args:
        patient: with preprocessed slices.
        pixel_mm: between their rows and columns.
    """

    patient: Patient
    pixel_mm: float

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Millimetres of the slices."""
        return self.patient.numbers * float(self.patient.slice_mm or 0)

    @cached_property
    def slab(self) -> Slab:
        """All slices, the middle of the first pixel at 0."""
        pixels = self.patient.pixels[:, 0]
        brightest = 255.0 if pixels.dtype == torch.uint8 else 1.0
        return Slab(pixels, self.positions, (0.0, 0.0), (self.pixel_mm, self.pixel_mm), brightest)

    @cached_property
    def liver_median(self) -> float:
        """Of the liver without its lesions, in the unit of the preprocessing."""
        shown = self.patient.pixels[:, 0][self.patient.labels == LIVER_LABEL]
        return float(shown.float().median()) / self.slab.brightest if len(shown) else 0.5

    @cached_property
    def liver_slices(self) -> NDArray[np.intp]:
        """Positions of the slices that show liver."""
        return np.flatnonzero(self.patient.overview.shown >= LIVER_LABEL)

    @cached_property
    def lesions(self) -> tuple[Lesion, ...]:
        """Every connected part of the mask, by faces; slices that are no neighbours do not connect."""
        return tuple(_lesions(self.patient.labels.numpy(), self.patient.numbers, self.positions, self.pixel_mm))

    def liver_slab(self, patch: Patch) -> Slab:
        """The liver without its lesions, of the rows and columns that a patch reaches: slices are large."""
        rows, columns = (
            slice(max(0, int((at - reach) / self.pixel_mm) - 1), int((at + reach) / self.pixel_mm) + 3)
            for at, reach in zip(patch.centre[1:], patch.reach_mm[1:], strict=True)
        )
        return self._slab(self.patient.labels[:, rows, columns] == LIVER_LABEL, slice(None), rows, columns)

    def mask_slab(self, lesion: Lesion) -> Slab:
        """The mask of a lesion in the place that it has among the slices."""
        return self._slab(torch.from_numpy(lesion.mask), *lesion.box)

    def map_slab(self, levels: torch.Tensor) -> Slab:
        """Bytes of every slice, 255 for 1."""
        return Slab(levels, self.positions, (0.0, 0.0), (self.pixel_mm, self.pixel_mm), 255.0)

    def slice_at(self, depth: float) -> int:
        """Position of the slice nearest to a depth in millimetres."""
        return int(np.abs(self.positions - depth).argmin())

    def _slab(self, mask: torch.Tensor, slices: slice, rows: slice, columns: slice) -> Slab:
        first = (rows.start * self.pixel_mm, columns.start * self.pixel_mm)
        return Slab(mask, self.positions[slices], first, (self.pixel_mm, self.pixel_mm))

    def millimetres(self, slice_: float, row: float, column: float) -> Millimetres:
        """A place among the slices, rows and columns, in the slab's frame."""
        depth = float(np.interp(slice_, np.arange(len(self.positions)), self.positions))
        return depth, row * self.pixel_mm, column * self.pixel_mm


def click_patients(patients: Sequence[Patient], pixel_mm: float | None) -> dict[str, list[ClickPatient]]:
    """Patients with lesions apart and a known distance of slices, by the person that they are.

    Args:
        patients: preprocessed; one who is in two folders is one person.
        pixel_mm: of the preprocessing.

    Raises:
        UserError: the preprocessing has no fixed spacing, or nobody has a lesion.
    """
    if pixel_mm is None:
        msg = "Clicks are in millimetres: add the step resample to the recipe's preprocessing."
        raise UserError(msg)
    found = defaultdict(list)
    for patient in patients:
        if patient.lesions_apart and patient.slice_mm:
            found[patient_of(patient.name)].append(ClickPatient(patient, pixel_mm))
    if not any(each.lesions for same in found.values() for each in same):
        msg = "No training patient shows a lesion to click into: give data whose masks tell lesions from liver."
        raise UserError(msg)
    return dict(found)


def _lesions(
    labels: NDArray[np.uint8], numbers: NDArray[np.int_], positions: NDArray[np.float64], pixel_mm: float
) -> Iterator[Lesion]:
    gaps = np.diff(numbers)
    if not len(gaps):
        return
    breaks = np.flatnonzero(gaps > gaps.min())
    for first, last in zip([0, *(breaks + 1)], [*(breaks + 1), len(numbers)], strict=True):
        run = labels[first:last] == LESION_LABEL
        if run.any():
            step = (float(np.diff(positions).min()), pixel_mm, pixel_mm)
            yield from _connected(run, first, step)


def _connected(run: NDArray[np.bool_], offset: int, voxel_mm: Millimetres) -> Iterator[Lesion]:
    parts, _ = ndimage.label(run)
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        wide = [slice(max(0, side.start - 1), min(n, side.stop + 1)) for side, n in zip(box, run.shape, strict=True)]
        deep, rows, columns = wide
        mask = parts[deep, rows, columns] == number
        yield Lesion((slice(deep.start + offset, deep.stop + offset), rows, columns), mask, voxel_mm)
