"""Undo and redo of what the panel did to a result's segments: its last steps, and what it takes to go back."""

from __future__ import annotations

import json
import zlib
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import LESION, LIVER
from . import mrml_display, mrml_segment_boxes, mrml_segmentations
from .mrml_clicks import ClickStep
from .mrml_other_structures import structures_of
from .mrml_results import FACTS, KEPT, ResultNodes, ct_of, name_ct, require
from .mrml_segmentations import LABELMAP

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

    def inverse(self, nodes: ResultNodes) -> ChangedLabels:
        """The step that takes this one back, from the result as it is now."""
        return ChangedLabels(self.table, nodes.facts, nodes.candidates, self.at, old=self.new, new=self.old)

    def undone(self, labels: NDArray[np.unsignedinteger], theirs: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Labels as they were before, but where anything else changed them since."""
        back = labels.astype(np.uint8)
        flat = back.reshape(-1)
        as_left = (flat[self.at] == self.new) & ~theirs.reshape(-1)[self.at]
        flat[self.at[as_left]] = self.old[as_left]
        return back


@dataclass(frozen=True)
class KeptResult:
    """Segments and table of a result as they were, with all corrections.

    Args:
        volume: the CT; None where the table does not say it.
        known: all that is known of it, the table's attributes.
        cells: of the table.
        segments: names, colours and tags of the module's own segments, also of other structures, by their IDs, with
            their values in an image.
        images: one each for segments that share it.
    """

    volume: slicer.vtkMRMLScalarVolumeNode | None
    known: dict[str, str]
    cells: vtk.vtkTable
    segments: dict[str, tuple[slicer.vtkSegment, int, str]]
    images: dict[str, slicer.vtkOrientedImageData]

    @classmethod
    def of(cls, segmentation: slicer.vtkMRMLSegmentationNode, table: slicer.vtkMRMLTableNode) -> KeptResult:
        """The result that a segmentation holds now."""
        segments, images = {}, {}
        for name in (*mrml_segmentations.made_here(segmentation), *structures_of(segmentation)):
            segment = segmentation.GetSegmentation().GetSegment(name)
            image = segment.GetRepresentation(LABELMAP)
            address = image.GetAddressAsString("")
            if address not in images:
                images[address] = slicer.vtkOrientedImageData()
                images[address].DeepCopy(image)
            bare = slicer.vtkSegment()
            bare.DeepCopyMetadata(segment)
            segments[name] = (bare, segment.GetLabelValue(), address)
        cells = vtk.vtkTable()
        cells.DeepCopy(table.GetTable())
        known = {name: table.GetAttribute(name) or "" for name in KEPT}
        return cls(ct_of(table), known, cells, segments, images)

    @property
    def bytes(self) -> int:
        """What keeping it takes."""
        return 1024 * sum(image.GetActualMemorySize() for image in self.images.values())

    def restore(self, segmentation: slicer.vtkMRMLSegmentationNode, table: slicer.vtkMRMLTableNode) -> tuple[str, ...]:
        """Put segments and table back; a segment whose ID is taken by now gets another.

        Returns:
            IDs of liver and lesions.
        """
        segments, names = segmentation.GetSegmentation(), {}
        if self.volume and not segments.GetNumberOfSegments():
            mrml_segmentations.take_geometry(segmentation, self.volume)
        for name, (bare, value, address) in self.segments.items():
            segment = slicer.vtkSegment()
            segment.DeepCopyMetadata(bare)
            segment.SetLabelValue(value)
            segment.AddRepresentation(LABELMAP, self.images[address])
            names[name] = segments.GenerateUniqueSegmentID(name)
            segments.AddSegment(segment, names[name])
        if self.volume:
            name_ct(table, self.volume)
        facts = json.loads(self.known[FACTS] or "{}")
        facts["segments"] = {names.get(name, name): kind for name, kind in facts.get("segments", {}).items()}
        facts["rows"] = [names.get(name, name) for name in facts.get("rows", [])]
        for name, text in (self.known | {FACTS: json.dumps(facts)}).items():
            table.SetAttribute(name, text)
        cells = vtk.vtkTable()
        cells.DeepCopy(self.cells)
        table.SetAndObserveTable(cells)
        structures = structures_of(segmentation)
        return tuple(name for name in names.values() if name not in structures)


@dataclass(frozen=True)
class ReplacedSegments:
    """A step that replaced the result of an earlier run.

    Args:
        table: of the result, the same before and after.
        kept: the result before.
        made: IDs of the segments that came in its place.
        owners: checksum of the voxels that they had then, see :func:`owners_checksum`.
    """

    table: slicer.vtkMRMLTableNode
    kept: KeptResult
    made: tuple[str, ...]
    owners: int

    @property
    def bytes(self) -> int:
        """What keeping it takes."""
        return self.kept.bytes

    def restore(self, nodes: ResultNodes) -> ReplacedSegments | None:
        """Put the earlier result back; the segments that came in its place go, but where they were changed since.

        Returns:
            The step that takes this one back; None where it cannot be, since both results are there now.

        Raises:
            UserError: the earlier result's CT was removed.
        """
        require(self.kept.volume)
        segments = nodes.segmentation.GetSegmentation()
        if mrml_display.has_surface(nodes.segmentation):
            nodes.segmentation.RemoveClosedSurfaceRepresentation()
        now = KeptResult.of(nodes.segmentation, self.table) if self._is_untouched(nodes) else None
        if now:
            for name in (*self.made, *structures_of(nodes.segmentation)):
                segments.RemoveSegment(name)
        names = self.kept.restore(nodes.segmentation, self.table)
        back = replace(nodes, volume=self.kept.volume or nodes.volume)
        return ReplacedSegments(self.table, now, names, _owners(back, names)) if now else None

    def _is_untouched(self, nodes: ResultNodes) -> bool:
        if not all(nodes.segmentation.GetSegmentation().GetSegment(name) for name in self.made):
            return False
        return _owners(nodes, self.made) == self.owners


def owners_checksum(numbered: NDArray[np.unsignedinteger], one_each: bool) -> int:
    """Checksum of which new segment holds each voxel, the liver the first; ``numbered`` has a value a lesion."""
    owners = numbered if one_each else np.minimum(numbered, LESION.label)
    return zlib.crc32(owners.astype(np.uint16).tobytes())


def _owners(nodes: ResultNodes, names: tuple[str, ...]) -> int:
    """Checksum of the voxels that segments hold now, the liver the first."""
    kinds = {name: LIVER.label if place == 0 else LESION.label for place, name in enumerate(names)}
    _, owners = mrml_segment_boxes.labels_of(nodes.segmentation, nodes.volume, kinds)
    return zlib.crc32(owners.tobytes())


UndoStep = ChangedLabels | ReplacedSegments | ClickStep


class UndoSteps:
    """The last steps, of all results of the scene, and those that were taken back since."""

    def __init__(self) -> None:
        self._steps: deque[UndoStep] = deque()
        self._undone: deque[UndoStep] = deque()

    def add(self, step: UndoStep) -> None:
        """Keep a step, after which what was taken back before cannot be done again."""
        self._undone = deque(each for each in self._undone if each.table is not step.table)
        self._keep(self._steps, step)

    def has(self, table: slicer.vtkMRMLTableNode) -> bool:
        """Whether there is a step of this result to take back."""
        return any(step.table is table for step in self._steps)

    def has_undone(self, table: slicer.vtkMRMLTableNode) -> bool:
        """Whether a step of this result was taken back, and can be done again."""
        return any(step.table is table for step in self._undone)

    def last(self, table: slicer.vtkMRMLTableNode, *, undone: bool = False) -> UndoStep:
        """The last step of this result, or with ``undone`` the one that was taken back last, as it is done again.

        Raises:
            UserError: there is none.
        """
        for step in reversed(self._undone if undone else self._steps):
            if step.table is table:
                return step
        msg = "There is nothing to redo." if undone else "There is nothing to undo."
        raise UserError(msg)

    def turn(self, step: UndoStep, inverse: UndoStep | None) -> None:
        """Note that a step was taken back, or done again, and what takes that back; None where nothing does."""
        undone = any(each is step for each in self._undone)
        self._steps = deque(each for each in self._steps if each is not step)
        self._undone = deque(each for each in self._undone if each is not step)
        if inverse is not None:
            self._keep(self._steps if undone else self._undone, inverse)

    def clear(self) -> None:
        """Forget all steps."""
        self._steps.clear()
        self._undone.clear()

    def _keep(self, steps: deque[UndoStep], step: UndoStep) -> None:
        """Keep a step, and forget the oldest while there are too many or they take too much memory."""
        steps.append(step)
        while len(steps) > MOST_STEPS or sum(each.bytes for each in (*self._steps, *self._undone)) > MOST_BYTES:
            (self._steps or self._undone).popleft()
