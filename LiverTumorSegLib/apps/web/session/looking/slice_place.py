"""What a slice view says of its place: the patient's sides, millimetres, the slice, the image, and a scale bar."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import slicer.util
from numpy.typing import NDArray

from ....panel.mrml_volumes import from_world
from .view_plane import ViewPlane

_SIDES = (("R", "L"), ("A", "P"), ("S", "I"))
"""Of each axis of RAS: where it grows, and where it falls."""

_IMAGES = "LiverTumorSeg.images"
_SLICES = 2
"""The axis of voxels that the files of a DICOM series follow each other along."""

_WIDEST_BAR = 0.25


def edge_letters(node: slicer.vtkMRMLSliceNode) -> dict[str, str]:
    """Letters of the patient's sides at a slice view's edges."""
    right, up = _to_ras(node)[:3, :2].T
    return {"right": _side(right), "left": _side(-right), "top": _side(up), "bottom": _side(-up)}


def place_words(place: Sequence[float]) -> str:
    """A place in world RAS, such as ``R 10.0 P 3.5 S 12.5 mm``."""
    return " ".join(_along(axis, float(at)) for axis, at in enumerate(place)) + " mm"


def position_text(node: slicer.vtkMRMLSliceNode) -> str:
    """Place of a slice view's middle in world RAS along the axis it goes through, such as ``S 12.5 mm``."""
    to_ras = _to_ras(node)
    axis = _axis(to_ras[:3, 2])
    return f"{_along(axis, float(to_ras[axis, 3]))} mm"


def _along(axis: int, at: float) -> str:
    at = round(at, 1)
    return f"{_SIDES[axis][at < 0]} {abs(at):.1f}"


def slice_text(node: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLVolumeNode) -> str:
    """Place, slice and image of a view, such as ``S 12.5 mm, slice 20 of 72, image 53``.

    Slices are counted as :func:`slice_number` does. The image is DICOM's instance number, in the views that show the
    images of a series that has them.
    """
    axis, index = _voxel_slice(node, volume)
    number = slice_number(node, volume)
    words = [position_text(node)]
    if number:
        words.append("slice {} of {}".format(*number))
        images = image_numbers(volume)
        if axis == _SLICES and index < len(images):
            words.append(f"image {images[index]}")
    return ", ".join(words)


def slice_number(node: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLVolumeNode) -> tuple[int, int] | None:
    """Which of a volume's slices a view shows, and how many there are; None outside the volume.

    Counted from 1 at the feet, the patient's left or the back, as the lesion table counts axial slices.
    """
    axis, index = _voxel_slice(node, volume)
    count = volume.GetImageData().GetDimensions()[axis]
    if not 0 <= index < count:
        return None
    voxel, above = _through(node, volume)
    return (index + 1 if above[axis] > voxel[axis] else count - index), count


def keep_image_numbers(volume: slicer.vtkMRMLVolumeNode, numbers: Sequence[int]) -> None:
    """Keep DICOM's instance number of each slice ``k`` with a CT; none where it did not come as DICOM with them."""
    if numbers:
        volume.SetAttribute(_IMAGES, json.dumps(list(numbers)))


def image_numbers(volume: slicer.vtkMRMLVolumeNode) -> list[int]:
    """DICOM's instance number of each slice ``k``; empty where they are not known."""
    kept: list[int] = json.loads(volume.GetAttribute(_IMAGES) or "[]")
    return kept


def scale_bar(plane: ViewPlane) -> dict[str, Any]:
    """A bar of 1, 2 or 5 times a power of ten millimetres: its ``percent`` of the picture's width, and ``words``."""
    width = plane.size_mm[0]
    most = _WIDEST_BAR * width
    power = 10.0 ** np.floor(np.log10(most))
    length = max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))
    return {"percent": round(100 * length / width, 3), "words": f"{length:g} mm"}


def _voxel_slice(node: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLVolumeNode) -> tuple[int, int]:
    """The axis of voxels that a view goes through, and the index along it, also outside the volume."""
    voxel, above = _through(node, volume)
    axis = _axis((above - voxel) * volume.GetSpacing())
    return axis, round(float(voxel[axis]))


def _through(
    node: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLVolumeNode
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voxels, not rounded, at the view's middle and a millimetre from there to the head, the right or the front."""
    to_ras = _to_ras(node)
    upwards = np.eye(3)[_axis(to_ras[:3, 2])]
    voxel, above = from_world(volume, np.array([to_ras[:3, 3], to_ras[:3, 3] + upwards]))
    return voxel, above


def _to_ras(node: slicer.vtkMRMLSliceNode) -> NDArray[np.float64]:
    return np.asarray(slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()), np.float64)


def _axis(direction: NDArray[np.float64]) -> int:
    return int(np.abs(direction).argmax())


def _side(direction: NDArray[np.float64]) -> str:
    axis = _axis(direction)
    return _SIDES[axis][int(direction[axis] < 0)]
