"""A volume node as a CT in the patient, whatever transforms it hangs under."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from ..errors import UserError
from ..hounsfield import to_int16
from ..inspection import inspect
from ..volume import Volume

_SAMPLES = 7
_DEFORMED = (
    "The CT hangs under a transform that deforms it: segments and positions follow it exactly, volumes and diameters "
    "are measured in the straight grid nearest to it."
)


def volume_of(node: slicer.vtkMRMLScalarVolumeNode) -> Volume:
    """Voxels in HU and their affine to world coordinates, all parent transforms included.

    Args:
        node: a scalar volume node. Its int16 voxels are shared, not copied.

    Raises:
        UserError: it holds no image, several numbers a voxel, or voxels that are not finite.
    """
    name = node.GetName()
    if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
        msg = f"“{name}” holds no image: load the CT again."
        raise UserError(msg)
    array = slicer.util.arrayFromVolume(node)
    if array.ndim != 3:
        msg = f"“{name}” holds several numbers a voxel, such as colours: choose the CT itself."
        raise UserError(msg)
    plain = Volume(to_int16(array, Path(name)), world_affine(node))
    found = inspect(plain)
    return Volume(plain.voxels, plain.affine, found if is_linear(node) else (*found, _DEFORMED))


def ijk_to_local(node: slicer.vtkMRMLVolumeNode) -> NDArray[np.float64]:
    """4x4 from voxel ``(i, j, k, 1)`` to RAS before the parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return np.asarray(slicer.util.arrayFromVTKMatrix(matrix), np.float64)


def is_linear(node: slicer.vtkMRMLTransformableNode) -> bool:
    """True where the parent transforms, if any, keep straight lines straight."""
    parent = node.GetParentTransformNode()
    return parent is None or bool(parent.IsTransformToWorldLinear())


def world_affine(node: slicer.vtkMRMLVolumeNode) -> NDArray[np.float64]:
    """4x4 from voxel ``(i, j, k, 1)`` to world RAS; the affine nearest to a transform that deforms."""
    if is_linear(node):
        return local_to_world(node) @ ijk_to_local(node)
    size = node.GetImageData().GetDimensions()
    lines = [np.linspace(0, max(1, count - 1), _SAMPLES) for count in size]
    voxels = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    ones = np.ones((len(voxels), 1))
    fitted, *_ = np.linalg.lstsq(np.hstack([voxels, ones]), to_world(node, voxels), rcond=None)
    return np.vstack([fitted.T, [0, 0, 0, 1]])


def local_to_world(node: slicer.vtkMRMLTransformableNode) -> NDArray[np.float64]:
    """4x4 of linear parent transforms; the identity where there are none."""
    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(node.GetParentTransformNode(), None, matrix)
    return np.asarray(slicer.util.arrayFromVTKMatrix(matrix), np.float64)


def to_world(node: slicer.vtkMRMLVolumeNode, voxels: NDArray[np.float64]) -> NDArray[np.float64]:
    """World RAS of points ``[point, (i, j, k)]``, exactly, through every parent transform."""
    local = apply(ijk_to_local(node), voxels)
    return between(local, node.GetParentTransformNode(), None)


def from_world(node: slicer.vtkMRMLVolumeNode, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo :func:`to_world`: ``(i, j, k)``, not rounded, of points in world RAS."""
    local = between(points, None, node.GetParentTransformNode())
    return apply(np.linalg.inv(ijk_to_local(node)), local)


def between(
    points: NDArray[np.float64],
    source: slicer.vtkMRMLTransformNode | None,
    target: slicer.vtkMRMLTransformNode | None,
) -> NDArray[np.float64]:
    """Points from under one transform node to under another; None is the world."""
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(source, target, transform)
    return np.array([transform.TransformPoint(*point) for point in points]).reshape(-1, 3)


def apply(affine: NDArray[np.floating], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points ``[point, axis]`` moved by a 4x4."""
    moved: NDArray[np.float64] = points @ affine[:3, :3].T + affine[:3, 3]
    return moved
