"""Masks whose files leave out empty slices, on one grid with what they are compared with, without resampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...files import lattice
from ...files.stored import Stored
from .label_pair import LabelPair

_LARGEST_MM = 3000
"""Of what two masks cover together: no patient is larger."""

FROM_THE_FIRST = (
    "DICOM segmentations leave out empty slices, and so does the comparison of two: slices are counted from the first "
    "one that is marked, accuracy and specificity may be lower than on the whole CT; other measures are the same."
)

_ORIGIN = np.zeros(3, np.int64)
_Box = tuple[NDArray[np.int64], NDArray[np.int64]]
"""First voxel ``(k, j, i)`` and the one behind the last."""


def filled_in(prediction: Stored, reference: Stored) -> tuple[Stored, Stored]:
    """Fill in what files leave out as it is empty, where the voxels of both lie on one lattice.

    Args:
        prediction: labels, along the axes of the reference.
        reference: labels.

    Returns:
        Both on the grid of the one that leaves out nothing, or on what two that do cover together; as they were where
        neither leaves out anything, the lattices differ, or one reaches beyond the other, which is whole.
    """
    found = lattice.on(prediction, reference.affine)
    if found is None or not (prediction.omits_empty or reference.omits_empty):
        return prediction, reference
    values, start = found
    first, end = _grid(_box(values, start), _box(reference.values), prediction, reference)
    shape, affine = tuple((end - first).tolist()), lattice.moved(reference.affine, first)
    parts = ((prediction, values, start - first), (reference, reference.values, -first))
    is_too_long = (shape * np.linalg.norm(affine[:3, :3], axis=0)[::-1] > _LARGEST_MM).any()
    if is_too_long or not all(lattice.is_within(part, at, shape) for _, part, at in parts):
        return prediction, reference
    own, other = (replace(file, values=lattice.filled(part, at, shape), affine=affine) for file, part, at in parts)
    return own, other


def cut(stored: Stored, pair: LabelPair) -> Stored:
    """A CT or probabilities on the grid of masks whose files leave out empty slices, if that is a part of theirs.

    Returns:
        As it was where the reference leaves out nothing, or the pair's grid is no part of this one.
    """
    found = lattice.on(stored, pair.affine) if pair.omits_empty else None
    if found is None:
        return stored
    values, start = found
    if not lattice.is_within(pair.reference, -start, values.shape):
        return stored
    return replace(stored, values=lattice.filled(values, start, pair.reference.shape), affine=pair.affine)


def _grid(own: _Box, other: _Box, prediction: Stored, reference: Stored) -> _Box:
    if not (prediction.omits_empty and reference.omits_empty):
        return other if prediction.omits_empty else own
    return np.minimum(own[0], other[0]), np.maximum(own[1], other[1])


def _box(values: NDArray, start: lattice.Voxel = _ORIGIN) -> _Box:
    return start, start + values.shape
