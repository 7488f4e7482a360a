"""Surfaces of segments as STL files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from ...errors import UserError
from ...segments import SEGMENTS

_HEADER = "3D Slicer output. SPACE=LPS"
"""3D Slicer reads from it how the axes run."""


def write_surfaces(path: Path, segmentation: slicer.vtkMRMLSegmentationNode, kinds: dict[str, int]) -> None:
    """Write one STL file for the liver and one for the lesions into a zip file, in LPS millimetres of the world.

    The same surfaces give the same bytes.

    Args:
        path: the zip file; its folder is written to meanwhile.
        segmentation: node that holds the segments, with or without surfaces.
        kinds: IDs of the segments, and whether they are liver (1) or lesion (2).

    Raises:
        UserError: no segment has a surface.
    """
    found = {kind.name: _surface(segmentation, kinds, kind.label) for kind in SEGMENTS}
    if not any(surface.GetNumberOfCells() for surface in found.values()):
        msg = f"“{segmentation.GetName()}” holds no surface: there is nothing to write."
        raise UserError(msg)
    with zipfile.ZipFile(path, "w") as zipped:
        for name, surface in found.items():
            if surface.GetNumberOfCells():
                content = _stl(surface, path.with_name(f"{name}.stl"))
                zipped.writestr(zipfile.ZipInfo(f"{name}.stl"), content, zipfile.ZIP_DEFLATED)


def _surface(segmentation: slicer.vtkMRMLSegmentationNode, kinds: dict[str, int], label: int) -> vtk.vtkPolyData:
    """The triangles of a kind's segments in LPS millimetres of the world."""
    logic, all_of_them = slicer.vtkSlicerSegmentationsModuleLogic, vtk.vtkAppendPolyData()
    for name, kind in kinds.items():
        own = vtk.vtkPolyData()
        if kind == label and segmentation.GetSegmentation().GetSegment(name):
            logic.GetSegmentClosedSurfaceRepresentation(segmentation, name, own, True)
        all_of_them.AddInputData(own)
    to_lps = vtk.vtkTransform()
    to_lps.Scale(-1, -1, 1)
    placed, triangles = vtk.vtkTransformPolyDataFilter(), vtk.vtkTriangleFilter()
    placed.SetTransform(to_lps)
    placed.SetInputConnection(all_of_them.GetOutputPort())
    triangles.SetInputConnection(placed.GetOutputPort())
    triangles.Update()
    return _facing_outwards(triangles.GetOutput())


def _facing_outwards(triangles: vtk.vtkPolyData) -> vtk.vtkPolyData:
    """The triangles as they are, or all turned round: those of a left-handed grid face inwards."""
    if not triangles.GetNumberOfCells():
        return triangles
    points = vtk_to_numpy(triangles.GetPoints().GetData()).astype(np.float64)
    corners = points[vtk_to_numpy(triangles.GetPolys().GetConnectivityArray()).reshape(-1, 3)]
    if np.linalg.det(corners).sum() > 0:
        return triangles
    turned = vtk.vtkReverseSense()
    turned.SetInputData(triangles)
    turned.Update()
    return turned.GetOutput()


def _stl(surface: vtk.vtkPolyData, path: Path) -> bytes:
    """A surface as a binary STL file, which VTK writes at this path."""
    writer = vtk.vtkSTLWriter()
    writer.SetInputData(surface)
    writer.SetHeader(_HEADER)
    writer.SetFileTypeToBinary()
    writer.SetFileName(str(path))
    writer.Write()
    content = path.read_bytes()
    path.unlink()
    return content
