"""How lesions came about: marked by a model, by clicks, or painted, and whether they were corrected by hand.

What marked a lesion is kept with a voxel of it, as notes are, so that it is found again whatever becomes of its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.labels import LIVER_LABEL, bounding_box
from .lesion_notes import Voxel, read_voxel


class LesionMark(NamedTuple):
    """What marked a lesion; one that a model marked and clicks improved has two, one of each.

    Args:
        voxel: ``(i, j, k)`` in the lesion, on the CT's grid.
        clicks: that marked or improved it; 0 for what a model marked by itself.
        voxels: size of the lesion when it was marked; 0 where it was in part painted or erased by hand by then.
    """

    voxel: Voxel
    clicks: int
    voxels: int


@dataclass(frozen=True)
class LesionOrigin:
    """How a lesion came about.

    Args:
        automatic: whether a model marked it, or a part of it, by itself.
        clicks: how many marked or improved it.
        corrected: whether it was changed by hand after a model or clicks had marked it.
    """

    automatic: bool
    clicks: int = 0
    corrected: bool = False

    @property
    def painted(self) -> bool:
        """Whether no model and no click had a part in it."""
        return not self.automatic and not self.clicks

    @property
    def in_words(self) -> str:
        """A few words.

        Example:
            >>> LesionOrigin(automatic=True, clicks=2).in_words
            'automatic, improved by 2 clicks'
            >>> LesionOrigin(automatic=False, clicks=1, corrected=True).in_words
            '1 click, corrected by hand'
        """
        if self.painted:
            return "painted"
        clicks = f"{self.clicks} click{'' if self.clicks == 1 else 's'}" if self.clicks else ""
        made = f"automatic{f', improved by {clicks}' if clicks else ''}" if self.automatic else clicks
        return f"{made}, corrected by hand" if self.corrected else made


AUTOMATIC, PAINTED = LesionOrigin(automatic=True), LesionOrigin(automatic=False)


def common_origin(origins: Iterable[LesionOrigin | None]) -> LesionOrigin | None:
    """The weakest that is true of all lesions together; None where that of one is not known, or there is none.

    Example:
        >>> common_origin([AUTOMATIC, PAINTED]).in_words
        'automatic, corrected by hand'
    """
    known = tuple(origins)
    each = [origin for origin in known if origin]
    if not each or len(each) < len(known):
        return None
    if all(origin == each[0] for origin in each):
        return each[0]
    by_hand = any(origin.painted or origin.corrected for origin in each)
    return LesionOrigin(any(origin.automatic for origin in each), sum(origin.clicks for origin in each), by_hand)


def read_marks(content: Any) -> tuple[LesionMark, ...] | None:
    """Marks as a message holds them, ``[[i, j, k], clicks, voxels]`` each; None where nothing is known.

    Raises:
        UserError: it holds anything else.
    """
    if content is None:
        return None
    try:
        marks = tuple(LesionMark(read_voxel(*voxel), clicks, voxels) for voxel, clicks, voxels in content)
    except (TypeError, ValueError) as error:
        raise UserError(_NO_MARK) from error
    if not all(type(count) is int and count >= 0 for mark in marks for count in mark[1:]):
        raise UserError(_NO_MARK)
    return marks


_NO_MARK = (
    "A mark of a lesion is [[i, j, k], clicks, voxels], all whole numbers and none of the last two below 0: give such."
)


def lesion_sizes(numbered: NDArray[np.unsignedinteger]) -> tuple[int, ...]:
    """Voxels of each lesion, by its number; 0 where no lesion has it.

    Args:
        numbered: of :func:`LiverTumorSegLib.reporting.lesions.number_lesions`, ``[k, j, i]``.
    """
    lesions = numbered > LIVER_LABEL
    if not lesions.any():
        return ()
    near = numbered[bounding_box(lesions)]
    return tuple(np.bincount(near[near > LIVER_LABEL])[LIVER_LABEL + 1 :].tolist())


def automatic_marks(numbered: NDArray[np.unsignedinteger], inside: Sequence[Voxel]) -> tuple[LesionMark, ...]:
    """Marks of lesions that a model has just marked.

    Args:
        numbered: as they are numbered, ``[k, j, i]``.
        inside: a voxel ``(i, j, k)`` of each.
    """
    return tuple(LesionMark(voxel, 0, size) for voxel, size in zip(inside, lesion_sizes(numbered), strict=True))


def with_clicks(
    marks: Iterable[LesionMark], clicked: LesionMark, base: NDArray[np.bool_] | None = None
) -> tuple[LesionMark, ...]:
    """Marks after clicks have marked or improved a lesion.

    Args:
        marks: as they were before the first of these clicks.
        clicked: of the lesion as it is now: a voxel of it, how many clicks these are, and its size.
        base: ``[k, j, i]``, the lesion that they improve, as it was before the first; None for a new one.
    """
    kept = tuple(marks)
    if base is None or not base.any():
        return (*kept, clicked)
    held = [mark for mark in kept if value_at(base, mark.voxel)]
    before = origin_of(held, int(np.count_nonzero(base)))
    return (*kept, clicked._replace(voxels=0) if before.painted or before.corrected else clicked)


def origin_of(marks: Sequence[LesionMark], size: int) -> LesionOrigin:
    """How a lesion of so many voxels came about that has these marks."""
    if not marks:
        return PAINTED
    clicks = sum(mark.clicks for mark in marks)
    return LesionOrigin(not all(mark.clicks for mark in marks), clicks, not _is_as_marked(marks, size))


def _is_as_marked(marks: Sequence[LesionMark], size: int) -> bool:
    """Whether a lesion has a size that it was marked with, or that lesions that touch were marked with together."""
    if not all(mark.voxels for mark in marks):
        return False
    together = {0}
    for mark in marks:
        together |= {so_far + mark.voxels for so_far in together if so_far + mark.voxels <= size}
    return size in together


def value_at(array: NDArray, voxel: Voxel) -> int:
    """Value at a voxel, 0 outside."""
    at = voxel[::-1]
    inside = all(0 <= index < length for index, length in zip(at, array.shape, strict=True))
    return int(array[at]) if inside else 0
