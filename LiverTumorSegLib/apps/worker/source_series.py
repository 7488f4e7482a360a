"""The DICOM series that a client's CT was loaded from: found among its files, and shown to be that CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.ct_quality import to_int16
from ...core.errors import UserError
from ...core.volume import Volume
from ...io import dicom_series
from ...io.dicom_geometry import PlacedSlices

_TOLERANCE = 0.1
"""Corners may lie this share of the smallest spacing off, since headers round."""


def with_images(volume: Volume, files: Sequence[Path]) -> Volume:
    """The CT with the DICOM image that each of its slices ``k`` comes from, in the place that the images state.

    A CT that lies elsewhere, as a tilted one does in 3D Slicer, is told by its voxels.

    Args:
        volume: as another program loaded it, without what it moved it by.
        files: of the series, in any order.

    Raises:
        UserError: the files hold no single CT series, or it is another than the CT.
    """
    slices, _ = dicom_series.place_files(files, files[0].parent)
    count, rows, columns = volume.voxels.shape
    stored: NDArray[np.int16] | None = None
    for images, affine in _both_ways(slices):
        if len(images) == count and _lie_alike(affine, volume.affine, (columns, rows, count)):
            return replace(volume, affine=affine, images=images)
    for images, affine in _both_ways(slices):
        if len(images) == count:
            stored = to_int16(dicom_series.read_voxels(slices.files), files[0]) if stored is None else stored
            if np.array_equal(stored if images == slices.files else stored[::-1], volume.voxels):
                return replace(volume, affine=affine, images=images)
    msg = (
        "The CT is not slice by slice its DICOM series any more, as after cropping or resampling: load the series "
        "again and segment that."
    )
    raise UserError(msg)


def _both_ways(slices: PlacedSlices) -> tuple[tuple[tuple[Path, ...], NDArray[np.float64]], ...]:
    """The images from the first to the last and back, each with its affine."""
    back = np.eye(4)
    back[2, 2], back[2, 3] = -1, len(slices.files) - 1
    return (slices.files, slices.affine), (slices.files[::-1], slices.affine @ back)


def _lie_alike(one: NDArray[np.float64], other: NDArray[np.float64], size: tuple[int, int, int]) -> bool:
    """Whether all corners of two grids of this many voxels lie in the same places."""
    corners = np.array(np.meshgrid(*[(0, count - 1) for count in size], [1])).reshape(4, -1)
    spacing = np.linalg.norm(other[:3, :3], axis=0).min()
    return bool(np.abs((one - other) @ corners).max() <= _TOLERANCE * spacing)
