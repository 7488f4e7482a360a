"""Corrections of a result in the views: the brush, painting, erasing and removing, with undo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from scipy import ndimage
from trame_slicer.core import SegmentationEditor
from trame_slicer.segmentation import ModificationMode, SegmentationEffectPipeline
from trame_slicer.segmentation.abstract_segmentation_effect_brush import AbstractSegmentationEffectBrush
from trame_slicer.segmentation.paint_effect_parameters import BrushDiameterMode
from trame_slicer.segmentation.segmentation_paint_pipeline import SegmentationPaintPipeline2D
from undo_stack import UndoCommand, UndoStack
from vtk.util.numpy_support import vtk_to_numpy

from ....core.errors import UserError
from ....core.labels import LESION, Segment
from ...panel.mrml_results import ResultNodes
from ...panel.mrml_volumes import from_world, world_affine
from .edited_segments import Box, CorrectedSegments, Stroke, VoxelLabels, covered_voxels
from .outside_liver import AskOutside, Outside, outside_part

SMALLEST_MM, LARGEST_MM = 1.0, 60.0
"""Diameter: the mouse wheel with Shift knows no end, and what a large brush covers takes gigabytes."""

Points = list[tuple[float, float, float]]
Normal = tuple[float, float, float]


class BrushEffect(AbstractSegmentationEffectBrush):
    """A brush in the slice views that tells where it went; in 3D views the mouse goes on turning the patient."""

    def __init__(self) -> None:
        super().__init__(ModificationMode.Add)
        self.drawn: Callable[[Points, Normal], None] | None = None
        self.normal: Normal = (0.0, 0.0, 1.0)

    def paint_glyph_at_world_coordinates(self, _glyph: vtk.vtkPolyData, points: vtk.vtkPoints) -> None:
        """Pass a stroke on: its points in world RAS, and the normal of the slice it was drawn in."""
        if self.drawn:
            self.drawn([tuple(point) for point in vtk_to_numpy(points.GetData()).tolist()], self.normal)

    def set_brush_diameter(self, diameter: float, diameter_mode: BrushDiameterMode | None = None) -> None:
        """Set it to the nearest diameter that may be."""
        super().set_brush_diameter(min(LARGEST_MM, max(SMALLEST_MM, diameter)), diameter_mode)

    def increase_brush_size(self, increase_ratio: float | None = None) -> None:
        """As far as may be."""
        super().increase_brush_size(increase_ratio)
        self.set_brush_diameter(self.get_brush_diameter())

    def decrease_brush_size(self, decrease_ratio: float | None = None) -> None:
        """As far as may be."""
        super().decrease_brush_size(decrease_ratio)
        self.set_brush_diameter(self.get_brush_diameter())

    def _create_model_node(self, name: str) -> slicer.vtkMRMLModelNode:
        """Of brush and stroke, which the 3D views would show as balls before the surfaces."""
        node = super()._create_model_node(name)
        node.GetDisplayNode().SetVisibility3D(False)
        return node

    def _create_pipeline(
        self, view_node: slicer.vtkMRMLAbstractViewNode, _parameter: slicer.vtkMRMLNode
    ) -> SegmentationEffectPipeline | None:
        return _BrushInSlice() if isinstance(view_node, slicer.vtkMRMLSliceNode) else None


class _BrushInSlice(SegmentationPaintPipeline2D):
    def _pass_on(self) -> None:
        to_ras = self._view.get_view_node().GetSliceToRAS()
        self._effect.normal = (to_ras.GetElement(0, 2), to_ras.GetElement(1, 2), to_ras.GetElement(2, 2))
        super().OnPaintInteractionStopped()

    OnPaintInteractionStopped = _pass_on


_UNDO_LIMIT = 50
_SAME_VOXEL = 0.05
_NOT_BEGUN = "no result is being corrected: begin first"


class Tool(Enum):
    """Tool that the brush is."""

    PAINT = "paint"
    ERASE = "erase"


class Corrections:
    """Changes the segments of one result at a time, with undo and redo.

    A lesion is painted over the liver, which counts it on, and leaves other lesions as they are; what is erased of it
    is liver again where it lay in the liver. Painting or erasing the liver leaves lesions as they are.

    Args:
        editor: trame-slicer's, of the scene that the views show.
        changed: called after each change, undo and redo: measures are out of date.
        later: takes what may be done once the views have shown the change, such as
            :meth:`LiverTumorSegLib.apps.panel.panel.Panel.later`: the surfaces of the 3D views are made anew then,
            which takes longer than all else.
    """

    def __init__(
        self,
        editor: SegmentationEditor,
        changed: Callable[[], None],
        later: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        self._editor, self._changed, self._later = editor, changed, later
        self._undo = UndoStack(undo_limit=_UNDO_LIMIT)
        self._nodes: ResultNodes | None = None
        self._segments: CorrectedSegments | None = None
        self._tool, self._kind = Tool.PAINT, LESION
        self._brush = editor.get_effect(BrushEffect)
        self._brush.drawn = self._stroke
        self.ask_outside: AskOutside = lambda _part, then: then(Outside.ADD)

    def begin(self, nodes: ResultNodes) -> None:
        """Take a result up; what could be undone before cannot be any more.

        Its segments are read with the first tool, so that a new result is shown without delay.
        """
        self.end()
        self._nodes = nodes

    def end(self) -> None:
        """Put the brush away and forget the result, which stays as it is."""
        if self._segments:
            self._show_surfaces()
            self._editor.clear()
        self._undo.clear()
        self._nodes = self._segments = None

    def use(self, tool: Tool | None, kind: Segment = LESION) -> None:
        """Choose what the brush does in the slice views; with None the mouse moves the views again.

        Raises:
            UserError: the segments are gone, or were moved away from their CT.
        """
        if tool is None or self._nodes is None:
            self._editor.deactivate_effect()
            return
        self._taken_up(self._nodes)
        self._tool, self._kind = tool, kind
        self._editor.set_active_effect_type(BrushEffect)

    def set_brush(self, diameter_mm: float, *, sphere: bool) -> None:
        """Set the brush: a sphere, or flat in the slice that is drawn in."""
        self._brush.set_brush_diameter(diameter_mm, BrushDiameterMode.Absolute)
        self._brush.set_use_sphere_brush(sphere)

    @property
    def diameter_mm(self) -> float:
        """Of the brush; the mouse wheel with Shift changes it in the views."""
        return float(self._brush.get_brush_diameter())

    def remove(self, row: int) -> None:
        """Take away the lesion in a row of the table, in whichever segments it is; a segment may be left empty.

        Raises:
            UserError: the lesion is not any more as it was measured, or as :meth:`use`.
        """
        segments = self.segments
        if segments is None:
            raise RuntimeError(_NOT_BEGUN)
        box, mask = _lesion_of_row(segments, row)
        before = segments.labels_of_box(box)
        left = np.where(mask, 0, before.lesion).astype(np.uint16)
        self._apply(segments, box, before, replace(before, lesion=left))

    @property
    def segments(self) -> CorrectedSegments | None:
        """The voxels of the result, which are read with the first use; None where there is no result.

        Raises:
            UserError: as :meth:`use`.
        """
        return self._taken_up(self._nodes) if self._nodes else None

    def lesion_of_row(self, row: int) -> tuple[Box, NDArray[np.bool_]]:
        """Box around the lesion in a row of the table, and which of its voxels are the lesion.

        Raises:
            UserError: as :meth:`remove`.
        """
        segments = self.segments
        if segments is None:
            raise RuntimeError(_NOT_BEGUN)
        return _lesion_of_row(segments, row)

    def change(self, box: Box, after: VoxelLabels, also: Callable[[bool], None]) -> None:
        """Change a part of the voxels as one step.

        Args:
            box: the part.
            after: what it becomes.
            also: what belongs to the step; called with True now and when it is done again, with False when undone.
        """
        segments = self.segments
        if segments is None:
            raise RuntimeError(_NOT_BEGUN)
        self._do(_Change(segments, box, segments.labels_of_box(box), after, also))

    def step(self, command: UndoCommand) -> None:
        """Do what changes the voxels of the result, as one step that can be undone."""
        self._do(command)

    @property
    def is_changed(self) -> bool:
        """Whether voxels were changed that are not measured yet."""
        return self._segments is not None and self._segments.present and self._segments.has_changes

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return self._undo.can_undo()

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to redo."""
        return self._undo.can_redo()

    def undo(self) -> None:
        """Take the last change back."""
        self._step(self._undo.can_undo, self._undo.undo)

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        self._step(self._undo.can_redo, self._undo.redo)

    def _taken_up(self, nodes: ResultNodes) -> CorrectedSegments:
        if self._segments is None:
            self._segments = CorrectedSegments(nodes)
            self._editor.show_3d(True)  # else it would drop the surfaces that are shown
            self._editor.set_active_segmentation(nodes.segmentation, nodes.volume)
        return self._segments

    def _stroke(self, points: Points, normal: Normal) -> None:
        segments = self._segments
        if segments is None or not segments.present:
            return
        volume = segments.nodes.volume
        flat = None if self._brush.is_sphere_brush() else normal
        stroke = Stroke(from_world(volume, np.array(points)), self.diameter_mm, flat)
        found = covered_voxels(stroke, world_affine(volume), segments.shape)
        if not found:
            return
        outside = outside_part(segments, *found) if self._paints_lesion else None
        if outside is None:
            self._cover(segments, *found, self._tool, self._kind)
        else:
            self.ask_outside(outside, lambda choice: self._cover_as(choice, segments, *found))

    def _cover_as(self, choice: Outside, segments: CorrectedSegments, box: Box, mask: NDArray[np.bool_]) -> None:
        """Paint a lesion by the answer, unless another result has taken this one's place meanwhile."""
        if choice is Outside.NOTHING or segments is not self._segments or not segments.present:
            return
        if choice is Outside.WITHIN:
            mask = mask & segments.labels_of_box(box).organ
        self._cover(segments, box, mask, Tool.PAINT, LESION)

    def _cover(self, segments: CorrectedSegments, box: Box, mask: NDArray[np.bool_], tool: Tool, kind: Segment) -> None:
        before = segments.labels_of_box(box)
        own = segments.lesion_at(box, mask) if tool is Tool.PAINT and kind is LESION else 0
        self._apply(segments, box, before, _corrected(before, mask, tool, kind, own))

    @property
    def _paints_lesion(self) -> bool:
        return self._tool is Tool.PAINT and self._kind is LESION

    def _apply(self, segments: CorrectedSegments, box: Box, before: VoxelLabels, after: VoxelLabels) -> None:
        if np.array_equal(before.organ, after.organ) and np.array_equal(before.lesion, after.lesion):
            return
        self._do(_Change(segments, box, before, after))

    def _do(self, change: UndoCommand) -> None:
        self._while_surfaces_wait(change.redo)
        self._undo.push(change)
        self._changed()

    def _step(self, can: Callable[[], bool], step: Callable[[], None]) -> None:
        if can() and self._segments and self._segments.present:
            self._while_surfaces_wait(step)
            self._changed()

    def _while_surfaces_wait(self, change: Callable[[], None]) -> None:
        self._editor.show_3d(False)
        change()
        self._later(self._show_surfaces)

    def _show_surfaces(self) -> None:
        if self._segments and self._segments.present:
            self._editor.show_3d(True)


