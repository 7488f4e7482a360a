"""A result's notes as its table keeps them: the voxel that each is about, its words, and the row of its lesion.

A note whose lesion is not there waits, since the slider or an undo may bring the lesion back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.labels import LESION
from ...reporting.lesion_notes import clean_note

_NEAR_MM = 5.0
"""How far a lesion may be moved or shrunk by hand and keep its note: less than most lesions lie apart."""

KeptNote = list[Any]
"""``[[i, j, k], text, row]``; the row is None while there is no lesion."""


def text_of(notes: Sequence[KeptNote], row: int) -> str:
    """What was noted about a lesion; the notes of lesions that became one stand after each other."""
    return clean_note("; ".join(dict.fromkeys(text for _voxel, text, at in notes if at == row)))


def placed(
    notes: Sequence[KeptNote],
    numbered: NDArray[np.unsignedinteger],
    near_spacing: tuple[float, float, float] | None = None,
) -> list[KeptNote]:
    """Notes with the rows that their lesions have in other labels.

    Args:
        notes: as they were kept.
        numbered: ``[k, j, i]``, 0 background, 1 liver, 1 + n lesion n.
        near_spacing: mm between voxels of the axes ``k, j, i``, where a lesion beside the voxel may be meant.
    """
    return [[voxel, text, _row(voxel, numbered, near_spacing)] for voxel, text, _before in notes]


def _row(
    voxel: Sequence[int], numbered: NDArray[np.unsignedinteger], spacing: tuple[float, float, float] | None
) -> int | None:
    at = np.array(voxel[::-1])
    if (at < 0).any() or (at >= numbered.shape).any():
        return None
    value = int(numbered[tuple(at)])
    if value < LESION.label and spacing is not None:
        value = _nearest(at, numbered, np.array(spacing))
    return value - LESION.label if value >= LESION.label else None


def _nearest(at: NDArray[np.int64], numbered: NDArray[np.unsignedinteger], spacing: NDArray[np.float64]) -> int:
    """Value of the nearest lesion within reach, 0 for none."""
    reach = np.ceil(_NEAR_MM / spacing).astype(int)
    low, high = (at - reach).clip(0), (at + reach + 1).clip(0, numbered.shape)
    near = numbered[tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))]
    points = np.argwhere(near >= LESION.label)
    if not len(points):
        return 0
    away_mm = np.linalg.norm((points + low - at) * spacing, axis=1)
    nearest = int(away_mm.argmin())
    return int(near[tuple(points[nearest])]) if away_mm[nearest] <= _NEAR_MM else 0
