"""How the views show segments: where they look, which segment is lit, and how much each covers."""

from __future__ import annotations

import json
from collections.abc import Sequence

import slicer

_DIMMED, _TRANSLUCENT = 0.35, 0.4
_OWN_OPACITIES = "LiverTumorSeg.opacities"


def center_slice_views(point: tuple[float, float, float]) -> None:
    """Centre every slice view on a point in world RAS."""
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByCentering(*point)


def highlight_segment(segmentation: slicer.vtkMRMLSegmentationNode, names: Sequence[str], lit: str | None) -> None:
    """Dim all of these segments but one, or with None none; each gets the opacity back that the user gave it.

    Those that are gone are left out. The user's opacities are kept with the display node while segments are dimmed.
    """
    display = segmentation.GetDisplayNode()
    if display is None:
        return
    own: dict[str, list[float]] = json.loads(display.GetAttribute(_OWN_OPACITIES) or "{}")
    for name in names:
        if not segmentation.GetSegmentation().GetSegment(name):
            continue
        if lit in (None, name):
            if name in own:
                _set_opacities(display, name, *own.pop(name))
        elif name not in own:
            own[name] = [display.GetSegmentOpacity2DFill(name), display.GetSegmentOpacity2DOutline(name)]
            _set_opacities(display, name, *(_DIMMED * opacity for opacity in own[name]))
    display.SetAttribute(_OWN_OPACITIES, json.dumps(own) if own else None)


def _set_opacities(display: slicer.vtkMRMLSegmentationDisplayNode, name: str, fill: float, outline: float) -> None:
    display.SetSegmentOpacity2DFill(name, fill)
    display.SetSegmentOpacity2DOutline(name, outline)


def make_translucent(segmentation: slicer.vtkMRMLSegmentationNode, name: str) -> None:
    """Let what lies in a segment be seen through it in 3D."""
    display = segmentation.GetDisplayNode()
    if display is not None:
        display.SetSegmentOpacity3D(name, _TRANSLUCENT)


def is_shown_2d(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether slice views show the segments."""
    display = segmentation.GetDisplayNode()
    return bool(display and display.GetVisibility() and display.GetVisibility2D())


def show_2d(segmentation: slicer.vtkMRMLSegmentationNode, shown: bool) -> None:
    """Let slice views show the segments or not; 3D views stay as they are."""
    display = segmentation.GetDisplayNode()
    if display is not None:
        in_3d = is_shown_3d(segmentation)
        display.SetVisibility(True)
        display.SetVisibility2D(shown)
        display.SetVisibility3D(in_3d)


def is_shown_3d(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether 3D views show the segments."""
    display = segmentation.GetDisplayNode()
    return bool(display and display.GetVisibility() and display.GetVisibility3D() and has_surface(segmentation))


def show_3d(segmentation: slicer.vtkMRMLSegmentationNode, shown: bool) -> None:
    """Let 3D views show the segments or not; makes their surfaces first where there are none."""
    display = segmentation.GetDisplayNode()
    if display is not None:
        in_2d = is_shown_2d(segmentation)
        if shown and not has_surface(segmentation):
            show_surface(segmentation)
        display.SetVisibility(True)
        display.SetVisibility3D(shown)
        display.SetVisibility2D(in_2d)


def fill_opacity(segmentation: slicer.vtkMRMLSegmentationNode, names: Sequence[str]) -> float:
    """How much the first of these segments that is there covers in slice views, from 0 to 1, when it is not dimmed."""
    display = segmentation.GetDisplayNode()
    name = next((name for name in names if segmentation.GetSegmentation().GetSegment(name)), None)
    if display is None or name is None:
        return 1.0
    own = json.loads(display.GetAttribute(_OWN_OPACITIES) or "{}")
    return float(own[name][0]) if name in own else float(display.GetSegmentOpacity2DFill(name))


def set_fill_opacity(segmentation: slicer.vtkMRMLSegmentationNode, names: Sequence[str], opacity: float) -> None:
    """Let segments cover more or less in slice views; their outlines stay, and none is dimmed any more."""
    display = segmentation.GetDisplayNode()
    if display is not None:
        highlight_segment(segmentation, list(json.loads(display.GetAttribute(_OWN_OPACITIES) or "{}")), None)
        for name in names:
            if segmentation.GetSegmentation().GetSegment(name):
                display.SetSegmentOpacity2DFill(name, opacity)


def has_surface(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether 3D views show it."""
    return bool(segmentation.GetSegmentation().ContainsRepresentation("Closed surface"))


def show_surface(segmentation: slicer.vtkMRMLSegmentationNode) -> None:
    """Make the closed surfaces that 3D views show: half a second for a liver, so not part of :func:`write`."""
    if slicer.mrmlScene.IsNodePresent(segmentation):
        segmentation.CreateClosedSurfaceRepresentation()
