"""Lesions that are clicked into: which one is meant, what a click starts from, and what its answer changes.

Each answer is a step of the corrections, so that strokes of the brush and clicks are undone in the order in which they
were made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ....core.boxed import Boxed, inside_box
from ....core.errors import UserError
from ....core.labels import LESION_LABEL, enclosing_box
from ....core.volume import Volume
from ....reporting.lesion_origins import LesionMark, with_clicks
from ...panel.clicks import ClickedLesion, LesionClick, lesion_under
from ...panel.mrml_results import ResultNodes
from .edited_segments import CorrectedSegments, VoxelLabels
from .outside_liver import Outside, OutsidePart, outside_part
from .painting import Corrections

Clicks = tuple[LesionClick, ...]

_CHANGED = "The lesion was changed meanwhile, so nothing else was done: choose its row and Improve, or add it again."


@dataclass(eq=False)
class ClickedInto:
    """A lesion that the user clicks into.

    Args:
        base: the lesion before its first click; None where there was none.
        lesion: as its clicks left it; None for nothing.
        clicks: that were answered, in their order.
        held: what marked the base, see :mod:`LiverTumorSegLib.reporting.lesion_origins`.
        is_within: the user had it end at the liver's border.
    """

    base: Boxed | None = None
    lesion: Boxed | None = None
    clicks: Clicks = ()
    held: tuple[LesionMark, ...] = ()
    is_within: bool = False

    @property
    def is_new(self) -> bool:
        """Whether no click was answered yet, and no lesion was chosen."""
        return not self.clicks and self.lesion is None


class ClickedLesions:
    """The lesions of one result that were clicked into.

    Args:
        corrections: of the result, which show and undo what changes.
    """

    def __init__(self, corrections: Corrections) -> None:
        self._corrections = corrections
        self._known: list[ClickedInto] = []
        self._around: tuple[ClickedInto, NDArray[np.uint8] | None, NDArray[np.bool_] | None] | None = None
        self._marks: tuple[LesionMark, ...] | None = None
        self.current: ClickedInto | None = None

    def forget(self) -> None:
        """Forget all clicks, as those of another CT or another result."""
        self._known.clear()
        self._around = self._marks = self.current = None

    def of_row(self, row: int) -> ClickedInto:
        """The lesion in a row of the table, with its clicks where it is as the last of them left it.

        Raises:
            UserError: the lesion is not any more as it was measured.
        """
        return self._of(Boxed(*self._corrections.lesion_of_row(row)))

    def at(self, lesion: ClickedInto, volume: Volume, first: LesionClick) -> ClickedInto:
        """The lesion that the first click of a new one lies in, which is improved and not doubled; else the new one."""
        segments = self._corrections.segments
        found = lesion_under(volume, segments.labels, first.point) if segments else None
        here = Boxed.around(found) if found is not None else None
        return self._of(here) if here else lesion

    def _of(self, here: Boxed) -> ClickedInto:
        unanswered = (self.current,) if self.current else ()
        for known in (*self._known, *unanswered):
            if known.lesion and known.lesion.box == here.box and np.array_equal(known.lesion.values, here.values):
                return known
        return ClickedInto(here, here)

    def around(self, lesion: ClickedInto) -> tuple[NDArray[np.uint8] | None, NDArray[np.bool_] | None]:
        """Labels and base as a panel's ``click`` takes them, the same objects from click to click.

        Raises:
            UserError: the lesion was painted, erased or removed since its last click.
        """
        if self._around is None or self._around[0] is not lesion:
            segments = self._corrections.segments
            self._around = lesion, *(_before(lesion, segments) if segments else (None, None))
        return self._around[1:]

    def outside(self, answer: ClickedLesion) -> OutsidePart | None:
        """The part of an answer that would newly be lesion outside the liver; None where there is none."""
        segments = self._corrections.segments
        return outside_part(segments, answer.box, answer.mask) if segments else None

    def ended(self, lesion: ClickedInto, answer: ClickedLesion, choice: Outside) -> ClickedLesion | None:
        """An answer as the user wants it at the liver's border; None where nothing of it is left.

        What is lesion already stays, as that of another answer to the same question.
        """
        segments = self._corrections.segments
        if choice is Outside.NOTHING or segments is None:
            return None
        lesion.is_within = choice is Outside.WITHIN
        if choice is Outside.ADD:
            return answer
        before = segments.labels_of_box(answer.box)
        mask = answer.mask & (before.organ | (before.lesion > 0))
        if not mask.any():
            return None
        return replace(answer, mask=mask, ml=answer.ml * float(mask.sum() / answer.mask.sum()))

    def become(self, nodes: ResultNodes, lesion: ClickedInto, clicks: Clicks, answer: ClickedLesion | None) -> None:
        """Let a lesion be what its clicks say; without any, it is again what it was before the first.

        Raises:
            UserError: as :meth:`around`.
        """
        segments = self._corrections.segments
        if segments is None:
            raise UserError(_CHANGED)
        new = lesion.base if answer is None else Boxed(answer.box, answer.mask)
        boxes = [each.box for each in (lesion.lesion, new) if each is not None]
        if not boxes:
            return
        _require(lesion, segments)
        box = enclosing_box(boxes)
        before = segments.labels_of_box(box)
        old, wanted = (inside_box(each, box) for each in (lesion.lesion, new))
        left = wanted & (old | (before.lesion == 0))  # what was painted since stays
        after = before.lesion.copy()
        after[old & ~left] = 0
        after[left & ~old] = segments.lesion_of_clicks(box, old)
        states = (lesion.lesion, lesion.clicks), (Boxed(box, left).trimmed, clicks)
        marks = self._marks_after(nodes.marks, lesion, states[1][0], len(clicks), segments.shape)

        def also(done: bool) -> None:
            lesion.lesion, lesion.clicks = states[done]
            self.current = lesion
            self._marks = marks if done else before_marks
            if self._marks is not None:
                nodes.mark(self._marks)

        before_marks = nodes.marks
        self._corrections.change(box, VoxelLabels(before.organ, after), also)

    def _marks_after(
        self,
        marks: tuple[LesionMark, ...] | None,
        lesion: ClickedInto,
        now: Boxed | None,
        clicks: int,
        shape: tuple[int, ...],
    ) -> tuple[LesionMark, ...] | None:
        """Marks with that of the lesion's clicks in place of their earlier one."""
        if lesion not in self._known:
            self._known.append(lesion)
            lesion.held = tuple(mark for mark in marks or () if lesion.base and lesion.base.holds(mark.voxel))
        if marks is None:
            return None
        own = [part for part in (lesion.lesion, lesion.base) if part]
        before = (*(mark for mark in marks if not any(part.holds(mark.voxel) for part in own)), *lesion.held)
        if now is None or not clicks:
            return before
        mark = LesionMark(now.voxel, clicks, int(np.count_nonzero(now.values)))
        return with_clicks(before, mark, None if lesion.base is None else lesion.base.whole(shape))

    def mark_again(self, nodes: ResultNodes) -> None:
        """Put the marks back before a measurement: one that ran when a click was undone has brought its own."""
        marks, self._marks = self._marks, None
        if marks is not None:
            nodes.mark(marks)

    def look_again(self) -> None:
        """Say that the segments are others now; the clicks of lesions that are there still can be gone on with."""
        self._around = self._marks = self.current = None


def _before(lesion: ClickedInto, segments: CorrectedSegments) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Labels with the lesion's base in place of what its clicks made of it, and that base."""
    _require(lesion, segments)
    labels = segments.labels
    if lesion.lesion is not None:
        box, mask = lesion.lesion
        labels[box][mask] = segments.labels_of_box(box).organ[mask]
    if lesion.base is None:
        return labels, None
    labels[lesion.base.box][lesion.base.values] = LESION_LABEL
    return labels, lesion.base.whole(labels.shape)


def _require(lesion: ClickedInto, segments: CorrectedSegments) -> None:
    if lesion.lesion is not None:
        box, mask = lesion.lesion
        if not segments.labels_of_box(box).lesion[mask].all():
            raise UserError(_CHANGED)
