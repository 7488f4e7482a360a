"""A region of interest that limits the work to a part of a CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer
from numpy.typing import NDArray

from ..errors import UserError
from ..volume import Volume
from .volumes import from_world, is_linear, to_world

_SAMPLES = 5


@dataclass(frozen=True)
class Region:
    """A box of voxels, and which of them are in the region.

    Args:
        box: slices along k, j and i.
        inside: bool ``[k, j, i]`` of the box; None where all are.
    """

    box: tuple[slice, slice, slice]
    inside: NDArray[np.bool_] | None

    def crop(self, volume: Volume) -> Volume:
        """The part of a volume in the box, at its own place."""
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [axis.start for axis in reversed(self.box)]
        warning = "Only a region was segmented: volumes and burden are those of the liver inside it."
        return Volume(volume.voxels[self.box], affine, (*volume.warnings, warning))

    def paste(self, labels: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Labels of the box on the whole grid, nothing outside."""
        whole = np.zeros(shape, labels.dtype)
        whole[self.box] = labels
        return whole


def region_of(roi: slicer.vtkMRMLMarkupsROINode, node: slicer.vtkMRMLVolumeNode) -> Region:
    """The voxels of a volume node that a region of interest holds.

    Args:
        roi: at any angle, under any transform.
        node: a scalar volume node. Under a transform that deforms, the region is widened to the voxels' box.

    Raises:
        UserError: the region lies outside the volume.
    """
    to_object, half = _frame(roi)
    lines = [np.linspace(-extent, extent, _SAMPLES) for extent in half]
    lattice = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    to_scene = np.linalg.inv(to_object)
    voxels = from_world(node, lattice @ to_scene[:3, :3].T + to_scene[:3, 3])
    size = np.array(node.GetImageData().GetDimensions())
    low = np.ceil(voxels.min(axis=0) - 1e-6).astype(int).clip(0, size)
    high = (np.floor(voxels.max(axis=0) + 1e-6).astype(int) + 1).clip(0, size)
    if (high <= low).any():
        msg = f"The region “{roi.GetName()}” lies outside “{node.GetName()}”: move it, or choose none."
        raise UserError(msg)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return Region((k, j, i), _inside((k, j, i), node, to_object, half) if is_linear(node) else None)


def _frame(roi: slicer.vtkMRMLMarkupsROINode) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """4x4 from the world to the region's own axes, and half its size along them."""
    to_world_matrix = slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix())
    return np.linalg.inv(to_world_matrix), np.abs(roi.GetSize()) / 2


def _inside(
    box: tuple[slice, slice, slice],
    node: slicer.vtkMRMLVolumeNode,
    to_object: NDArray[np.float64],
    half: NDArray[np.float64],
) -> NDArray[np.bool_] | None:
    """Which voxels of the box lie in the region; None where all do. An axis at a time, to spare memory."""
    k, j, i = (np.arange(axis.start, axis.stop, dtype=np.float64) for axis in box)
    origin, *steps = to_world(node, np.vstack([np.zeros(3), np.eye(3)]))
    columns = [to_object[:3, :3] @ (step - origin) for step in steps]
    start = to_object[:3, :3] @ origin + to_object[:3, 3]
    inside = np.ones((len(k), len(j), len(i)), bool)
    for axis in range(3):
        along = [columns[n][axis] * index for n, index in enumerate((i, j, k))]
        place = start[axis] + along[2][:, None, None] + along[1][:, None] + along[0]
        inside &= np.abs(place) <= half[axis] + 1e-6
    return None if inside.all() else inside
