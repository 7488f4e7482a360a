"""Lesions with what marked them: found again after corrections by hand, and after another choice of candidates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..core.labels import LIVER_LABEL
from ..core.volume import Volume
from .lesion_notes import Voxel, lesion_at
from .lesion_origins import AUTOMATIC, LesionMark, LesionOrigin, lesion_sizes, origin_of, value_at
from .lesions import LesionTable

Numbered = NDArray[np.unsignedinteger]
"""Labels of :func:`LiverTumorSegLib.reporting.lesions.number_lesions`, ``[k, j, i]``."""


def tell_origins(
    table: LesionTable,
    marks: Iterable[LesionMark],
    numbered: Numbered,
    volume: Volume,
    by_model: NDArray[np.int64] | None = None,
) -> tuple[LesionTable, tuple[LesionMark, ...]]:
    """Say of each lesion how it came about.

    Args:
        table: the measures of the labels.
        marks: as they were kept.
        numbered: the labels.
        volume: the CT.
        by_model: flat indices of voxels that the model marked as lesions, where that is known: a lesion without a mark
            that holds one was cut off from what the model marked.

    Returns:
        The table with origins, and the marks with voxels where their lesions are now.
    """
    inside = {lesion.number: lesion.inside_voxel for lesion in table.lesions}
    marked = MarkedLesions.of(marks, numbered, volume)
    if by_model is not None:
        values = np.unique(numbered.reshape(-1)[by_model]).astype(np.int64)
        marked = marked.claimed((values[values > LIVER_LABEL] - LIVER_LABEL).tolist(), inside)
    return table.with_origins(marked.origins), marked.renewed(numbered, inside)


def marks_after_choice(
    marks: Iterable[LesionMark],
    before: Numbered,
    after: Numbered,
    volume: Volume,
    table: LesionTable,
    *,
    removed: Iterable[Sequence[int]] = (),
) -> tuple[LesionMark, ...]:
    """Marks after a model's other candidates were chosen, or lesions taken away, which is no correction of any other.

    Args:
        marks: as they were kept.
        before: the labels that they belong to.
        after: the labels as they are now.
        volume: the CT.
        table: the measures of these.
        removed: ``(i, j, k)`` in lesions that were taken away as none, with their marks.
    """
    marked = MarkedLesions.of(marks, before, volume).without(value_at(before, (i, j, k)) for i, j, k in removed)
    inside = {lesion.number: lesion.inside_voxel for lesion in table.lesions}
    return marked.chosen_anew(before, after, inside).renewed(after, inside)


@dataclass(frozen=True)
class MarkedLesions:
    """Marks with the lesions that they belong to.

    A mark belongs to the lesion at its voxel; else to the nearest within 5 mm, if no mark lies in that one; and waits
    where there is none, since an undo or the choice of other candidates may bring the lesion back.

    Args:
        of_lesion: by the lesion's number; a lesion without any was painted.
        waiting: of lesions that are gone.
        sizes: voxels of each lesion, by its number; 0 where no lesion has it.
    """

    of_lesion: Mapping[int, tuple[LesionMark, ...]]
    waiting: tuple[LesionMark, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, marks: Iterable[LesionMark], numbered: Numbered, volume: Volume) -> MarkedLesions:
        """Find the lesions of marks.

        Args:
            marks: with their voxels.
            numbered: of :func:`LiverTumorSegLib.reporting.lesions.number_lesions`, ``[k, j, i]``.
            volume: the CT.
        """
        found: dict[int, tuple[LesionMark, ...]] = {}
        waiting, lost = [], []
        for mark in marks:
            number = lesion_at(mark.voxel, numbered, volume, within_mm=0)
            if number:
                found[number] = (*found.get(number, ()), mark)
            else:
                lost.append(mark)
        marked = set(found)
        for mark in lost:
            number = lesion_at(mark.voxel, numbered, volume)
            if number and number not in marked:
                found[number] = (*found.get(number, ()), mark)
            else:
                waiting.append(mark)
        return cls(found, tuple(waiting), lesion_sizes(numbered))

    def origin(self, number: int) -> LesionOrigin:
        """How a lesion came about."""
        return origin_of(self.of_lesion.get(number, ()), self.sizes[number - 1])

    @property
    def origins(self) -> dict[int, LesionOrigin]:
        """How each lesion came about, by its number."""
        return {number: self.origin(number) for number, size in enumerate(self.sizes, start=1) if size}

    def renewed(self, numbered: Numbered, inside: Mapping[int, Voxel]) -> tuple[LesionMark, ...]:
        """The marks, each with a voxel that lies in its lesion now; those that wait come last.

        Args:
            numbered: the labels that they were placed in.
            inside: a voxel ``(i, j, k)`` of each lesion, by its number.
        """
        there = [
            mark if value_at(numbered, mark.voxel) == number + LIVER_LABEL else mark._replace(voxel=inside[number])
            for number, marks in sorted(self.of_lesion.items())
            for mark in marks
        ]
        return (*there, *self.waiting)

    def claimed(self, numbers: Iterable[int], inside: Mapping[int, Voxel]) -> MarkedLesions:
        """With marks of those among these lesions that have none: each is a part of what a model had marked.

        Args:
            numbers: of lesions in which there are voxels that a model marked.
            inside: a voxel ``(i, j, k)`` of each lesion, by its number.
        """
        parts = {number: (LesionMark(inside[number], 0, 0),) for number in numbers}
        return replace(self, of_lesion=parts | dict(self.of_lesion))

    def without(self, labels: Iterable[int]) -> MarkedLesions:
        """Without the marks of the lesions that have these labels."""
        gone = {label - LIVER_LABEL for label in labels}
        return replace(self, of_lesion={number: own for number, own in self.of_lesion.items() if number not in gone})

    def chosen_anew(
        self,
        before: Numbered,
        after: Numbered,
        inside: Mapping[int, Voxel],
    ) -> MarkedLesions:
        """The lesions after a model's other candidates were chosen, which is no correction by hand.

        What was added is automatic, and a lesion that others became part of has what they had.

        Args:
            before: the labels that the marks were placed in.
            after: the lesions as they are now, as they are numbered.
            inside: a voxel ``(i, j, k)`` of each of these, by its number.
        """
        sizes, came = lesion_sizes(after), _overlaps(before, after)
        found: dict[int, tuple[LesionMark, ...]] = {}
        for number, parts in sorted(came.items()):
            size = sizes[number - 1]
            only = next(iter(parts)) if len(parts) == 1 else 0
            if only and self.sizes[only - 1] == size:
                found[number] = self.of_lesion.get(only, ())
            elif parts == {0} and (back := self._waiting_in(after, number)):
                found[number] = back
            else:
                found[number] = self._joined(parts, inside[number], size)
        there = {part for parts in came.values() for part in parts}
        gone = [mark for number, marks in self.of_lesion.items() if number not in there for mark in marks]
        taken = [mark for marks in found.values() for mark in marks]
        still = tuple(mark for mark in (*self.waiting, *gone) if mark not in taken)
        return MarkedLesions({number: marks for number, marks in found.items() if marks}, still, sizes)

    def _waiting_in(self, numbered: Numbered, number: int) -> tuple[LesionMark, ...]:
        return tuple(mark for mark in self.waiting if value_at(numbered, mark.voxel) == number + LIVER_LABEL)

    def _joined(self, parts: Iterable[int], voxel: Voxel, size: int) -> tuple[LesionMark, ...]:
        """Marks of a lesion of these earlier ones; 0 is what was none."""
        earlier = [AUTOMATIC if part == 0 else self.origin(part) for part in parts]
        clicks = sum(origin.clicks for origin in earlier)
        by_hand = any(origin.corrected or origin.painted for origin in earlier)
        marks = [0] * any(origin.automatic for origin in earlier) + [clicks] * bool(clicks)
        return tuple(LesionMark(voxel, count, 0 if by_hand else size) for count in marks)


def _overlaps(before: Numbered, after: Numbered) -> dict[int, set[int]]:
    """Numbers of the earlier lesions that each lesion lies on, 0 for what was none."""
    at = after > LIVER_LABEL
    pairs = np.unique(np.stack([after[at], before[at]]).astype(np.int64).clip(LIVER_LABEL) - LIVER_LABEL, axis=1)
    found: dict[int, set[int]] = {}
    for number, part in pairs.T.tolist():
        found.setdefault(number, set()).add(part)
    return found
