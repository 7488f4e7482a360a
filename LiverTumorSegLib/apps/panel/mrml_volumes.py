"""Volume nodes as CTs in the patient under any transform, and regions of interest in their voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from ...core.ct_quality import inspect_ct, to_int16
from ...core.errors import UserError
from ...core.volume import Volume

REGISTERED = "LiverTumorSeg.registered"
"""Attribute of a transform that brings an earlier CT onto a later one: to look at, and not to be measured under."""

_FIT_SAMPLES = 7
_DEFORMED = (
    "The CT hangs under a transform that deforms it: segments and positions follow it exactly, volumes and diameters "
    "are measured in the straight grid nearest to it."
)


def volume_of(node: slicer.vtkMRMLScalarVolumeNode) -> Volume:
    """Voxels in HU and their affine to world coordinates, all parent transforms included.

    Args:
        node: a scalar volume node. Its int16 voxels are shared, not copied.

    Raises:
        UserError: it holds no image, several numbers a voxel, or voxels that are not finite, or it is shown as
            registered onto a later CT.
    """
    name = node.GetName()
    parent = node.GetParentTransformNode()
    if parent is not None and parent.GetAttribute(REGISTERED):
        msg = (
            f"“{name}” is shown as it fits a later CT, where nothing is measured: untick “Registered” at the "
            f"comparison, or take it out of the transform “{parent.GetName()}” first."
        )
        raise UserError(msg)
    if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
        msg = f"“{name}” holds no image: load the CT again."
        raise UserError(msg)
    array = slicer.util.arrayFromVolume(node)
    if array.ndim != 3:
        msg = f"“{name}” holds several numbers a voxel, such as colours: choose the CT itself."
        raise UserError(msg)
    plain = Volume(to_int16(array, Path(name)), world_affine(node))
    found = inspect_ct(plain)
    return Volume(plain.voxels, plain.affine, found if is_linear(node) else (*found, _DEFORMED))


class LastVolume:
    """The CT of the node that was read last: the same object as long as its voxels and its place are the same.

    A worker tells by the object whether it has the CT already, and whether it is the one that was segmented.
    """

    def __init__(self) -> None:
        self._read: tuple[object, Volume] | None = None

    def of(self, node: slicer.vtkMRMLScalarVolumeNode) -> Volume:
        """As :func:`volume_of`, which says what it raises."""
        image = node.GetImageData()
        if image is None:
            return volume_of(node)
        now = node.GetID(), image.GetMTime(), world_affine(node).tobytes(), is_linear(node)
        if self._read is None or self._read[0] != now:
            self._read = None  # before there are two
            self._read = now, volume_of(node)
        return self._read[1]

    def forget(self) -> None:
        """Let it go, as when the scene is closed."""
        self._read = None


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
    lines = [np.linspace(0, max(1, count - 1), _FIT_SAMPLES) for count in size]
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
    local = apply_affine(ijk_to_local(node), voxels)
    return transform_points(local, node.GetParentTransformNode(), None)


def from_world(node: slicer.vtkMRMLVolumeNode, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo :func:`to_world`: ``(i, j, k)``, not rounded, of points in world RAS."""
    local = transform_points(points, None, node.GetParentTransformNode())
    return apply_affine(np.linalg.inv(ijk_to_local(node)), local)


def transform_points(
    points: NDArray[np.float64],
    source: slicer.vtkMRMLTransformNode | None,
    target: slicer.vtkMRMLTransformNode | None,
) -> NDArray[np.float64]:
    """Points from under one transform node to under another; None is the world."""
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(source, target, transform)
    return np.array([transform.TransformPoint(*point) for point in points]).reshape(-1, 3)