def _corrected(before: VoxelLabels, mask: NDArray[np.bool_], tool: Tool, kind: Segment, own: int) -> VoxelLabels:
    """Labels of voxels once the brush has been there; ``own`` is the segment of a lesion that is painted."""
    if kind is not LESION:
        return replace(before, organ=before.organ | mask if tool is Tool.PAINT else before.organ & ~mask)
    over = mask & (before.lesion == 0) if own else mask
    return replace(before, lesion=np.where(over, own, before.lesion).astype(np.uint16))


class _Change(UndoCommand):
    """Change of a part of the voxels, which is kept as it was before and is after it, and what belongs to it."""

    def __init__(
        self,
        segments: CorrectedSegments,
        box: Box,
        before: VoxelLabels,
        after: VoxelLabels,
        also: Callable[[bool], None] = lambda _done: None,
    ) -> None:
        super().__init__()
        self._segments, self._box, self._before, self._after, self._also = segments, box, before, after, also

    def undo(self) -> None:
        self._segments.put(self._box, self._before)
        self._also(False)

    def redo(self) -> None:
        self._segments.put(self._box, self._after)
        self._also(True)


def _lesion_of_row(segments: CorrectedSegments, row: int) -> tuple[Box, NDArray[np.bool_]]:
    """Box around the lesion of a row of the table, and which voxels of the box are the lesion."""
    for measured in segments.nodes.facts["voxels"][row : row + 1]:
        for box, mask in _connected_lesions(segments.lesions):
            centre = np.argwhere(mask).mean(axis=0) + np.array([span.start for span in box])
            if np.allclose(centre[::-1], measured, atol=_SAME_VOXEL):
                return box, mask
    number = dict(enumerate(segments.nodes.row_numbers)).get(row, row + 1)
    msg = f"Lesion {number} has changed since it was measured: press Measure again first."
    raise UserError(msg)


def _connected_lesions(held: NDArray[np.bool_]) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
    """The parts that hang together by faces, as they are measured."""
    for around in ndimage.find_objects(held.view(np.uint8)):
        parts, _ = ndimage.label(held[around])
        for number, near in enumerate(ndimage.find_objects(parts), start=1):
            k, j, i = (slice(o.start + n.start, o.start + n.stop) for o, n in zip(around, near, strict=True))
            yield (k, j, i), parts[near] == number
