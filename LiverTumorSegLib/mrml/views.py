"""Bring the views to a lesion and light its segment."""

from __future__ import annotations

from collections.abc import Sequence

import slicer

_LIT, _DIMMED, _THROUGH = 1.0, 0.35, 0.4


def jump(point: tuple[float, float, float]) -> None:
    """Centre every slice view on a point in world RAS."""
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByCentering(*point)


def light(segmentation: slicer.vtkMRMLSegmentationNode, names: Sequence[str], lit: str | None) -> None:
    """Show one segment fully and dim the others of these, or with None all fully; those that are gone are left out."""
    display = segmentation.GetDisplayNode()
    if display is None:
        return
    for name in names:
        if segmentation.GetSegmentation().GetSegment(name):
            opacity = _LIT if lit in (None, name) else _DIMMED
            display.SetSegmentOpacity2DFill(name, opacity)
            display.SetSegmentOpacity2DOutline(name, opacity)


def show_through(segmentation: slicer.vtkMRMLSegmentationNode, name: str) -> None:
    """Let what lies in a segment be seen through it in 3D."""
    display = segmentation.GetDisplayNode()
    if display is not None:
        display.SetSegmentOpacity3D(name, _THROUGH)
