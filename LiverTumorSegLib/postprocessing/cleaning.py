"""Clean-up of labels: largest liver, lesions in or on it, holes filled, small lesions dropped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import LESION_LABEL, LIVER_LABEL, bounding_box, component_sizes, widened_box
from .settings import Postprocessing

_TOUCHING = np.ones((3, 3, 3), bool)


def clean_labels(labels: NDArray[np.uint8], voxel_ml: float, settings: Postprocessing) -> None:
    """Clean labels ``[slice, row, column]`` in place.

    Args:
        labels: 0 background, 1 liver, 2 lesion.
        voxel_ml: millilitres a voxel.
        settings: which steps run, in the order of its fields; which candidates are lesions is chosen afterwards.
    """
    if not labels.any():
        return
    box = bounding_box(labels)
    near = labels[box]
    _drop_outside(near, settings)
    near = near[bounding_box(near)]
    if settings.fill_holes:
        _fill_holes(near)
    _drop_small_lesions(near, voxel_ml, settings.smallest_lesion_ml)
    if np.count_nonzero(near) * voxel_ml < settings.smallest_liver_ml:
        near[:] = 0


def _drop_outside(labels: NDArray[np.uint8], settings: Postprocessing) -> None:
    parts, count = ndimage.label(labels > 0, _TOUCHING)
    if count == 1:
        return
    sizes = component_sizes(parts, count)
    with_liver = np.bincount(parts[labels == LIVER_LABEL], minlength=count + 1) > 0
    if with_liver.any():  # else a false lesion beside a few slices of liver would be kept in its place
        sizes[~with_liver] = 0
    kept = int(sizes[1:].argmax()) + 1
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        if number == kept:
            continue
        near, part = labels[box], parts[box] == number
        if settings.largest_liver:
            near[part & (near == LIVER_LABEL)] = 0
        if settings.lesions_in_liver and not (part & (near == LIVER_LABEL)).any():
            near[part] = 0


def _fill_holes(labels: NDArray[np.uint8]) -> None:
    parts, count = ndimage.label(np.pad(labels, 1) == 0)
    if count > 1:
        outside = parts[0, 0, 0]
        inner = parts[1:-1, 1:-1, 1:-1]
        labels[(inner > 0) & (inner != outside)] = LIVER_LABEL


def _drop_small_lesions(labels: NDArray[np.uint8], voxel_ml: float, smallest_ml: float) -> None:
    lesions = labels == LESION_LABEL
    if not lesions.any():
        return
    box = widened_box(bounding_box(lesions), labels.shape)
    labels = labels[box]
    parts, count = ndimage.label(lesions[box])
    dropped = component_sizes(parts, count) * voxel_ml < smallest_ml
    dropped[0] = False
    if not dropped.any():
        return
    beside = np.zeros(count + 1, bool)
    beside[parts[ndimage.binary_dilation(labels == LIVER_LABEL, _TOUCHING)]] = True
    labels[(dropped & beside)[parts]] = LIVER_LABEL
    labels[(dropped & ~beside)[parts]] = 0


def remove_lesion(labels: NDArray[np.uint8], place: tuple[int, int, int]) -> None:
    """Make the lesion at a place what most voxels around it are, liver or background; without one, nothing changes.

    Args:
        labels: ``[k, j, i]``, 0 background, 1 liver, 2 lesion; changed in place.
        place: ``(k, j, i)`` of one of its voxels.
    """
    if any(not 0 <= at < size for at, size in zip(place, labels.shape, strict=True)) or labels[place] != LESION_LABEL:
        return
    parts, _ = ndimage.label(labels == LESION_LABEL)
    box = widened_box(bounding_box(parts == parts[place]), labels.shape)
    give_back(labels[box], parts[box] == parts[place])


def give_back(labels: NDArray[np.uint8], lesion: NDArray[np.bool_]) -> None:
    """Make what was a lesion, or a part of one, what most voxels around it are, liver or background.

    Args:
        labels: 0 background, 1 liver, 2 lesion, with a voxel around where the CT goes on; changed in place.
        lesion: bool, of their shape.
    """
    around = labels[ndimage.binary_dilation(lesion) & ~lesion]
    background, liver = (np.count_nonzero(around == label) for label in (0, LIVER_LABEL))
    labels[lesion] = LIVER_LABEL if liver >= background and (labels == LIVER_LABEL).any() else 0
