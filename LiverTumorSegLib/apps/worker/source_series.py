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
    count, rows, columns = volume.voxels.shape
    stacks = [one for one in dicom_series.place_stacks(files, files[0].parent) if len(one.headers) == count]
    if len(stacks) == 1:  # several may lie at one place
        for way in (stacks[0], _back(stacks[0])):
            if _lie_alike(way.affine, volume.affine, (columns, rows, count)):
                return _with_slices(volume, way)
    for one in stacks:
        stored = to_int16(dicom_series.read_voxels(one.headers), files[0])
        for voxels, way in ((stored, one), (stored[::-1], _back(one))):
            if np.array_equal(voxels, volume.voxels):
                return _with_slices(volume, way)
    msg = (
        "The CT is not slice by slice its DICOM series any more, as after cropping or resampling: load the series "
        "again and segment that."
    )
    raise UserError(msg)


def _back(slices: PlacedSlices) -> PlacedSlices:
    """The slices from the last to the first."""
    back = np.eye(4)
    back[2, 2], back[2, 3] = -1, len(slices.headers) - 1
    return replace(slices, headers=slices.headers[::-1], affine=slices.affine @ back)


def _with_slices(volume: Volume, slices: PlacedSlices) -> Volume:
    frames = slices.frames if any(slices.frames) else ()
    return replace(volume, affine=slices.affine, images=slices.files, frames=frames)


def _lie_alike(one: NDArray[np.float64], other: NDArray[np.float64], size: tuple[int, int, int]) -> bool:
    """Whether all corners of two grids of this many voxels lie in the same places."""
    corners = np.array(np.meshgrid(*[(0, count - 1) for count in size], [1])).reshape(4, -1)
    spacing = np.linalg.norm(other[:3, :3], axis=0).min()
    return bool(np.abs((one - other) @ corners).max() <= _TOLERANCE * spacing)
