"""Largest liver, lesions in or on it, holes filled, small, unlikely and faint lesions dropped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from .label_writer import SURE
from .lesion_contrast import contrasts

LIVER, LESION = 1, 2
_TOUCHING = np.ones((3, 3, 3), bool)


class Postprocessing(BaseModel):
    """Which clean-up steps run on the labels; each can be switched off.

    Args:
        largest_liver: keep the largest connected part of liver and lesions together.
        lesions_in_liver: drop lesions that neither lie in the liver nor touch it.
        fill_holes: turn background enclosed by the liver into liver.
        smallest_lesion_ml: turn lesions below this volume into liver, or into background where none touches them;
            0 keeps all.
        least_probability: the same of lesions that the network is less sure of, by the mean over a lesion's voxels of
            the probability it gives to lesion; 0 keeps all. What a network marks by mistake it often hardly prefers to
            liver.
        least_contrast_hu: turn lesions into liver whose mean differs by less, to either side, from that of the liver
            around them; 0 keeps all. A network that mistakes an uneven liver for lesions marks regions that hardly
            differ from what is around them.
        smallest_liver_ml: below this volume, lesions included, it is no liver and everything is dropped; 0 keeps all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    largest_liver: bool = True
    lesions_in_liver: bool = True
    fill_holes: bool = True
    smallest_lesion_ml: float = Field(0.05, ge=0)
    least_probability: float = Field(0, ge=0, le=1)
    least_contrast_hu: float = Field(0, ge=0)
    smallest_liver_ml: float = Field(50, ge=0)


class Seen(NamedTuple):
    """The CT that was segmented, and how sure the network was.

    Args:
        hounsfield: HU ``[slice, row, column]``.
        spacing: millimetres between slices, rows and columns.
        confidence: of the same shape, what :class:`LiverTumorSegLib.label_writer.Output` holds; None keeps lesions of
            any probability.
    """

    hounsfield: NDArray[np.int16]
    spacing: tuple[float, float, float]
    confidence: NDArray[np.uint8] | None = None

    def within(self, box: tuple[slice, ...]) -> Seen:
        """The part in a box."""
        confidence = None if self.confidence is None else self.confidence[box]
        return Seen(self.hounsfield[box], self.spacing, confidence)


def clean(labels: NDArray[np.uint8], voxel_ml: float, settings: Postprocessing, ct: Seen) -> None:
    """Clean labels ``[slice, row, column]`` in place.

    Args:
        labels: 0 background, 1 liver, 2 lesion.
        voxel_ml: millilitres a voxel.
        settings: which steps run, in the order of its fields.
        ct: what the labels are of.
    """
    if not labels.any():
        return
    box = bounds(labels)
    near, ct = labels[box], ct.within(box)
    _drop_outside(near, settings)
    box = bounds(near)
    near, ct = near[box], ct.within(box)
    if settings.fill_holes:
        _fill_holes(near)
    _drop_small_or_unlikely_lesions(near, voxel_ml, settings, ct.confidence)
    if settings.least_contrast_hu > 0:
        _drop_faint_lesions(near, ct, settings.least_contrast_hu)
    if np.count_nonzero(near) * voxel_ml < settings.smallest_liver_ml:
        near[:] = 0


def bounds(labels: NDArray[np.uint8]) -> tuple[slice, ...]:
    """Smallest box, along each axis of ``[slice, row, column]``, that holds every voxel that is not 0."""
    box = []
    for axis in range(3):
        shown = np.flatnonzero(labels.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(shown[0]), int(shown[-1]) + 1))
    return tuple(box)


def part_sizes(parts: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Voxels of each of ``count`` parts, those of 0 first; by slice, since counting at once copies to 64 bits."""
    sizes = np.zeros(count + 1, np.intp)
    for plane in parts:
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    return sizes


def _drop_outside(labels: NDArray[np.uint8], settings: Postprocessing) -> None:
    parts, count = ndimage.label(labels > 0, _TOUCHING)
    if count == 1:
        return
    kept = part_sizes(parts, count)[1:].argmax() + 1
    if settings.largest_liver:
        labels[(parts != kept) & (labels == LIVER)] = 0
    if settings.lesions_in_liver:
        with_liver = np.zeros(count + 1, bool)
        with_liver[parts[labels == LIVER]] = True
        with_liver[kept] = True
        labels[(labels == LESION) & ~with_liver[parts]] = 0


def _fill_holes(labels: NDArray[np.uint8]) -> None:
    parts, count = ndimage.label(np.pad(labels, 1) == 0)
    if count > 1:
        outside = parts[0, 0, 0]
        inner = parts[1:-1, 1:-1, 1:-1]
        labels[(inner > 0) & (inner != outside)] = LIVER


def _drop_small_or_unlikely_lesions(
    labels: NDArray[np.uint8], voxel_ml: float, settings: Postprocessing, confidence: NDArray[np.uint8] | None
) -> None:
    parts, count = ndimage.label(labels == LESION)
    if not count:
        return
    sizes = part_sizes(parts, count)
    dropped = sizes * voxel_ml < settings.smallest_lesion_ml
    if confidence is not None:
        dropped |= _part_sums(parts, confidence, count) < settings.least_probability * SURE * sizes
    dropped[0] = False
    if not dropped.any():
        return
    beside = np.zeros(count + 1, bool)
    beside[parts[ndimage.binary_dilation(labels == LIVER, _TOUCHING)]] = True
    labels[(dropped & beside)[parts]] = LIVER
    labels[(dropped & ~beside)[parts]] = 0


def _part_sums(parts: NDArray[np.int32], values: NDArray[np.uint8], count: int) -> NDArray[np.float64]:
    """Sum of each part's values; by slice, since counting at once copies to 64 bits."""
    sums = np.zeros(count + 1)
    for plane, seen in zip(parts, values, strict=True):
        sums += np.bincount(plane.ravel(), seen.ravel(), count + 1)
    return sums


def _drop_faint_lesions(labels: NDArray[np.uint8], ct: Seen, least: float) -> None:
    parts, _ = ndimage.label(labels == LESION)
    faint = np.abs(contrasts(parts, labels, ct.hounsfield, ct.spacing)) < least
    labels[faint[parts]] = LIVER
