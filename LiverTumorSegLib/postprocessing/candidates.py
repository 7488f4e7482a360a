"""Candidates for lesions: where a lesion may be, what can be measured of it, and which of them are taken.

A candidate is a connected part of what a network labels lesion, or of liver that it takes for lesion with a probability
of at least :data:`LEAST_PROBABILITY` and that touches no such part. Voxels are connected through their faces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import (
    FULL_CONFIDENCE,
    LESION_LABEL,
    LIVER_LABEL,
    absolute_box,
    bounding_box,
    component_sizes,
    widened_box,
)
from ..core.volume import Box

LEAST_PROBABILITY = 0.2
"""Of lesion, from which on a voxel of liver may be one."""

MEASURES = (
    "mean_probability_logit",
    "highest_probability_logit",
    "log_volume_ml",
    "contrast_hu",
    "absolute_contrast_hu",
    "sd_hu",
    "background_share",
    "elongation",
    "flatness",
    "log_slices",
)
"""What is measured of a candidate, in this order.

The logits of the mean and of the highest probability of lesion in it; the natural logarithms of its volume and of the
number of its slices; its mean HU less that of the liver around it, from -100 to 100, with and without its sign, and the
standard deviation of its HU; the share of its outside neighbours that are neither liver nor lesion; how much longer
than wide, and how much wider than high it is, as ratios of its standard deviations along its principal axes.
"""

_MOST_WEAK = 200
_MOST_CONTRAST = 100.0
_LEAST_LOGIT = 0.005
_THINNEST = 1 / 12
"""Variance of a voxel of width 1 along its axis, so that a single one has an extent."""

_RING_MM = (2.0, 10.0)
_FEWEST = 20
_TOUCHING = np.ones((3, 3, 3), bool)

Spacing = tuple[float, float, float]


class SegmentedCT(NamedTuple):
    """The CT that was segmented, and how sure the network was.

    Args:
        hounsfield: HU ``[slice, row, column]``.
        spacing: millimetres between slices, rows and columns.
        confidence: of the same shape, probabilities of lesion as the label assembly gives them.
        voxel_ml: of a voxel, which is not the product of the spacing where slices are sheared, as by a tilted gantry.
    """

    hounsfield: NDArray[np.int16]
    spacing: Spacing
    confidence: NDArray[np.uint8]
    voxel_ml: float

    def within(self, box: tuple[slice, ...]) -> SegmentedCT:
        """The part in a box."""
        return SegmentedCT(self.hounsfield[box], self.spacing, self.confidence[box], self.voxel_ml)


class FoundCandidates(NamedTuple):
    """Candidates of one CT.

    Args:
        box: slices, rows and columns that hold all of them.
        numbers: int32, in the box: number of the candidate from 1, or 0.
        otherwise: uint8 ``[candidate]``: label of its voxels where it is no lesion.
        measures: ``[candidate, measure]``, see :data:`MEASURES`.
    """

    box: Box
    numbers: NDArray[np.int32]
    otherwise: NDArray[np.uint8]
    measures: NDArray[np.float64]


def find_candidates(labels: NDArray[np.uint8], ct: SegmentedCT, smallest_ml: float) -> FoundCandidates:
    """Find the candidates in cleaned labels and measure them.

    Args:
        labels: ``[slice, row, column]``: 0 background, 1 liver, 2 lesion.
        ct: what the labels are of.
        smallest_ml: below it, what is not labelled lesion is no candidate.
    """
    box = _box_of_candidates(labels, ct)
    if box is None:
        none = np.zeros((0, 0, 0), np.int32)
        return FoundCandidates((slice(0, 0),) * 3, none, np.zeros(0, np.uint8), np.zeros((0, len(MEASURES))))
    near, ct = labels[box], ct.within(box)
    parts, strong = ndimage.label(near == LESION_LABEL)
    parts, count = _with_weak(parts, strong, near, ct.confidence, smallest_ml / ct.voxel_ml)
    return FoundCandidates(box, parts, _otherwise(parts, count, near), _measure(parts, count, near, ct))


def _box_of_candidates(labels: NDArray[np.uint8], ct: SegmentedCT) -> Box | None:
    """What holds every candidate and the liver that its contrast is taken from; None where there can be none."""
    if not labels.any():
        return None
    organ = widened_box(bounding_box(labels), labels.shape)  # for what lies beside a candidate at its rim
    near = labels[organ]
    likely = (near == LESION_LABEL) | _likely(near, ct.confidence[organ])
    if not likely.any():
        return None
    return absolute_box(widened_box(bounding_box(likely), near.shape, _ring_voxels(ct.spacing)), organ)


def _likely(labels: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Liver that may be lesion."""
    return (labels == LIVER_LABEL) & (confidence >= LEAST_PROBABILITY * FULL_CONFIDENCE)


