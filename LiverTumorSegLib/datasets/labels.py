"""The labels of a CT, on its voxels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import lattice, read_stored
from ..files.stored import Stored
from ..segments import LESION
from ..volume import Volume, axial_view
from .segment_values import by_segments

_OFF_MM = 0.01
_ROUNDING = 1e-3
_NAMED = 5
_MISPLACED = "CT and labels state different places or spacings; they were taken voxel by voxel."


def read_labels(path: Path, volume: Volume) -> tuple[NDArray[np.uint8], str]:
    """Labels on the CT's voxels, and sentences where they state another place than it, or where names decided.

    Args:
        path: file of 0 background, 1 liver, 2 lesion, or a segmentation of 3D Slicer or in DICOM with such segments; a
            DICOM one may leave out slices that are empty.
        volume: the CT.

    Returns:
        ``[k, j, i]`` as the CT's voxels, and the sentences or nothing.

    Raises:
        UserError: they lie on other voxels, or are other numbers.
    """
    stored = _filled_in(read_stored(path), volume)
    axial = axial_view(stored.affine)
    ways, own = (axial.axes, axial.flips), (volume.axial.axes, volume.axial.flips)
    if stored.values.shape != volume.voxels.shape or ways != own:
        msg = f"{path} does not lie on its CT's voxels: resample the labels to the CT first."
        raise UserError(msg)
    values, by_name = by_segments(stored, path, "leave them out or rename them first")
    misplaced = "" if np.allclose(stored.affine, volume.affine, atol=_OFF_MM) else _MISPLACED
    return whole_labels(stored, path, values), " ".join(
        filter(None, (misplaced, by_name and f"{path.name}: {by_name}"))
    )


def _filled_in(stored: Stored, volume: Volume) -> Stored:
    """What is stored with the empty slices that its file leaves out, if it lies on a part of the CT's voxels."""
    found = lattice.on(stored, volume.affine) if stored.omits_empty else None
    if found is None or not lattice.is_within(*found, volume.voxels.shape):
        return stored
    return replace(stored, values=lattice.filled(*found, volume.voxels.shape), affine=volume.affine)


def whole_labels(
    stored: Stored,
    path: Path,
    values: Mapping[int, int] | None = None,
    *,
    advice: str = "rename or merge them first",
) -> NDArray[np.uint8]:
    """What a file stores, as labels, plane by plane to spare memory.

    Args:
        stored: numbers of any real type; within a thousandth of a whole number after the file's own scaling they count
            as that.
        path: file that an error names.
        values: the label of each number, where they are not labels themselves; all others are then background.
        advice: what an error tells to do about other labels.

    Returns:
        uint8 of the shape stored, C-contiguous: 0 background, 1 liver, 2 lesion.

    Raises:
        UserError: a number is not whole, or no label.
    """
    labels = np.empty(stored.values.shape, np.uint8)
    others: set[int] = set()
    for out, plane in zip(labels, _planes(stored, path, values), strict=True):
        wrong = (plane < 0) | (plane > LESION.label)
        if wrong.any():
            others |= {int(value) for value in np.unique(plane[wrong])}
            if len(others) > _NAMED:
                break
        out[:] = plane
    if others:
        msg = f"{path} holds other labels than 0 background, 1 liver and 2 lesion ({_listed(others)}): {advice}."
        raise UserError(msg)
    return labels


def _planes(stored: Stored, path: Path, values: Mapping[int, int] | None) -> Iterator[NDArray]:
    for plane in _whole_planes(stored, path):
        if values is None:
            yield plane
            continue
        labels = np.zeros(plane.shape, np.uint8)
        for value, label in values.items():
            labels[plane == value] = label
        yield labels


def _whole_planes(stored: Stored, path: Path) -> Iterator[NDArray]:
    """Planes after scaling, none of which rounding would turn into labels where they are none, as of probabilities."""
    as_they_are = stored.values.dtype.kind in "bui" and (stored.slope, stored.intercept) == (1, 0)
    for plane in stored.values:
        if as_they_are:
            yield plane
            continue
        scaled = plane * np.float64(stored.slope) + stored.intercept
        whole = np.rint(scaled)
        with np.errstate(invalid="ignore"):  # infinity less itself
            is_whole = (np.abs(scaled - whole) <= _ROUNDING).all()  # NaN is not
        if not is_whole:
            msg = f"{path} holds numbers that are no labels, as they are not whole: give 0, 1 and 2 for each voxel."
            raise UserError(msg)
        yield whole


def _listed(values: set[int]) -> str:
    named = ", ".join(map(str, sorted(values)[:_NAMED]))
    return f"{named} and others" if len(values) > _NAMED else named
