"""A region of interest that limits the work to a part of a CT."""

from __future__ import annotations

import numpy as np
import slicer
from numpy.typing import NDArray

from ..errors import UserError
from .volumes import apply, from_world, is_linear, to_world

_SAMPLES = 5


def region_of(roi: slicer.vtkMRMLMarkupsROINode, node: slicer.vtkMRMLVolumeNode) -> NDArray[np.bool_]:
    """Which voxels of a volume node lie in a region of interest, ``[k, j, i]``.

    Args:
        roi: at any angle, under any transform.
        node: a scalar volume node. Under a transform that deforms, the region is widened to the voxels' box.

    Raises:
        UserError: the region lies outside the volume.
    """
    to_scene, half = _frame(roi)
    lines = [np.linspace(-extent, extent, _SAMPLES) for extent in half]
    lattice = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    voxels = from_world(node, apply(to_scene, lattice))
    size = np.array(node.GetImageData().GetDimensions())
    low = np.ceil(voxels.min(axis=0) - 1e-6).astype(int).clip(0, size)
    high = (np.floor(voxels.max(axis=0) + 1e-6).astype(int) + 1).clip(0, size)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    inside = np.zeros(size[::-1], bool)
    inside[k, j, i] = _inside((k, j, i), node, np.linalg.inv(to_scene), half) if is_linear(node) else True
    if not inside.any():
        msg = f"The region “{roi.GetName()}” lies outside “{node.GetName()}”: move it, or choose none."
        raise UserError(msg)
    return inside


def _frame(roi: slicer.vtkMRMLMarkupsROINode) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """4x4 from the region's own axes to the world, and half its size along them."""
    return slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix()), np.abs(roi.GetSize()) / 2


def _inside(
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
