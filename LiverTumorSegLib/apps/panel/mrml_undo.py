"""Undo of what the panel did to a result's segments: its last steps, and what it takes to go back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import LESION
from . import mrml_segmentations
from .mrml_results import CANDIDATES, FACTS, ResultNodes, labels_checksum

MOST_STEPS, MOST_BYTES = 20, 200 << 20
"""What is kept; the oldest step goes first."""


@dataclass(frozen=True)
class ChangedLabels:
    """A step that changed voxels of the module's own segments.

    Args:
        table: of the result.
        facts: of the result before.
        candidates: for lesions before.
        at: rising flat indices of the voxels that changed.
        old, new: their labels 0, 1 and 2 before and after.
    """

    table: slicer.vtkMRMLTableNode
    facts: dict[str, Any]
    candidates: str
    at: NDArray[np.int64]
    old: NDArray[np.uint8]
    new: NDArray[np.uint8]

    @classmethod
    def of(
        cls,
        nodes: ResultNodes,
        labels: NDArray[np.unsignedinteger],
        changed: NDArray[np.unsignedinteger],
        theirs: NDArray[np.bool_],
    ) -> ChangedLabels:
        """The step from labels to others; voxels of the user's own segments are no part of it."""
        after = np.minimum(changed, LESION.label).astype(np.uint8)
        at = np.flatnonzero((labels != after) & ~theirs)
        old = labels.reshape(-1)[at].astype(np.uint8)
        return cls(nodes.table, nodes.facts, nodes.candidates, at, old, after.reshape(-1)[at])

    @property
    def bytes(self) -> int:
        """What keeping it takes."""
        return self.at.nbytes + self.old.nbytes + self.new.nbytes + len(self.candidates)

    def undone(self, labels: NDArray[np.unsignedinteger], theirs: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Labels as they were before, but where anything else changed them since."""
        back = labels.astype(np.uint8)
        flat = back.reshape(-1)
        as_left = (flat[self.at] == self.new) & ~theirs.reshape(-1)[self.at]
        flat[self.at[as_left]] = self.old[as_left]
        return back


@dataclass(frozen=True)
class ReplacedSegments:
    """A step that replaced the segments of an earlier run.

    Args:
        table: of the result, the same before and after.
        facts: of the result before, as text.
        candidates: for lesions before.
        kept: the segments before, with all corrections.
    """

    table: slicer.vtkMRMLTableNode
    facts: str
    candidates: str
    kept: slicer.vtkSegmentation

    @classmethod
    def of(cls, segmentation: slicer.vtkMRMLSegmentationNode, table: slicer.vtkMRMLTableNode) -> ReplacedSegments:
        """What is about to be replaced."""
        kept = slicer.vtkSegmentation()
        for name in mrml_segmentations.made_here(segmentation):
            kept.CopySegmentFromSegmentation(segmentation.GetSegmentation(), name)
        return cls(table, table.GetAttribute(FACTS) or "{}", table.GetAttribute(CANDIDATES) or "", kept)

    @property
    def bytes(self) -> int:
        """What keeping it takes; segments of one layer share its image."""
        segments = (self.kept.GetNthSegment(n) for n in range(self.kept.GetNumberOfSegments()))
        held = [data for segment in segments for data in _representations(segment)]
        return 1024 * sum({data.GetAddressAsString(""): data.GetActualMemorySize() for data in held}.values())

    def restore(self, nodes: ResultNodes) -> None:
        """Put the earlier segments back; those that came in their place go, but where they were painted since."""
        segments, made = nodes.segmentation.GetSegmentation(), nodes.segments
        left = [name for name in made if segments.GetSegment(name)]
        now = mrml_segmentations.labels_of(nodes.segmentation, nodes.volume, made)[0] if left else None
        if now is not None and labels_checksum(now) == nodes.facts.get("found"):
            for name in left:
                segments.RemoveSegment(name)
        for number in range(self.kept.GetNumberOfSegments()):
            segments.CopySegmentFromSegmentation(self.kept, self.kept.GetNthSegmentID(number))
        self.table.SetAttribute(FACTS, self.facts)
        self.table.SetAttribute(CANDIDATES, self.candidates)


UndoStep = ChangedLabels | ReplacedSegments


class UndoSteps:
    """The last steps, of all results of the scene."""

    def __init__(self) -> None:
        self._steps: deque[UndoStep] = deque()

    def add(self, step: UndoStep) -> None:
        """Keep a step, and forget the oldest while there are too many or they take too much memory."""
        self._steps.append(step)
        while len(self._steps) > MOST_STEPS or sum(each.bytes for each in self._steps) > MOST_BYTES:
            self._steps.popleft()

    def has(self, table: slicer.vtkMRMLTableNode) -> bool:
        """Whether there is a step of this result to take back."""
        return any(step.table is table for step in self._steps)

    def last(self, table: slicer.vtkMRMLTableNode) -> UndoStep:
        """The last step of this result.

        Raises:
            UserError: there is none.
        """
        for step in reversed(self._steps):
            if step.table is table:
                return step
        msg = "There is nothing to undo."
        raise UserError(msg)

    def forget(self, step: UndoStep) -> None:
        """Drop a step that was taken back."""
        self._steps = deque(each for each in self._steps if each is not step)

    def clear(self) -> None:
        """Forget all steps."""
        self._steps.clear()


def _representations(segment: slicer.vtkSegment) -> list[Any]:
    names: list[str] = []
    segment.GetContainedRepresentationNames(names)
    return [segment.GetRepresentation(name) for name in names]
