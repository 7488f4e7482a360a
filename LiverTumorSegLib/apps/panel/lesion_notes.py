"""A result's notes as its table keeps them: the voxel that each is about, its words, and the row of its lesion.

A note whose lesion is not there waits, since the slider or an undo may bring the lesion back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.volume import Volume
from ...reporting.lesion_notes import NEAR_MM, clean_note, lesion_at

KeptNote = list[Any]
"""``[[i, j, k], text, row]``; the row is None while there is no lesion."""


def text_of(notes: Sequence[KeptNote], row: int) -> str:
    """What was noted about a lesion; the notes of lesions that became one stand after each other."""
    return clean_note("; ".join(dict.fromkeys(text for _voxel, text, at in notes if at == row)))


def placed(
    notes: Sequence[KeptNote],
    numbered: NDArray[np.unsignedinteger],
    volume: Volume,
    rows: Sequence[int],
    *,
    by_hand: bool = False,
) -> list[KeptNote]:
    """Notes with the rows that their lesions have in other labels.

    Args:
        notes: as they were kept.
        numbered: ``[k, j, i]``, 0 background, 1 liver, 1 + n lesion n.
        volume: the CT.
        rows: the number of the lesion in each row.
        by_hand: the labels were corrected, so that a lesion near the voxel may be meant.
    """
    within_mm = NEAR_MM if by_hand else 0
    numbers = [lesion_at(voxel, numbered, volume, within_mm) for voxel, _text, _before in notes]
    row_of = {number: row for row, number in enumerate(rows)}
    return [[voxel, text, row_of.get(number)] for (voxel, text, _before), number in zip(notes, numbers, strict=True)]
