"""The lesion table as a table node of the scene."""

from __future__ import annotations

import math
from typing import Any

import slicer
import vtk

COLUMNS = (
    ("lesion", "number", vtk.vtkIntArray),
    ("volume (ml)", "volume_ml", vtk.vtkDoubleArray),
    ("axial diameter (mm)", "axial_diameter_mm", vtk.vtkDoubleArray),
    ("3D diameter (mm)", "diameter_mm", vtk.vtkDoubleArray),
    ("mean HU", "mean_hu", vtk.vtkDoubleArray),
    ("SD HU", "sd_hu", vtk.vtkDoubleArray),
    ("to surface (mm)", "surface_distance_mm", vtk.vtkDoubleArray),
    ("axial slice", "slice", vtk.vtkIntArray),
    ("burden (%)", "burden_percent", vtk.vtkDoubleArray),
    ("R (mm)", "r", vtk.vtkDoubleArray),
    ("A (mm)", "a", vtk.vtkDoubleArray),
    ("S (mm)", "s", vtk.vtkDoubleArray),
)
"""Heading, key and type of each column."""


def fill(node: slicer.vtkMRMLTableNode, lesions: list[dict[str, Any]]) -> None:
    """Put a row a lesion into a table node.

    Args:
        node: emptied first.
        lesions: as :meth:`LiverTumorSegLib.lesions.LesionTable.to_dict` gives them, centroids in world RAS; what is
            not known becomes NaN, the one empty value that a column of numbers can hold and a saved scene keeps.
    """
    wasmodified = node.StartModify()
    node.RemoveAllColumns()
    rows = [lesion | dict(zip("ras", lesion["centroid_mm"], strict=True)) for lesion in lesions]
    for heading, key, kind in COLUMNS:
        column = kind()
        column.SetName(heading)
        for row in rows:
            column.InsertNextValue(math.nan if row[key] is None else row[key])
        node.AddColumn(column)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    node.EndModify(wasmodified)


def rows(node: slicer.vtkMRMLTableNode) -> list[dict[str, float]]:
    """What :func:`fill` wrote, a dictionary a lesion, also after a scene was loaded again; NaN is not known."""
    headings = {node.GetColumnName(n): n for n in range(node.GetNumberOfColumns())}
    return [
        {key: float(node.GetCellText(row, headings[heading])) for heading, key, _ in COLUMNS if heading in headings}
        for row in range(node.GetNumberOfRows())
    ]
