"""Which predicted lesions belong to which lesions of the reference, as the LiTS challenge decides it.

After Bilic et al., Medical Image Analysis 84 (2023), section on metrics, and the challenge's public scoring program.
What can be told apart neither by the prediction nor by the reference is one group: a reference lesion belongs to the
predicted lesion that covers most of it, reference lesions of one predicted lesion are merged, each predicted lesion
is matched to the merged reference that it covers most of, and predicted lesions of one reference are merged.

Of equal overlaps the lesion counts whose first voxel comes first, slice by slice, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...postprocessing import LESION, part_sizes

_NONE = -1


@dataclass(frozen=True)
class Parts:
    """Lesions of one label volume: its 6-connected components of label 2.

    Args:
        numbers: ``[slice, row, column]``: 0 where no lesion is, n in the n-th by its first voxel.
        sizes: voxels ``[lesion]``.
        boxes: the smallest box around each.
    """

    numbers: NDArray[np.int32]
    sizes: NDArray[np.intp]
    boxes: Sequence[tuple[slice, ...]]


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


def parts(labels: NDArray[np.uint8]) -> Parts:
    """The lesions of labels ``[slice, row, column]``."""
    numbers, count = ndimage.label(labels == LESION)
    return Parts(numbers, part_sizes(numbers, count)[1:], ndimage.find_objects(numbers))


def match(prediction: Parts, reference: Parts) -> Matching:
    """Group the lesions of a prediction and a reference on one grid."""
    found, real, voxels = _overlaps(prediction, reference)
    cover = _most(real, found, voxels, len(reference.sizes))
    merged = _merged(cover, len(prediction.sizes))
    target = _most(*_sums(found, merged[real], voxels), len(prediction.sizes))

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


def _overlaps(prediction: Parts, reference: Parts) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
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


def _most(own: NDArray[np.intp], other: NDArray[np.intp], voxels: NDArray[np.intp], count: int) -> NDArray[np.intp]:
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
