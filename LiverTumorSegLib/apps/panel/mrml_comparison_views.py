"""A comparison in Slicer's own layouts: the earlier CT beside the later one, linked, at one scale and window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import slicer

from . import mrml_comparison
from .mrml_comparison import EARLIER, LATER, ComparisonNodes

SIDE_BY_SIDE, THREE_OVER_THREE = "side by side", "three over three"
LAYOUTS = {
    SIDE_BY_SIDE: (slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView, (("Red",), ("Yellow",))),
    THREE_OVER_THREE: (
        slicer.vtkMRMLLayoutNode.SlicerLayoutThreeOverThreeView,
        (("Red", "Green", "Yellow"), ("Red+", "Green+", "Yellow+")),
    ),
}
"""Slicer's layout, and the views of the earlier CT and of the later one."""

_VIEWS = "LiverTumorSeg.views"
_ORIENTATIONS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
_LAYERS = ("Background", "Foreground", "Label")
_OWN_GROUP = {"+": 1}
"""Of views that Slicer makes for the lower row: linking is within a group."""


def is_open(nodes: ComparisonNodes) -> bool:
    """Whether views show the comparison."""
    return nodes.table.GetAttribute(_VIEWS) is not None


def layout_of(nodes: ComparisonNodes) -> str:
    """The layout that shows it, or would."""
    return str(json.loads(nodes.table.GetAttribute(_VIEWS) or "{}").get("layout", SIDE_BY_SIDE))


def open_views(nodes: ComparisonNodes, layout: str = SIDE_BY_SIDE) -> None:
    """Show a comparison, registered and linked, in place of another one; what was shown before is remembered.

    Args:
        nodes: of the comparison.
        layout: of :data:`LAYOUTS`.
    """
    for other in mrml_comparison.all_comparisons():
        if other.table is not nodes.table and is_open(other):
            close_views(other)
    before = json.loads(nodes.table.GetAttribute(_VIEWS) or "null") or _remembered(nodes)
    nodes.table.SetAttribute(_VIEWS, json.dumps(before | {"layout": layout}))
    _arrange(LAYOUTS[layout][0])
    for side, name, view, composite in _views(layout):
        composite.SetLinkedControl(False)
        composite.SetHotLinkedControl(False)
        for layer in _LAYERS:
            volume = nodes.volumes[side].GetID() if layer == "Background" else None
            getattr(composite, f"Set{layer}VolumeID")(volume)
        view.SetViewGroup(0)
        view.SetOrientation("Axial" if layout == SIDE_BY_SIDE else _ORIENTATIONS[name.rstrip("+")])
    _show_segments(nodes, layout)
    _share_window(nodes)
    _fit(layout)
    show_registered(nodes, True)


def close_views(nodes: ComparisonNodes) -> None:
    """Bring back the layout and all that was shown before; the earlier CT lies as it was scanned again."""
    if not is_open(nodes):
        return
    before = json.loads(nodes.table.GetAttribute(_VIEWS))
    nodes.table.RemoveAttribute(_VIEWS)
    nodes.show_registered(False)
    _arrange(before["arrangement"])
    for names in LAYOUTS.values():
        for name in (*names[1][EARLIER], *names[1][LATER]):
            _restore_view(name, before["views"].get(name))
    for side in (EARLIER, LATER):
        _restore_display(nodes, side, before["shown in"][side])
    window = before["window"]
    display = nodes.volumes[EARLIER].GetDisplayNode()
    if window and display:
        display.SetWindowLevel(window[0], window[1])
        display.SetAutoWindowLevel(window[2])


def show_registered(nodes: ComparisonNodes, registered: bool) -> None:
    """Show the earlier CT as it fits the later one, with linked views, or as it was scanned, each view by itself."""
    nodes.show_registered(registered)
    if not is_open(nodes):
        return
    layout = layout_of(nodes)
    if registered:
        _align(layout)
    for _side, _name, _view, composite in _views(layout):
        composite.SetLinkedControl(registered)
        composite.SetHotLinkedControl(registered)


def go_to(nodes: ComparisonNodes, row: int) -> None:
    """Centre each side's views on a row's lesion, or on the place where it would be."""
    layout = layout_of(nodes)
    for side, _name, view, _composite in _views(layout):
        view.JumpSliceByCentering(*nodes.place(row, side))


def _views(layout: str) -> Iterator[tuple[int, str, Any, Any]]:
    """Side, name, slice node and composite node of the views that are there."""
    for side, names in zip((EARLIER, LATER), LAYOUTS[layout][1], strict=True):
        for name in names:
            view, composite = (_named(kind, name) for kind in ("vtkMRMLSliceNode", "vtkMRMLSliceCompositeNode"))
            if view is not None and composite is not None:
                yield side, name, view, composite


