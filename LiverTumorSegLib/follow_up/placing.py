"""Lesions of two scans on one grid, and which places each scan does not show."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.labels import bounding_box, widened_box
from ..core.volume import Volume
from ..io import itk
from .matching import Places
from .registration import Registration
from .scan import Scan
from .straight import straighten

GRID_MM = 1.0
"""Of the common grid; lesions that leave no voxel on it keep the one at their centre."""

_FIELD_MM = 4.0
_MARGIN_MM = 30.0
_STEPS, _CLOSE_MM = 30, 0.05
_LPS = np.array([-1.0, -1.0, 1.0])


def place_lesions(earlier: Scan, later: Scan, registration: Registration) -> Places:
    """Both scans' lesions on a grid of :data:`GRID_MM` around the later scan's liver.

    Args:
        earlier: taken first.
        later: of the same patient.
        registration: of the one with the other.
    """
    grid = _grid_around_liver(later)
    warped = _sampled(earlier, grid, _as_field(registration.transform, grid))
    own = _sampled(later, grid, sitk.Transform())
    back = {lesion.number: to_later(registration, lesion.centroid_mm) for lesion in earlier.table.lesions}
    _keep_small(warped, grid, back.items())
    _keep_small(own, grid, ((lesion.number, np.array(lesion.centroid_mm)) for lesion in later.table.lesions))
    forth = {
        lesion.number: registration.to_earlier(np.array([lesion.centroid_mm]))[0] for lesion in later.table.lesions
    }
    return Places(
        warped,
        own,
        (GRID_MM, GRID_MM, GRID_MM),
        [lesion.number for lesion in earlier.table.lesions],
        [lesion.number for lesion in later.table.lesions],
        frozenset(number for number, point in forth.items() if not shows(earlier.volume, point)),
        frozenset(number for number, point in back.items() if not shows(later.volume, point)),
    )


def shows(volume: Volume, point: NDArray[np.float64]) -> bool:
    """Whether a place, RAS in mm, lies in a CT."""
    voxel = np.linalg.solve(volume.affine[:3, :3], point - volume.affine[:3, 3])
    return bool((voxel >= -0.5).all() and (voxel <= np.array(volume.voxels.shape[::-1]) - 0.5).all())


def to_later(registration: Registration, point: Iterable[float]) -> NDArray[np.float64]:
    """Where a point of the earlier scan, RAS in mm, lies in the later one: the transform's inverse, step by step.

    Newton's method would need the Jacobian; since the transform is close to a shift, its own error is a good step.
    """
    wanted = np.array(list(point), np.float64)
    found = wanted.copy()
    for _ in range(_STEPS):
        off = wanted - registration.to_earlier(found[None])[0]
        found = found + off
        if np.abs(off).max() < _CLOSE_MM:
            break
    return found


def _grid_around_liver(scan: Scan) -> sitk.Image:
    """An empty grid along the patient's axes; it reaches over the scan's ends, where earlier lesions may lie."""
    box = bounding_box(scan.labels)
    corners = np.array([[side.start, side.stop - 1] for side in reversed(box)])
    ends = np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1).reshape(-1, 3)
    points = (ends @ scan.volume.affine[:3, :3].T + scan.volume.affine[:3, 3]) * _LPS
    low, high = points.min(axis=0) - _MARGIN_MM, points.max(axis=0) + _MARGIN_MM
    image = sitk.Image([int(n) + 1 for n in np.ceil((high - low) / GRID_MM)], sitk.sitkUInt8)
    image.SetOrigin(low.tolist())
    image.SetSpacing((GRID_MM,) * 3)
    return image


def _as_field(transform: sitk.Transform, grid: sitk.Image) -> sitk.Transform:
    """The transform as shifts at points :data:`_FIELD_MM` apart, between which it is as good as straight.

    A spline takes a microsecond a point, and the grid has millions.
    """
    size = [int(np.ceil(n * GRID_MM / _FIELD_MM)) + 1 for n in grid.GetSize()]
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, size, grid.GetOrigin(), (_FIELD_MM,) * 3, grid.GetDirection()
    )
    return sitk.DisplacementFieldTransform(field)


def _sampled(scan: Scan, grid: sitk.Image, transform: sitk.Transform) -> NDArray[np.uint16]:
    if not scan.table.lesions:
        return np.zeros(grid.GetSize()[::-1], np.uint16)
    volume, (numbers,) = straighten(scan.volume, scan.numbers)
    box = widened_box(bounding_box(numbers), numbers.shape)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [side.start for side in reversed(box)]
    image = itk.array_to_image(numbers[box].astype(np.uint16), affine)
    found = sitk.Resample(image, grid, transform, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt16)
    return np.asarray(sitk.GetArrayFromImage(found))


def _keep_small(
    numbers: NDArray[np.uint16], grid: sitk.Image, centres: Iterable[tuple[int, NDArray[np.float64]]]
) -> None:
    """Give lesions that fell between the grid's points the one at their centre, where it is free."""
    there = set(np.unique(numbers).tolist())
    for number, point in centres:
        i, j, k = grid.TransformPhysicalPointToIndex((point * _LPS).tolist())
        inside = all(0 <= at < size for at, size in zip((k, j, i), numbers.shape, strict=True))
        if number not in there and inside and not numbers[k, j, i]:
            numbers[k, j, i] = number
