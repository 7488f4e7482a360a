"""Where a slice view is: the patient's sides at its edges, its place in mm and its number in the CT."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
from numpy.typing import NDArray

from ...mrml.volumes import from_world

_SIDES = (("R", "L"), ("A", "P"), ("S", "I"))
"""Of each axis of RAS: where it grows, and where it falls."""


def edges(node: slicer.vtkMRMLSliceNode) -> dict[str, str]:
    """Letters of the patient's sides at a slice view's edges."""
    right, up = _to_ras(node)[:3, :2].T
    return {"right": _side(right), "left": _side(-right), "top": _side(up), "bottom": _side(-up)}


def place(node: slicer.vtkMRMLSliceNode) -> str:
    """Where the middle of a slice view lies in world RAS along the axis it goes through, such as ``S 12.5 mm``."""
    to_ras = _to_ras(node)
    axis = _axis(to_ras[:3, 2])
    at = round(float(to_ras[axis, 3]), 1)
    return f"{_SIDES[axis][at < 0]} {abs(at):.1f} mm"


def number(node: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLVolumeNode) -> tuple[int, int] | None:
    """Which of a volume's slices a view shows, and how many there are; None outside the volume.

    Counted from 1 at the feet, the patient's left or the back, as the lesion table counts axial slices.
    """
    to_ras = _to_ras(node)
    upwards = np.eye(3)[_axis(to_ras[:3, 2])]
    voxel, above = from_world(volume, np.array([to_ras[:3, 3], to_ras[:3, 3] + upwards]))
    axis = _axis((above - voxel) * volume.GetSpacing())
    count = volume.GetImageData().GetDimensions()[axis]
    index = round(float(voxel[axis]))
    if not 0 <= index < count:
        return None
    return (index + 1 if above[axis] > voxel[axis] else count - index), count


def _to_ras(node: slicer.vtkMRMLSliceNode) -> NDArray[np.float64]:
    return np.asarray(slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()), np.float64)


def _axis(direction: NDArray[np.float64]) -> int:
    return int(np.abs(direction).argmax())


def _side(direction: NDArray[np.float64]) -> str:
    axis = _axis(direction)
    return _SIDES[axis][int(direction[axis] < 0)]