def _named(kind: str, name: str) -> Any:
    return next((node for node in slicer.util.getNodesByClass(kind) if node.GetLayoutName() == name), None)


def _layout_node() -> Any:
    return next(iter(slicer.util.getNodesByClass("vtkMRMLLayoutNode")), None)


def _arrange(layout: int | None) -> None:
    node = _layout_node()
    if node is not None and layout is not None:
        node.SetViewArrangement(layout)


def _remembered(nodes: ComparisonNodes) -> dict[str, Any]:
    """What is shown now, ready for JSON."""
    layout, views = _layout_node(), {}
    for each in LAYOUTS:
        for _side, name, view, composite in _views(each):
            matrix = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
            views[name] = {
                "layers": [getattr(composite, f"Get{layer}VolumeID")() for layer in _LAYERS],
                "linked": [composite.GetLinkedControl(), composite.GetHotLinkedControl()],
                "group": view.GetViewGroup(),
                "orientation": view.GetOrientation(),
                "slice": [float(x) for x in matrix.ravel()],
                "field": list(view.GetFieldOfView()),
            }
    display = nodes.volumes[EARLIER].GetDisplayNode()
    return {
        "arrangement": layout.GetViewArrangement() if layout is not None else None,
        "views": views,
        "shown in": [_shown_in(segmentation) for segmentation in nodes.segmentations],
        "window": [display.GetWindow(), display.GetLevel(), display.GetAutoWindowLevel()] if display else None,
    }


def _shown_in(segmentation: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """IDs of the views that a segmentation is kept to; none where all show it."""
    display = segmentation.GetDisplayNode()
    return list(display.GetViewNodeIDs()) if display else []


def _restore_view(name: str, before: dict[str, Any] | None) -> None:
    """As it was; one that was made for the comparison shows nothing and is linked with none."""
    view, composite = (_named(kind, name) for kind in ("vtkMRMLSliceNode", "vtkMRMLSliceCompositeNode"))
    if view is None or composite is None:
        return
    known = before or {"layers": [None] * len(_LAYERS), "linked": [0, 0], "group": _OWN_GROUP.get(name[-1], 0)}
    for attribute, value in zip(("LinkedControl", "HotLinkedControl"), known["linked"], strict=True):
        getattr(composite, f"Set{attribute}")(value)
    for layer, volume in zip(_LAYERS, known["layers"], strict=True):
        there = volume and slicer.mrmlScene.GetNodeByID(volume)
        getattr(composite, f"Set{layer}VolumeID")(volume if there else None)
    view.SetViewGroup(known["group"])
    if before:
        if view.HasSliceOrientationPreset(before["orientation"]):
            view.SetOrientation(before["orientation"])
        view.GetSliceToRAS().DeepCopy(before["slice"])
        view.SetFieldOfView(*before["field"])
        view.UpdateMatrices()


def _show_segments(nodes: ComparisonNodes, layout: str) -> None:
    """Each segmentation in the views of its own CT alone."""
    for segmentation in nodes.segmentations:
        if segmentation.GetDisplayNode():
            segmentation.GetDisplayNode().RemoveAllViewNodeIDs()
    for side, _name, view, _composite in _views(layout):
        display = nodes.segmentations[side].GetDisplayNode()
        if display:
            display.AddViewNodeID(view.GetID())


def _restore_display(nodes: ComparisonNodes, side: int, views: list[str]) -> None:
    display = nodes.segmentations[side].GetDisplayNode()
    if display:
        display.RemoveAllViewNodeIDs()
        for view in views:
            display.AddViewNodeID(view)


def _share_window(nodes: ComparisonNodes) -> None:
    """The earlier CT in the later one's window: else a change of grey would look like one of the patient."""
    earlier, later = (volume.GetDisplayNode() for volume in nodes.volumes)
    if earlier and later:
        earlier.SetAutoWindowLevel(False)
        earlier.SetWindowLevel(later.GetWindow(), later.GetLevel())


def _fit(layout: str) -> None:
    """The later CT fills its views."""
    application = slicer.modules.markups.logic().GetMRMLApplicationLogic()
    for side, name, _view, _composite in _views(layout):
        logic = application.GetSliceLogicByLayoutName(name) if side == LATER else None
        if logic is not None:
            logic.FitSliceToBackground()


def _align(layout: str) -> None:
    """Bring the earlier CT's views to place and scale of the later one's."""
    sides: tuple[list[Any], list[Any]] = ([], [])
    for side, _name, view, _composite in _views(layout):
        sides[side].append(view)
    for earlier, later in zip(*sides, strict=False):
        earlier.GetSliceToRAS().DeepCopy(later.GetSliceToRAS())
        earlier.SetFieldOfView(*later.GetFieldOfView())
        earlier.UpdateMatrices()
