"""Clicks as markups of the scene: points that the user places, drags and removes as any others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import slicer

from .mrml_kept_clicks import VoxelClick
from .mrml_volumes import from_world, to_world

_KIND = "LiverTumorSeg.clicks"
_LOOKS = {
    True: ("Clicks inside", "+", "ThickCross2D", (0.2, 0.9, 0.3)),
    False: ("Clicks outside", "−", "Dash2D", (1.0, 0.25, 0.25)),
}
"""Name, label, glyph and colour: colour is not the only sign."""


class ClickPoints:
    """Two lists of points in the views, those inside a lesion and those outside, in the order of all clicks.

    Args:
        changed: is called when the user has placed, moved or removed a point; never while views handle the event, since
            it is left to ``later``.
        later: takes work that is done soon.
    """

    def __init__(self, changed: Callable[[], None], later: Callable[[Callable[[], None]], None]) -> None:
        self._changed, self._later = changed, later
        self._nodes: dict[bool, slicer.vtkMRMLMarkupsFiducialNode] = {}
        self._observers: list[tuple[Any, int]] = []
        self._order: list[tuple[bool, str]] = []
        self._waits = self._own = self._is_dragging = False

    def show(self, volume: slicer.vtkMRMLScalarVolumeNode, clicks: Sequence[VoxelClick]) -> None:
        """Show these clicks in place of any others."""
        self._own = True
        self._is_dragging = False
        self._order = []
        for inside in _LOOKS:
            node = self._node(inside)
            node.RemoveAllControlPoints()
        for voxel, inside in clicks:
            place = to_world(volume, np.array([voxel]))[0]
            number = self._node(inside).AddControlPointWorld(place.tolist())
            self._order.append((inside, self._node(inside).GetNthControlPointID(number)))
        self._own = False
        self._label()

    def clicks(self, volume: slicer.vtkMRMLScalarVolumeNode) -> tuple[VoxelClick, ...]:
        """The clicks as they are now, in the order in which they were placed; what follows the mouse is none yet."""
        places = {}
        for inside, node in self._nodes.items():
            for number in range(node.GetNumberOfControlPoints()):
                if node.GetNthControlPointPositionStatus(number) == node.PositionDefined:
                    place = node.GetNthControlPointPositionWorld(number)
                    places[inside, node.GetNthControlPointID(number)] = np.array(place, float)
        known = [each for each in self._order if each in places]
        self._order = [*known, *(each for each in places if each not in known)]
        voxels = [from_world(volume, places[each][None])[0].tolist() for each in self._order]
        return tuple(((i, j, k), inside) for (i, j, k), (inside, _) in zip(voxels, self._order, strict=True))

    def start(self, *, inside: bool, lasting: bool) -> None:
        """Let the user's clicks in the views be points, the next alone or all; see :meth:`stop`."""
        logic = slicer.modules.markups.logic()
        for kind in _LOOKS:
            self._node(kind)
        logic.SetActiveList(self._node(inside))
        logic.StartPlaceMode(lasting)
        mode = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")
        if mode is not None and not any(node is mode for node, _tag in self._observers):
            self._observers.append((mode, mode.AddObserver(mode.InteractionModeChangedEvent, self._on_event)))

    def stop(self) -> None:
        """Let clicks in the views do what they usually do, if they are points of these."""
        mode = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")
        if mode is not None and self.is_placing:
            mode.SwitchToViewTransformMode()

    @property
    def is_placing(self) -> bool:
        """Whether a click in a view is a point of these."""
        mode = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")
        chosen = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLSelectionNode")
        placing = mode is not None and mode.GetCurrentInteractionMode() == mode.Place
        own = {node.GetID() for node in self._nodes.values()}
        return bool(placing and chosen is not None and chosen.GetActivePlaceNodeID() in own)

    @property
    def is_changing(self) -> bool:
        """Whether the user drags a point, or what was placed, moved or removed is not told yet."""
        return self._waits or self._is_dragging

    def hide(self) -> None:
        """Take all points out of the scene."""
        self.stop()
        for node, tag in self._observers:
            node.RemoveObserver(tag)
        self._observers.clear()
        for node in self._nodes.values():
            if slicer.mrmlScene.IsNodePresent(node):
                slicer.mrmlScene.RemoveNode(node)
        self._nodes.clear()
        self._is_dragging = False
        self._order = []

    def _node(self, inside: bool) -> slicer.vtkMRMLMarkupsFiducialNode:
        node = self._nodes.get(inside)
        if node is not None and slicer.mrmlScene.IsNodePresent(node):
            return node
        name, _label, glyph, colour = _LOOKS[inside]
        node = slicer.mrmlScene.AddNewNodeByClass(
            "vtkMRMLMarkupsFiducialNode", slicer.mrmlScene.GenerateUniqueName(name)
        )
        node.SetAttribute(_KIND, name)
        node.SetSaveWithScene(False)
        node.SetControlPointLabelFormat("")
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        if display is not None:
            _style(display, glyph, colour)
        events = (node.PointPositionDefinedEvent, node.PointEndInteractionEvent, node.PointRemovedEvent)
        self._observers += [(node, node.AddObserver(event, self._on_event)) for event in events]
        self._observers.append((node, node.AddObserver(node.PointStartInteractionEvent, self._on_drag)))
        self._nodes[inside] = node
        return node

    def _on_drag(self, *_of_event: Any) -> None:
        self._is_dragging = True

    def _on_event(self, *_of_event: Any) -> None:
        """Wait until the view is done with the event: what follows may remove the very point."""
        self._is_dragging = False
        if not self._own and not self._waits:
            self._waits = True
            self._later(self._tell)

    def _tell(self) -> None:
        self._waits = False
        if self._nodes:
            self._changed()
            self._label()

    def _label(self) -> None:
        """Number the clicks, each with its sign."""
        for number, (inside, name) in enumerate(self._order, start=1):
            node = self._node(inside)
            at = node.GetNthControlPointIndexByID(name)
            if at >= 0:
                node.SetNthControlPointLabel(at, f"{_LOOKS[inside][1]}{number}")


def _style(display: Any, glyph: str, colour: tuple[float, float, float]) -> None:
    display.SetGlyphTypeFromString(glyph)
    display.SetSelectedColor(*colour)
    display.SetColor(*colour)
    display.SetActiveColor(*colour)
    display.SetPointLabelsVisibility(True)
    display.SetGlyphScale(2.0)
    display.SetTextScale(2.5)