def _with_weak(
    parts: NDArray[np.int32], strong: int, labels: NDArray[np.uint8], confidence: NDArray[np.uint8], fewest: float
) -> tuple[NDArray[np.int32], int]:
    """Numbers of the candidates and their count, those that are labelled lesion first; the largest of the others."""
    joint, count = ndimage.label(_likely(labels, confidence) | (parts > 0))
    sizes = component_sizes(joint, count)
    sizes[np.unique(joint[parts > 0])] = 0
    sizes[0] = 0
    kept = np.argsort(-sizes, kind="stable")[:_MOST_WEAK]
    kept = kept[sizes[kept] >= max(fewest, 1)]
    number = np.zeros(count + 1, np.int32)
    number[kept] = np.arange(strong + 1, strong + 1 + len(kept))
    weak = number[joint]
    return np.where(weak > 0, weak, parts), strong + len(kept)


def _otherwise(parts: NDArray[np.int32], count: int, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Liver where liver touches the candidate or it is labelled so, else background."""
    beside = np.zeros(count + 1, bool)
    beside[parts[ndimage.binary_dilation(labels == LIVER_LABEL, _TOUCHING)]] = True
    return np.where(beside[1:], LIVER_LABEL, 0).astype(np.uint8)


def _measure(parts: NDArray[np.int32], count: int, labels: NDArray[np.uint8], ct: SegmentedCT) -> NDArray[np.float64]:
    contrasts = lesion_contrasts(parts, labels, ct.hounsfield, ct.spacing)[1:]
    contrasts = np.clip(np.where(np.isfinite(contrasts), contrasts, 0), -_MOST_CONTRAST, _MOST_CONTRAST)
    boxes = ndimage.find_objects(parts)
    rows = [
        _measures(parts, number, boxes[number - 1], labels, ct, contrasts[number - 1]) for number in range(1, count + 1)
    ]
    return np.array(rows).reshape(count, len(MEASURES))


def _measures(
    parts: NDArray[np.int32],
    number: int,
    box: Box,
    labels: NDArray[np.uint8],
    ct: SegmentedCT,
    contrast: float,
) -> list[float]:
    wide = widened_box(box, parts.shape)
    mask = parts[wide] == number
    levels = ct.confidence[wide][mask] / FULL_CONFIDENCE
    outside = labels[wide][ndimage.binary_dilation(mask) & ~mask]
    long, middle, short = _extents(mask, ct.spacing)
    return [
        _logit(float(levels.mean())),
        _logit(float(levels.max())),
        float(np.log(len(levels) * ct.voxel_ml)),
        float(contrast),
        abs(float(contrast)),
        float(ct.hounsfield[wide][mask].std(dtype=np.float64)),
        float((outside == 0).mean()) if len(outside) else 1.0,
        long / middle,
        middle / short,
        float(np.log(mask.any(axis=(1, 2)).sum())),
    ]


def _extents(mask: NDArray[np.bool_], spacing: Spacing) -> tuple[float, float, float]:
    """Standard deviations in mm along the principal axes, the longest first."""
    points = np.argwhere(mask) * spacing
    spread = np.cov(points, rowvar=False, ddof=0) if len(points) > 1 else np.zeros((3, 3))
    short, middle, long = np.sqrt(np.linalg.eigvalsh(spread + np.diag(np.square(spacing)) * _THINNEST)).tolist()
    return long, middle, short


def _logit(probability: float) -> float:
    held = min(max(probability, _LEAST_LOGIT), 1 - _LEAST_LOGIT)
    return float(np.log(held / (1 - held)))


def lesion_contrasts(
    parts: NDArray[np.int32], labels: NDArray[np.uint8], hounsfield: NDArray[np.int16], spacing: Spacing
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
    reach = _ring_voxels(spacing)
    for number, box in enumerate(found, start=1):
        wide = widened_box(box, parts.shape, reach)
        lesion = parts[wide] == number
        away = ndimage.distance_transform_edt(~lesion, sampling=spacing)
        around = (labels[wide] == LIVER_LABEL) & (away > _RING_MM[0]) & (away <= _RING_MM[1])
        if np.count_nonzero(around) >= _FEWEST:
            near = hounsfield[wide]
            differences[number] = near[lesion].mean(dtype=np.float64) - near[around].mean(dtype=np.float64)
    return differences


def _ring_voxels(spacing: Spacing) -> tuple[int, ...]:
    """How far liver around a lesion is looked at, along each axis."""
    return tuple(int(np.ceil(_RING_MM[1] / mm)) for mm in spacing)
