"""The nodes that a lesion under clicks is part of: their segments as labels, and a segment more or less."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ...core.boxed import Boxed
from ...core.labels import LESION
from ...reporting.lesion_notes import Voxel
from ...reporting.lesion_origins import LesionMark
from .mrml_kept_clicks import KeptClicks, keep_clicks, kept_clicks
from .mrml_results import FACTS, ResultNodes
from .mrml_segment_boxes import SegmentBoxes
from .mrml_segmentations import LABELMAP, add_lesion_segment, added_segments

Stamp = tuple[Any, ...]


@dataclass(eq=False)
class LesionScene:
    """A CT with its result, or before it has one.

    Args:
        volume: the CT.
        segmentation: that holds or gets the lesion; None until there is one.
        table: of the result; None until there is one.
        one_each: a segment a lesion.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode = None
    table: slicer.vtkMRMLTableNode = None
    one_each: bool = False

    @classmethod
    def of(cls, nodes: ResultNodes) -> LesionScene:
        """The nodes of a result."""
        return cls(nodes.volume, nodes.segmentation, nodes.table, nodes.facts.get("one_each", False))

    @property
    def nodes(self) -> ResultNodes | None:
        """The result, once there is one."""
        return ResultNodes(self.volume, self.segmentation, self.table) if self.segmentation and self.table else None

    @property
    def boxes(self) -> SegmentBoxes:
        """Voxels of the segments."""
        return SegmentBoxes(self.segmentation, self.volume)

    @property
    def names(self) -> dict[str, int]:
        """The result's segments and those that the user added, and whether they are liver (1) or lesion (2)."""
        names: dict[str, int] = self.nodes.facts.get("segments", {}) if self.nodes else {}
        return names | added_segments(self.segmentation, names) if self.segmentation else names

    def has(self, name: str | None) -> bool:
        """Whether there is such a segment."""
        segments = self.segmentation.GetSegmentation() if self.segmentation else None
        return bool(segments and name is not None and segments.GetSegment(name))

    def labels(self, names: dict[str, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Labels 0, 1 and 2 of segments, and 1 + the place in ``names`` of the one that each voxel belongs to."""
        shape = slicer.util.arrayFromVolume(self.volume).shape
        labels, owners = np.zeros(shape, np.uint8), np.zeros(shape, np.uint16)
        for place, (name, label) in sorted(enumerate(names.items(), start=1), key=lambda item: item[1][1]):
            box = self.boxes.reach(name)
            held = self.boxes.held(name, box)
            np.copyto(labels[box], np.uint8(label), where=held)
            np.copyto(owners[box], np.uint16(place), where=held)
        return labels, owners

    def add_segment(self) -> str:
        """Add an empty segment for lesions to the result."""
        name = add_lesion_segment(self.segmentation, self.volume, self.one_each)
        self._keep({**self._own_names, name: LESION.label})
        return name

    def remove_segment(self, name: str) -> None:
        """Take a segment away from the result."""
        self.segmentation.GetSegmentation().RemoveSegment(name)
        self._keep({own: kind for own, kind in self._own_names.items() if own != name})

    @property
    def marks(self) -> tuple[LesionMark, ...]:
        """What marked the lesions; nothing where it is not known."""
        return (self.nodes.marks if self.nodes else None) or ()

    def mark(self, marks: tuple[LesionMark, ...]) -> None:
        """Keep other marks; a scene of an earlier version, of which nothing is known, stays so."""
        if self.nodes and self.nodes.marks is not None:
            self.nodes.mark(marks)

    def kept_clicks(self, voxel: Voxel) -> KeptClicks | None:
        """The clicks of the lesion that a voxel ``(i, j, k)`` is in; None where none are kept."""
        return next((each for each in reversed(self._kept_clicks) if each.lesion.holds(voxel)), None)

    def keep_clicks(self, before: Boxed | None, kept: KeptClicks | None) -> None:
        """Keep a lesion's clicks with the scene, in place of those that led to what it was before."""
        if self.table:
            others = (each for each in self._kept_clicks if before is None or not each.lesion.holds(before.voxel))
            keep_clicks(self.table, (*others, *([kept] if kept else [])))

    @property
    def stamp(self) -> Stamp:
        """Changes with every change of a segment's voxels."""
        if self.segmentation is None:
            return ()
        segments = self.segmentation.GetSegmentation()
        ids = segments.GetSegmentIDs()
        images = [segments.GetSegment(name).GetRepresentation(LABELMAP) for name in ids]
        return ids, tuple(image.GetMTime() for image in images if image)

    @property
    def _kept_clicks(self) -> list[KeptClicks]:
        return kept_clicks(self.table, slicer.util.arrayFromVolume(self.volume).shape) if self.table else []

    @property
    def _own_names(self) -> dict[str, int]:
        names: dict[str, int] = self.nodes.facts.get("segments", {}) if self.nodes else {}
        return names

    def _keep(self, names: dict[str, int]) -> None:
        if self.nodes:
            self.nodes.table.SetAttribute(FACTS, json.dumps(self.nodes.facts | {"segments": names}))
