"""Matching of predicted lesions with those of the reference, and how good each match is.

After Bilic et al., Medical Image Analysis 84 (2023), section on metrics, and the challenge's public scoring program.
Lesions that can be told apart neither by the prediction nor by the reference are one group: a reference lesion belongs
to the predicted lesion that covers most of it, reference lesions of one predicted lesion are merged, each predicted
lesion is matched to the merged reference that it covers most of, and predicted lesions of one reference are merged.

Of equal overlaps the lesion counts whose first voxel comes first, slice by slice, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import LESION_LABEL, component_sizes
from . import surface
from .surface import SurfaceDistances

_NONE = -1


@dataclass(frozen=True)
class Lesions:
    """Lesions of one label volume: its 6-connected components of label 2.

    Args:
        numbers: ``[slice, row, column]``: 0 where no lesion is, n in the n-th by its first voxel.
        sizes: voxels ``[lesion]``.
        boxes: the smallest box around each.
    """

    numbers: NDArray[np.int32]
    sizes: NDArray[np.intp]
    boxes: Sequence[tuple[slice, ...]]

    @property
    def largest_first(self) -> list[int]:
        """Indices by size; of equals, the one whose first voxel comes first."""
        return np.argsort(-self.sizes, kind="stable").tolist()

    def means(self, values: NDArray) -> list[float]:
        """Mean in each lesion of values ``[slice, row, column]``."""
        sums = np.bincount(self.numbers.ravel(), values.ravel(), len(self.sizes) + 1)[1:]
        return (sums / self.sizes).tolist()


@dataclass(frozen=True)
class Matching:
    """Groups of predicted and reference lesions; every group has both.

    Args:
        prediction: ``[lesion]``: group of each predicted lesion from 1, 0 of one that is in none.
        reference: ``[lesion]``: the same of the reference's.
        shared: ``[group]``: voxels that merged prediction and merged reference share.
        predicted: ``[group]``: voxels of the merged prediction.
        real: ``[group]``: voxels of the merged reference.
    """

    prediction: NDArray[np.intp]
    reference: NDArray[np.intp]
    shared: NDArray[np.intp]
    predicted: NDArray[np.intp]
    real: NDArray[np.intp]

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union ``[group]``."""
        return self.shared / (self.predicted + self.real - self.shared)


def separate_lesions(labels: NDArray[np.uint8]) -> Lesions:
    """The lesions of labels ``[slice, row, column]``."""
    numbers, count = ndimage.label(labels == LESION_LABEL)
    return Lesions(numbers, component_sizes(numbers, count)[1:], ndimage.find_objects(numbers))


def match_lesions(prediction: Lesions, reference: Lesions) -> Matching:
    """Group the lesions of a prediction and a reference on one grid."""
    found, real, voxels = overlaps(prediction, reference)
    cover = most_shared(real, found, voxels, len(reference.sizes))
    merged = _merged(cover, len(prediction.sizes))
    target = most_shared(*_sums(found, merged[real], voxels), len(prediction.sizes))

    used = np.unique(target[target != _NONE])
    groups = np.zeros(len(reference.sizes) + 1, np.intp)  # one more, for _NONE
    groups[used] = np.arange(1, len(used) + 1)
    by_prediction, by_reference = groups[target], groups[merged]
    within = by_prediction[found] == by_reference[real]

    def total(groups: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.bincount(groups, sizes, len(used) + 1)[1:].astype(np.intp)

    return Matching(
        by_prediction,
        by_reference,
        total(by_prediction[found[within]], voxels[within]),
        total(by_prediction, prediction.sizes),
        total(by_reference, reference.sizes),
    )


def overlaps(prediction: Lesions, reference: Lesions) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Every pair of lesions that overlap: index of the predicted, of the reference's, and voxels that they share."""
    both = (prediction.numbers > 0) & (reference.numbers > 0)
    found, real = prediction.numbers[both] - 1, reference.numbers[both] - 1
    return _sums(found.astype(np.intp), real.astype(np.intp), np.ones(len(found), np.intp))


def _sums(
    first: NDArray[np.intp], second: NDArray[np.intp], voxels: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Each pair once, with its voxels added up; no table of all pairs, since there can be thousands of lesions."""
    across = int(second.max(initial=0)) + 1
    codes, at = np.unique(first * across + second, return_inverse=True)
    return codes // across, codes % across, np.bincount(at, voxels).astype(np.intp)


def most_shared(
    own: NDArray[np.intp], other: NDArray[np.intp], voxels: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    """For each of so many own lesions the other that shares most voxels with it, the first of equals."""
    order = np.lexsort((-other, voxels))
    most = np.full(count, _NONE, np.intp)
    most[own[order]] = other[order]  # the last one written stays
    return most


def _merged(cover: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """The first of all reference lesions that one of so many predicted lesions covers most of, for each of them."""
    covered = np.flatnonzero(cover != _NONE)
    first = np.full(count + 1, len(cover), np.intp)  # one more, for _NONE
    np.minimum.at(first, cover[covered], covered)
    first[_NONE] = _NONE
    return first[cover]


Box = tuple[slice, ...]


@dataclass(frozen=True)
class FoundGroup:
    """A found group: what the LiTS tables of lesions average (Bilic et al., Medical Image Analysis 84, 2023).

    Args:
        dice: Dice coefficient.
        voe: volume overlap error, 1 - IoU.
        rvd: relative volume difference (|P|-|R|)/|R|, as of a structure; the public scoring program swaps the two.
        assd_mm, rmsd_mm, hd_mm: mean, root mean square and largest surface distance; LiTS calls the last one MSD.
    """

    dice: float
    voe: float
    rvd: float
    assd_mm: float
    rmsd_mm: float
    hd_mm: float


def measure_found_groups(
    prediction: Lesions,
    reference: Lesions,
    matching: Matching,
    above: float,
    axes_mm: NDArray[np.float64],
    connectivity: int,
) -> Iterator[FoundGroup]:
    """Measure the groups whose IoU is above a threshold.

    Args:
        prediction: lesions.
        reference: lesions on the same grid.
        matching: their groups.
        above: the threshold.
        axes_mm: 3x3: millimetres in the patient, a row for each step to the next slice, row and column.
        connectivity: of the surfaces.
    """
    sides = [(prediction, _members(matching.prediction)), (reference, _members(matching.reference))]
    for group in np.flatnonzero(matching.iou > above).tolist():
        box = _around([parts.boxes[n] for parts, members in sides for n in members[group].tolist()])
        found, real = (np.isin(parts.numbers[box], members[group] + 1) for parts, members in sides)
        distances = surface.measure(found, real, axes_mm, connectivity=connectivity)
        distances = cast("SurfaceDistances", distances)  # a group has both
        shared, predicted, size = (int(n[group]) for n in (matching.shared, matching.predicted, matching.real))
        yield FoundGroup(
            dice=2 * shared / (predicted + size),
            voe=1 - float(matching.iou[group]),
            rvd=(predicted - size) / size,
            assd_mm=distances.assd_mm,
            rmsd_mm=distances.rmsd_mm,
            hd_mm=distances.hd_mm,
        )


def _members(groups: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The lesions of each group, found in one go, since there can be thousands."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.searchsorted(groups[order], np.arange(1, groups.max(initial=0) + 2)))[1:-1]


def _around(boxes: list[Box]) -> Box:
    return tuple(slice(min(x.start for x in axis), max(x.stop for x in axis)) for axis in zip(*boxes, strict=True))
