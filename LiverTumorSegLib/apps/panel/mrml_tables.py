"""The lesion table as a table node of the scene."""

from __future__ import annotations

import math
from typing import Any

import slicer
import vtk

from ...reporting.lesion_origins import LesionOrigin
from .panel import LESION_COLUMNS

ORIGIN, NOTE = "origin", "note"
LIVER_SEGMENTS, LIVER_SEGMENTS_HEADING = "liver_segments", "liver segments"
_ARRAYS = {int: vtk.vtkIntArray, float: vtk.vtkDoubleArray}


def fill(node: slicer.vtkMRMLTableNode, lesions: list[dict[str, Any]]) -> None:
    """Put a row a lesion into a table node.

    Args:
        node: emptied first.
        lesions: as :meth:`LiverTumorSegLib.reporting.lesions.LesionTable.to_dict` gives them, centroids in world RAS;
            what is not known becomes NaN, the one empty value that a column of numbers holds and a saved scene keeps.
            The liver's segments that a lesion lies in, and its origin as the CSV says it, are columns of words, where
            they are known.
    """
    wasmodified = node.StartModify()
    node.RemoveAllColumns()
    rows = [lesion | dict(zip("ras", lesion["centroid_mm"], strict=True)) for lesion in lesions]
    for heading, key, kind in LESION_COLUMNS:
        column = _ARRAYS[kind]()
        column.SetName(heading)
        for row in rows:
            value = row.get(key)
            column.InsertNextValue(math.nan if value is None else value)
        node.AddColumn(column)
    if any(row.get(LIVER_SEGMENTS) is not None for row in rows):
        node.AddColumn(_words(LIVER_SEGMENTS_HEADING, [" ".join(row.get(LIVER_SEGMENTS) or ["-"]) for row in rows]))
    origins = [LesionOrigin(**row[ORIGIN]).in_words if row.get(ORIGIN) else "" for row in rows]
    if any(origins):
        node.AddColumn(_words(ORIGIN, origins))
    node.AddColumn(_words(NOTE, [row.get(NOTE, "") for row in rows]))
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    node.EndModify(wasmodified)


def _words(name: str, texts: list[str]) -> vtk.vtkStringArray:
    column = vtk.vtkStringArray()
    column.SetName(name)
    for text in texts:
        column.InsertNextValue(text)
    return column


def set_note(node: slicer.vtkMRMLTableNode, row: int, text: str) -> None:
    """Write a note into a row."""
    column = node.GetColumnIndex(NOTE)
    if column >= 0:
        node.SetCellText(row, column, text)


def notes(node: slicer.vtkMRMLTableNode) -> list[str]:
    """The note of each row, empty where there is none."""
    return _texts(node, NOTE)


def origins(node: slicer.vtkMRMLTableNode) -> list[str]:
    """How the lesion of each row came about, in English words as the CSV has them; empty where it is not known."""
    return _texts(node, ORIGIN)


def liver_segments(node: slicer.vtkMRMLTableNode) -> list[str]:
    """Couinaud's segments that the lesion of each row lies in; empty where nobody looked for them."""
    return _texts(node, LIVER_SEGMENTS_HEADING)


def _texts(node: slicer.vtkMRMLTableNode, name: str) -> list[str]:
    column = node.GetColumnIndex(name)
    return [node.GetCellText(row, column) if column >= 0 else "" for row in range(node.GetNumberOfRows())]


def rows(node: slicer.vtkMRMLTableNode) -> list[dict[str, float]]:
    """Rows that :func:`fill` wrote, a dictionary a lesion, also after a scene was loaded again.

    NaN is what is not known, or was not measured yet when an old scene was saved.
    """
    headings = {node.GetColumnName(n): n for n in range(node.GetNumberOfColumns())}

    def cell(row: int, heading: str) -> float:
        return float(node.GetCellText(row, headings[heading])) if heading in headings else math.nan

    return [{key: cell(row, heading) for heading, key, _ in LESION_COLUMNS} for row in range(node.GetNumberOfRows())]
