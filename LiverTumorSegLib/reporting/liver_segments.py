"""Couinaud's segments of the liver that lesions lie in; PyTorch is not needed for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.structures import LIVER_SEGMENTS, STRUCTURES
from .lesions import LesionTable

_LEAST_SHARE = 0.1
"""Of a lesion, from which on it lies in a segment of the liver."""


def with_liver_segments(
    table: LesionTable, numbered: NDArray[np.unsignedinteger], labels: NDArray[np.uint8] | None
) -> LesionTable:
    """The table with Couinaud's segments that hold at least a tenth of each lesion, the one with most of it first.

    Args:
        table: measures.
        numbered: ``[k, j, i]``: 1 + n for lesion n, see :func:`LiverTumorSegLib.reporting.lesions.number_lesions`.
        labels: of the same shape, see
            :func:`LiverTumorSegLib.reporting.other_structures.map_of_liver_segments`; the table stays as it is where
            they are None.
    """
    if labels is None:
        return table
    lesions = numbered > 1
    values, segments = numbered[lesions].astype(np.int64) - 1, labels[lesions]
    known = {STRUCTURES[name].label: STRUCTURES[name].name.rpartition(" ")[2] for name in LIVER_SEGMENTS}
    counts = np.zeros((int(values.max(initial=0)) + 1, 256), np.int64)
    np.add.at(counts, (values, segments), 1)
    return table.with_liver_segments({number: _most_of(counts[number], known) for number in range(1, len(counts))})


def _most_of(counts: NDArray[np.int64], known: dict[int, str]) -> tuple[str, ...]:
    held = [(int(counts[label]), name) for label, name in known.items() if counts[label] >= _LEAST_SHARE * counts.sum()]
    return tuple(name for _, name in sorted((each for each in held if each[0]), key=lambda each: -each[0]))
