"""The files that a browser session takes away, surfaces among them; each is there whole or not at all."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from ....core.atomic_files import whole_file
from ....core.errors import UserError
from ....core.labels import SEGMENTS
from ....core.safe_zip import safe_name
from ....io.volumes import write_labels
from ...panel import mrml_other_structures, mrml_tables
from ...panel.mrml_results import ResultNodes
from ...panel.mrml_segment_boxes import labels_of
from ...panel.mrml_segmentations import added_segments
from ...panel.mrml_volumes import volume_of
from ...panel.table_text import table_text
from ...panel.texts import file_name

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


LABEL_ENDINGS = (".seg.nrrd", ".nii.gz")


def labels(nodes: ResultNodes, folder: Path, ending: str) -> Path:
    """Write liver, lesions and other structures as they are now, on the CT's own grid.

    Args:
        nodes: the result.
        folder: gets the file, in place of an earlier one.
        ending: one of :data:`LABEL_ENDINGS`.

    Returns:
        The file.

    Raises:
        UserError: the segments are gone, or the format cannot hold the CT's grid.
    """
    found, _ = labels_of(nodes.segmentation, nodes.volume, segment_labels(nodes))
    path = _export_path(nodes, folder, ending)
    layers = [each.layer for each in mrml_other_structures.read(nodes.segmentation, nodes.volume)]
    write_labels(path, found, volume_of(nodes.volume), layers=layers, overwrite=True)
    return path


def lesion_table(nodes: ResultNodes, folder: Path) -> Path:
    """Write the table as it was measured last, as CSV; returns the file."""
    words = {"origins": mrml_tables.origins(nodes.table), "liver_segments": mrml_tables.liver_segments(nodes.table)}
    text = table_text(mrml_tables.rows(nodes.table), ",", **words)
    return _write_text(_export_path(nodes, folder, " lesions.csv"), text.encode())


def surfaces(nodes: ResultNodes, folder: Path) -> Path:
    """Write the surfaces of liver and lesions as they are now as STL, zipped; returns the file.

    Raises:
        UserError: there is nothing that has a surface.
    """
    path = _export_path(nodes, folder, " surfaces.zip")
    with whole_file(path, overwrite=True) as unfinished:
        write_surfaces(unfinished, nodes.segmentation, segment_labels(nodes))
    return path


def report(nodes: ResultNodes, files: Sequence[str], folder: Path) -> Path:
    """Give the page of a report, which holds its pictures, a name of its own; returns the file.

    Args:
        nodes: the result.
        files: as :meth:`LiverTumorSegLib.apps.panel.mrml_jobs.SceneJobs.report` made them.
        folder: gets the page, in place of an earlier one.
    """
    page = next(file for file in files if file.endswith(".html"))
    return _write_text(_export_path(nodes, folder, " report.html"), Path(page).read_bytes())


def dicom_objects(nodes: ResultNodes, files: Sequence[Path], folder: Path) -> Path:
    """Put DICOM objects into a zip file; returns it.

    Args:
        nodes: the result.
        files: of the objects.
        folder: gets the zip file, in place of an earlier one.
    """
    path = _export_path(nodes, folder, " DICOM.zip")
    with whole_file(path, overwrite=True) as unfinished, zipfile.ZipFile(unfinished, "w") as zipped:
        for file in files:
            zipped.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return path


def segment_labels(nodes: ResultNodes) -> dict[str, int]:
    """IDs of the result's segments, and of those that were added, and whether they are liver (1) or lesion (2)."""
    return nodes.segments | added_segments(nodes.segmentation, nodes.segments)


def _export_path(nodes: ResultNodes, folder: Path, ending: str) -> Path:
    return folder / safe_name(f"{file_name(nodes.volume.GetName())}{ending}")


def _write_text(path: Path, content: bytes) -> Path:
    with whole_file(path, overwrite=True) as unfinished:
        unfinished.write_bytes(content)
    return path
