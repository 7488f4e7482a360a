"""Notes that a reader writes about lesions, and the lesions that they are about.

A note is kept with a voxel of its lesion, so that it is found again whatever becomes of the lesion's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.labels import LIVER_LABEL
from ..core.sanitize import to_one_line
from ..core.volume import Volume

LONGEST_NOTE = 500
"""Characters of a note; a longer one is cut."""

NEAR_MM = 5.0
"""How far a lesion may be moved or shrunk by hand and keep its note: less than most lesions lie apart."""

Voxel = tuple[int, int, int]


class LesionNote(NamedTuple):
    """A note with its place.

    Args:
        voxel: ``(i, j, k)`` in the lesion, on the CT's grid.
        text: what is noted.
    """

    voxel: Voxel
    text: str


def read_notes(content: Any) -> tuple[LesionNote, ...]:
    """Notes as a message holds them, a pair ``[[i, j, k], text]`` each.

    Raises:
        UserError: it holds anything else.
    """
    try:
        notes = tuple(LesionNote(read_voxel(*voxel), text) for voxel, text in content)
    except (TypeError, ValueError) as error:
        msg = "A note of a lesion is a pair of a voxel, [i, j, k] in whole numbers, and a text: give such pairs."
        raise UserError(msg) from error
    if not all(isinstance(note.text, str) for note in notes):
        msg = "A note of a lesion is a text: give text as the second part of each pair."
        raise UserError(msg)
    return notes


def read_voxel(i: Any, j: Any, k: Any) -> Voxel:
    """A voxel of three whole numbers, as a message holds it.

    Raises:
        TypeError: it is no such voxel.
    """
    if not all(type(index) is int for index in (i, j, k)):
        msg = "no whole numbers"
        raise TypeError(msg)
    return i, j, k


def clean_note(text: str) -> str:
    r"""A note on one visible line of at most :data:`LONGEST_NOTE` characters; where it was cut, it ends so.

    Example:
        >>> clean_note(" near the\nportal vein ")
        'near the portal vein'
    """
    line = to_one_line(" ".join(text.split()))
    return line if len(line) <= LONGEST_NOTE else f"{line[: LONGEST_NOTE - 1]}…"


def place_notes(
    notes: Iterable[LesionNote], numbered: NDArray[np.unsignedinteger], volume: Volume
) -> Mapping[int, str]:
    """The notes by the number of the lesion that each is about.

    A note belongs to the lesion at its voxel, else to the nearest within 5 mm, and to none where that lesion is gone.
    Those of lesions that became one stand after each other.

    Args:
        notes: with their voxels.
        numbered: of :func:`LiverTumorSegLib.reporting.lesions.number_lesions`, ``[k, j, i]``.
        volume: the CT.
    """
    found: dict[int, list[str]] = {}
    for note in notes:
        text, number = clean_note(note.text), lesion_at(note.voxel, numbered, volume)
        if number and text and text not in found.setdefault(number, []):
            found[number].append(text)
    return {number: clean_note("; ".join(texts)) for number, texts in found.items() if texts}


def lesion_at(
    voxel: Sequence[int], numbered: NDArray[np.unsignedinteger], volume: Volume, within_mm: float = NEAR_MM
) -> int:
    """Number of the lesion at a voxel, else of the nearest, 0 for none.

    Args:
        voxel: ``(i, j, k)``.
        numbered: of :func:`LiverTumorSegLib.reporting.lesions.number_lesions`, ``[k, j, i]``.
        volume: the CT.
        within_mm: how far away it may be.
    """
    at = np.array(voxel[::-1], float)
    reach = np.ceil(within_mm / np.array(volume.spacing))
    low, high = (at - reach).clip(0), (at + reach + 1).clip(0, numbered.shape)
    near = numbered[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    points = np.argwhere(near > LIVER_LABEL)
    if not len(points):
        return 0
    away_mm = np.linalg.norm((points + low - at)[:, ::-1] @ volume.affine[:3, :3].T, axis=1)
    nearest = int(away_mm.argmin())
    return int(near[tuple(points[nearest])]) - LIVER_LABEL if away_mm[nearest] <= within_mm else 0
