"""Diameters of a lesion and the numbers of all lesions, drawn in the views as markups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer

from .mrml_segmentations import put_beside
from .mrml_volumes import ijk_to_local

_KIND, _TABLE = "LiverTumorSeg.markup", "LiverTumorSeg.table"
_LONGEST, _ACROSS, _NUMBERS = "longest", "across", "numbers"
_COLOUR = (1.0, 0.9, 0.2)
Point = Sequence[float]


def show_diameters(
    table: slicer.vtkMRMLTableNode, volume: slicer.vtkMRMLVolumeNode, lines: Sequence[Sequence[Point]]
) -> None:
    """Draw the two diameters of a lesion where they were measured, in place of another lesion's.

    Args:
        table: of the result; the markups are kept with it.
        volume: the CT.
        lines: ends of the longest diameter and of the short axis, in voxels ``(i, j, k)``; empty for none.
    """
    for kind, ends in zip((_LONGEST, _ACROSS), lines, strict=False):
        node = _node("vtkMRMLMarkupsLineNode", kind, table, volume)
        _place(node, volume, ends)
    if not lines:
        _remove(table, _LONGEST, _ACROSS)


def show_numbers(
    table: slicer.vtkMRMLTableNode, volume: slicer.vtkMRMLVolumeNode, places: Sequence[Point], numbers: Sequence[int]
) -> None:
    """Write the number of each lesion beside it.

    Args:
        table: of the result; the markups are kept with it.
        volume: the CT.
        places: of the lesions in their order, in voxels ``(i, j, k)``.
        numbers: theirs.
    """
    if not places:
        _remove(table, _NUMBERS)
        return
    node = _node("vtkMRMLMarkupsFiducialNode", _NUMBERS, table, volume)
    _place(node, volume, places)
    for place, number in enumerate(numbers):
        node.SetNthControlPointLabel(place, str(number))


def remove_markups(table: slicer.vtkMRMLTableNode) -> None:
    """Take all that was drawn for a result away."""
    _remove(table, _LONGEST, _ACROSS, _NUMBERS)


def remove_others(table: slicer.vtkMRMLTableNode) -> None:
    """Take away what was drawn for other results, also for those that are gone."""
    for node in slicer.util.getNodesByClass("vtkMRMLMarkupsNode"):
        if node.GetAttribute(_KIND) and node.GetNodeReference(_TABLE) is not table:
            slicer.mrmlScene.RemoveNode(node)


def _node(
    kind_of_node: str, kind: str, table: slicer.vtkMRMLTableNode, volume: slicer.vtkMRMLVolumeNode
) -> slicer.vtkMRMLMarkupsNode:
    """The result's node of this kind, made where there is none; the user cannot drag it by mistake."""
    found = _found(table, kind)
    if found:
        return found[0]
    names = {_LONGEST: "Longest diameter", _ACROSS: "Short axis", _NUMBERS: "Lesion numbers"}
    node = _added(kind_of_node, slicer.mrmlScene.GenerateUniqueName(names[kind]))
    node.SetAttribute(_KIND, kind)
    node.SetNodeReferenceID(_TABLE, table.GetID())
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        _style(display, numbers=kind == _NUMBERS)
    put_beside(node, volume)
    return node


def _added(kind_of_node: str, name: str) -> slicer.vtkMRMLMarkupsNode:
    """A new node; Slicer makes it the one that the user places points of, which here stays what it was."""
    logic = slicer.modules.markups.logic()
    placed = slicer.mrmlScene.GetNodeByID(logic.GetActiveListID() or "")
    node = slicer.mrmlScene.AddNewNodeByClass(kind_of_node, name)
    logic.SetActiveList(placed)
    return node


def _style(display: Any, *, numbers: bool) -> None:
    display.SetSelectedColor(*_COLOUR)
    display.SetColor(*_COLOUR)
    display.SetPropertiesLabelVisibility(not numbers)  # of a line its length
    display.SetPointLabelsVisibility(numbers)
    display.SetGlyphScale(1.0)
    display.SetTextScale(2.5)


def _place(node: slicer.vtkMRMLMarkupsNode, volume: slicer.vtkMRMLVolumeNode, voxels: Sequence[Point]) -> None:
    """Control points where these voxels are; they move with the CT, since they hang under the same transform."""
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    places = np.c_[np.array(voxels, float), np.ones(len(voxels))] @ ijk_to_local(volume).T
    wasmodified = node.StartModify()
    node.SetLocked(False)
    node.RemoveAllControlPoints()
    for place in places:
        node.AddControlPoint(*place[:3].tolist())
    node.SetLocked(True)
    node.EndModify(wasmodified)


def _found(table: slicer.vtkMRMLTableNode, *kinds: str) -> list[slicer.vtkMRMLMarkupsNode]:
    nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsNode")
    return [node for node in nodes if node.GetAttribute(_KIND) in kinds and node.GetNodeReference(_TABLE) is table]


def _remove(table: slicer.vtkMRMLTableNode, *kinds: str) -> None:
    for node in _found(table, *kinds):
        slicer.mrmlScene.RemoveNode(node)
