"""The brush that trame-slicer moves in the slice views, without its way to change segments.

That way ignores parent transforms, and knows nothing of lesions that lie in a liver.
"""

from __future__ import annotations

from collections.abc import Callable

import slicer
import vtk
from trame_slicer.segmentation import ModificationMode, SegmentationEffectPipeline
from trame_slicer.segmentation.abstract_segmentation_effect_brush import AbstractSegmentationEffectBrush
from trame_slicer.segmentation.paint_effect_parameters import BrushDiameterMode
from trame_slicer.segmentation.segmentation_paint_pipeline import SegmentationPaintPipeline2D
from vtk.util.numpy_support import vtk_to_numpy

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