def apply_affine(affine: NDArray[np.floating], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points ``[point, axis]`` moved by a 4x4."""
    moved: NDArray[np.float64] = points @ affine[:3, :3].T + affine[:3, 3]
    return moved


_REGION_SAMPLES = 5


def region_of(roi: slicer.vtkMRMLMarkupsROINode, node: slicer.vtkMRMLVolumeNode) -> NDArray[np.bool_]:
    """Which voxels of a volume node lie in a region of interest, ``[k, j, i]``.

    Args:
        roi: at any angle, under any transform.
        node: a scalar volume node. Under a transform that deforms, the region is widened to the voxels' box.

    Raises:
        UserError: the region lies outside the volume.
    """
    to_scene, half = _region_axes(roi)
    lines = [np.linspace(-extent, extent, _REGION_SAMPLES) for extent in half]
    lattice = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    voxels = from_world(node, apply_affine(to_scene, lattice))
    size = np.array(node.GetImageData().GetDimensions())
    low = np.ceil(voxels.min(axis=0) - 1e-6).astype(int).clip(0, size)
    high = (np.floor(voxels.max(axis=0) + 1e-6).astype(int) + 1).clip(0, size)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    inside = np.zeros(size[::-1], bool)
    inside[k, j, i] = _voxels_inside((k, j, i), node, np.linalg.inv(to_scene), half) if is_linear(node) else True
    if not inside.any():
        msg = f"The region “{roi.GetName()}” lies outside “{node.GetName()}”: move it, or choose none."
        raise UserError(msg)
    return inside


def fit_region(
    roi: slicer.vtkMRMLMarkupsROINode,
    node: slicer.vtkMRMLVolumeNode,
    segmentation: slicer.vtkMRMLSegmentationNode | None = None,
) -> None:
    """Give a region that has no size yet, as a new one, that of the segments if there are any, else of the volume.

    Its handles are shown, so that it can be dragged smaller.
    """
    if np.abs(roi.GetSize()).min() > 0 or _is_being_placed(roi):
        return
    bounds = np.zeros(6)
    if segmentation is not None and segmentation.GetSegmentation().GetNumberOfSegments():
        segmentation.GetRASBounds(bounds)
    if not (bounds[1::2] > bounds[::2]).all():
        node.GetRASBounds(bounds)
    low, high = bounds[::2], bounds[1::2]
    if not (high > low).all():  # a volume without an image
        return
    roi.SetCenterWorld(*((low + high) / 2))
    roi.SetSizeWorld(*(high - low))
    roi.CreateDefaultDisplayNodes()
    if roi.GetDisplayNode():
        roi.GetDisplayNode().SetHandlesInteractive(True)


def start_placing_region() -> slicer.vtkMRMLMarkupsROINode:
    """A new region whose two corners the user's next clicks in a slice view are."""
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", slicer.mrmlScene.GenerateUniqueName("Region"))
    roi.CreateDefaultDisplayNodes()
    logic = slicer.modules.markups.logic()
    logic.SetActiveList(roi)
    logic.StartPlaceMode(False)
    return roi


def _is_being_placed(roi: slicer.vtkMRMLMarkupsROINode) -> bool:
    """Whether the user is about to click this region's corners."""
    mode = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")
    chosen = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLSelectionNode")
    placing = mode is not None and mode.GetCurrentInteractionMode() == mode.Place
    return bool(placing and chosen is not None and chosen.GetActivePlaceNodeID() == roi.GetID())


def _region_axes(roi: slicer.vtkMRMLMarkupsROINode) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """4x4 from the region's own axes to the world, and half its size along them."""
    return slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix()), np.abs(roi.GetSize()) / 2


def _voxels_inside(
    box: tuple[slice, slice, slice],
    node: slicer.vtkMRMLVolumeNode,
    to_object: NDArray[np.floating],
    half: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which voxels of the box lie in the region; an axis at a time, to spare memory."""
    k, j, i = (np.arange(axis.start, axis.stop, dtype=np.float64) for axis in box)
    origin, *steps = to_world(node, np.vstack([np.zeros(3), np.eye(3)]))
    columns = [to_object[:3, :3] @ (step - origin) for step in steps]
    start = to_object[:3, :3] @ origin + to_object[:3, 3]
    inside = np.ones((len(k), len(j), len(i)), bool)
    for axis in range(3):
        along = [columns[n][axis] * index for n, index in enumerate((i, j, k))]
        place = start[axis] + along[2][:, None, None] + along[1][:, None] + along[0]
        inside &= np.abs(place) <= half[axis] + 1e-6
    return inside
