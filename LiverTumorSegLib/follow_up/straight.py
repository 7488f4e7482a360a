"""CTs whose slices are sheared, as after gantry tilt, resampled to a straight grid for registration and pairing alone.

Images of ITK have axes at right angles. Lesions are measured on their own voxels, sheared as they are.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.volume import Volume

_AIR_HU = -1024.0


def straighten(volume: Volume, *arrays: NDArray[np.unsignedinteger]) -> tuple[Volume, tuple[NDArray, ...]]:
    """A CT on a straight grid that holds all of it, and arrays of labels on the same grid.

    The in-plane axes and all spacings stay; slices are stacked at right angles to them. What the CT does not show is
    air, and has label 0.

    Args:
        volume: the CT, ``[k, j, i]``.
        arrays: labels or numbers on its voxels, taken by the nearest voxel.

    Returns:
        The same objects where the CT is not sheared.
    """
    if not volume.is_sheared:
        return volume, arrays
    grid, shape = _straight_grid(volume)
    to_voxel = np.linalg.inv(volume.affine) @ grid
    voxels = _resampled(volume.voxels.astype(np.float32), to_voxel, shape, sitk.sitkLinear, _AIR_HU)
    moved = tuple(_resampled(each, to_voxel, shape, sitk.sitkNearestNeighbor, 0.0) for each in arrays)
    return Volume(np.rint(voxels).astype(np.int16), grid), moved


def _straight_grid(volume: Volume) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """An affine with axes at right angles and the shape ``[k, j, i]`` that hold every voxel's centre."""
    axes = volume.affine[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    normal = np.cross(axes[:, 0], axes[:, 1])
    normal *= np.sign(normal @ axes[:, 2]) / np.linalg.norm(normal)
    step = float(normal @ axes[:, 2])
    across = axes[:, 0] / spacing[0]
    down = axes[:, 1] - across * (across @ axes[:, 1])
    straight = np.column_stack([axes[:, 0], down / np.linalg.norm(down) * spacing[1], normal * step])
    ends = np.array(list(product(*((0, size - 1) for size in reversed(volume.voxels.shape)))))
    places = np.linalg.solve(straight, axes @ ends.T)
    first, last = np.floor(places.min(axis=1) + 1e-6), np.ceil(places.max(axis=1) - 1e-6)
    affine = np.eye(4)
    affine[:3, :3] = straight
    affine[:3, 3] = volume.affine[:3, 3] + straight @ first
    i, j, k = (last - first + 1).astype(int).tolist()
    return affine, (k, j, i)


def _resampled(
    array: NDArray, to_voxel: NDArray[np.float64], shape: tuple[int, ...], interpolator: int, outside: float
) -> NDArray:
    """Values at voxels of another grid, both seen as images of voxels 1 mm wide at the origin."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(to_voxel[:3, :3].ravel().tolist())
    transform.SetTranslation(to_voxel[:3, 3].tolist())
    like = sitk.Image([int(n) for n in reversed(shape)], sitk.sitkUInt8)
    image = sitk.GetImageFromArray(array)
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, like, transform, interpolator, outside)))
