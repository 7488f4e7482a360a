"""Clean-up of labels: largest liver, lesions in or on it, holes filled, small, unlikely and faint lesions dropped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import FULL_CONFIDENCE, LESION_LABEL, LIVER_LABEL, bounding_box, component_sizes
from .settings import Postprocessing

_RING_MM = (2.0, 10.0)
_FEWEST = 20


def lesion_contrasts(
    parts: NDArray[np.int32],
    labels: NDArray[np.uint8],
    hounsfield: NDArray[np.int16],
    spacing: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Mean HU of each lesion less that of the liver around it.

    Around it is liver from 2 to 10 mm off: nearer, voxels show some of both, and a network's outline is not that exact.

    Args:
        parts: ``[slice, row, column]``: number of the lesion from 1, or 0.
        labels: of the same shape: 0 background, 1 liver, 2 lesion.
        hounsfield: the CT, of the same shape.
        spacing: millimetres between slices, rows and columns.

    Returns:
        By the lesion's number; infinite for 0, and where fewer than 20 voxels of liver are around it.
    """
    found = ndimage.find_objects(parts)
    differences = np.full(len(found) + 1, np.inf)
    for number, box in enumerate(found, start=1):
        wide = tuple(_widened(side, mm) for side, mm in zip(box, spacing, strict=True))
        lesion = parts[wide] == number
        away = ndimage.distance_transform_edt(~lesion, sampling=spacing)
        around = (labels[wide] == LIVER_LABEL) & (away > _RING_MM[0]) & (away <= _RING_MM[1])
        if np.count_nonzero(around) >= _FEWEST:
            near = hounsfield[wide]
            differences[number] = near[lesion].mean(dtype=np.float64) - near[around].mean(dtype=np.float64)
    return differences


def _widened(side: slice, mm: float) -> slice:
    reach = int(np.ceil(_RING_MM[1] / mm))
    return slice(max(0, side.start - reach), side.stop + reach)


_TOUCHING = np.ones((3, 3, 3), bool)


class SegmentedCT(NamedTuple):
    """The CT that was segmented, and how sure the network was.

    Args:
        hounsfield: HU ``[slice, row, column]``.
        spacing: millimetres between slices, rows and columns.
        confidence: of the same shape, probabilities as the label assembly gives them; None keeps lesions of any
            probability.
    """

    hounsfield: NDArray[np.int16]
    spacing: tuple[float, float, float]
    confidence: NDArray[np.uint8] | None = None

    def within(self, box: tuple[slice, ...]) -> SegmentedCT:
        """The part in a box."""
        confidence = None if self.confidence is None else self.confidence[box]
        return SegmentedCT(self.hounsfield[box], self.spacing, confidence)


def clean_labels(labels: NDArray[np.uint8], voxel_ml: float, settings: Postprocessing, ct: SegmentedCT) -> None:
    """Clean labels ``[slice, row, column]`` in place.

    Args:
        labels: 0 background, 1 liver, 2 lesion.
        voxel_ml: millilitres a voxel.
        settings: which steps run, in the order of its fields.
        ct: what the labels are of.
    """
    if not labels.any():
        return
    box = bounding_box(labels)
    near, ct = labels[box], ct.within(box)
    _drop_outside(near, settings)
    box = bounding_box(near)
    near, ct = near[box], ct.within(box)
    if settings.fill_holes:
        _fill_holes(near)
    _drop_small_or_unlikely_lesions(near, voxel_ml, settings, ct.confidence)
    if settings.least_contrast_hu > 0:
        _drop_faint_lesions(near, ct, settings.least_contrast_hu)
    if np.count_nonzero(near) * voxel_ml < settings.smallest_liver_ml:
        near[:] = 0


def _drop_outside(labels: NDArray[np.uint8], settings: Postprocessing) -> None:
    parts, count = ndimage.label(labels > 0, _TOUCHING)
    if count == 1:
        return
    kept = component_sizes(parts, count)[1:].argmax() + 1
    if settings.largest_liver:
        labels[(parts != kept) & (labels == LIVER_LABEL)] = 0
    if settings.lesions_in_liver:
        with_liver = np.zeros(count + 1, bool)
        with_liver[parts[labels == LIVER_LABEL]] = True
        with_liver[kept] = True
        labels[(labels == LESION_LABEL) & ~with_liver[parts]] = 0


def _fill_holes(labels: NDArray[np.uint8]) -> None:
    parts, count = ndimage.label(np.pad(labels, 1) == 0)
    if count > 1:
        outside = parts[0, 0, 0]
        inner = parts[1:-1, 1:-1, 1:-1]
        labels[(inner > 0) & (inner != outside)] = LIVER_LABEL


def _drop_small_or_unlikely_lesions(
    labels: NDArray[np.uint8], voxel_ml: float, settings: Postprocessing, confidence: NDArray[np.uint8] | None
) -> None:
    parts, count = ndimage.label(labels == LESION_LABEL)
    if not count:
        return
    sizes = component_sizes(parts, count)
    dropped = sizes * voxel_ml < settings.smallest_lesion_ml
    if confidence is not None:
        dropped |= _component_sums(parts, confidence, count) < settings.least_probability * FULL_CONFIDENCE * sizes
    dropped[0] = False
    if not dropped.any():
        return
    beside = np.zeros(count + 1, bool)
    beside[parts[ndimage.binary_dilation(labels == LIVER_LABEL, _TOUCHING)]] = True
    labels[(dropped & beside)[parts]] = LIVER_LABEL
    labels[(dropped & ~beside)[parts]] = 0


def _component_sums(parts: NDArray[np.int32], values: NDArray[np.uint8], count: int) -> NDArray[np.float64]:
    """Sum of each part's values; by slice, since counting at once copies to 64 bits."""
    sums = np.zeros(count + 1)
    for plane, seen in zip(parts, values, strict=True):
        sums += np.bincount(plane.ravel(), seen.ravel(), count + 1)
    return sums


def _drop_faint_lesions(labels: NDArray[np.uint8], ct: SegmentedCT, least: float) -> None:
    parts, _ = ndimage.label(labels == LESION_LABEL)
    faint = np.abs(lesion_contrasts(parts, labels, ct.hounsfield, ct.spacing)) < least
    labels[faint[parts]] = LIVER_LABEL
