"""The slices of a DICOM series as a stack: in order, even and straight, or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from .dicom_header import Header
from .raw_image import LPS_TO_RAS

SHIFT_MM, ROUNDED_MM, FARTHEST_MM = 1.0, 0.1, 1e5
"""Distances: that a slice may lie off an even stack, from which that is said, and that no patient reaches."""

_DIGITS_MM = 1e-6


@dataclass(frozen=True)
class _Slice:
    header: Header
    position: NDArray[np.float64]
    orientation: NDArray[np.float64]
    spacing: tuple[float, float]


@dataclass(frozen=True)
class PlacedSlices:
    """Slices that lie evenly.

    Args:
        headers: from the first slice to the last, along the normal of their rows and columns.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.
        warnings: what is suspicious, a sentence each.
    """

    headers: tuple[Header, ...]
    affine: NDArray[np.float64]
    warnings: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The file of each slice; slices of an enhanced CT have one together."""
        return tuple(header.file for header in self.headers)

    @property
    def frames(self) -> tuple[int, ...]:
        """Number, from 1, of the frame of its file that each slice is, 0 of one that has a file of its own."""
        return tuple(header.frame for header in self.headers)


def place_slices(headers: Iterable[Header], folder: Path) -> PlacedSlices:
    """Put slices in the order of the positions they state, whatever their files and numbers say.

    Args:
        headers: of the slices, in any order.
        folder: that an error names.

    Raises:
        UserError: a slice does not say where it lies, there is only one, or they differ in size, direction or spacing,
            lie at one place, unevenly or out of line.
    """
    slices = [_placed(header) for header in headers]
    if len(slices) < 2:
        msg = f"{folder} holds a single slice of this series: give the whole series."
        raise UserError(msg)
    _refuse_mixed(slices, folder)
    normal = np.cross(*slices[0].orientation)
    slices.sort(key=lambda one: float(one.position @ normal))
    _refuse_gaps(slices, np.diff([float(one.position @ normal) for one in slices]), folder)
    off = _off_line(slices, folder)
    uneven = (f"Its slices lie up to {off:.2f} mm from where an even stack has them.",) if off > ROUNDED_MM else ()
    return PlacedSlices(tuple(one.header for one in slices), _affine(slices), uneven)


def affine_from_dicom(
    orientation: NDArray[np.float64],
    spacing: tuple[float, float],
    step: NDArray[np.float64],
    first: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The affine to RAS of what is stated in LPS (PS3.3, equation C.7.6.2.1-1).

    Args:
        orientation: directions along a row and along a column.
        spacing: millimetres between rows and between columns.
        step: from a slice to the next, in mm; with gantry tilt not along the normal.
        first: position of the first slice.
    """
    along_columns, along_rows = orientation
    affine = np.eye(4)
    affine[:3, 0] = LPS_TO_RAS @ along_columns * spacing[1]
    affine[:3, 1] = LPS_TO_RAS @ along_rows * spacing[0]
    affine[:3, 2] = LPS_TO_RAS @ step
    affine[:3, 3] = LPS_TO_RAS @ first
    return affine


def _placed(header: Header) -> _Slice:
    try:
        position = np.array(header.numbers("position", 3, FARTHEST_MM))
        orientation = np.array(header.numbers("orientation", 6)).reshape(2, 3)
        rows, columns = header.numbers("spacing", 2)
    except ValueError as error:
        msg = f"{header.file} does not say where its image lies in the patient: give a CT series."
        raise UserError(msg) from error
    if min(rows, columns) <= 0 or not np.allclose(orientation @ orientation.T, np.eye(2), atol=1e-3):
        msg = (
            f"{header.file} states a spacing that is not positive or directions that are not at right angles: "
            "correct it."
        )
        raise UserError(msg)
    return _Slice(header, position, orientation, (rows, columns))


def _refuse_mixed(slices: list[_Slice], folder: Path) -> None:
    first = slices[0]
    for one in slices:
        if one.header.size != first.header.size:
            sizes = " and ".join(" x ".join(map(str, each.header.size[:2])) for each in (first, one))
            msg = f"{folder} mixes slices of different size in one series ({sizes}): give the axial slices alone."
            raise UserError(msg)
        if not np.allclose(one.orientation, first.orientation, atol=1e-3) or not np.allclose(
            one.spacing, first.spacing
        ):
            msg = f"{folder} mixes slices of different direction or spacing in one series: give the axial slices alone."
            raise UserError(msg)


def _refuse_gaps(slices: list[_Slice], gaps: NDArray[np.float64], folder: Path) -> None:
    usual = float(np.median(gaps))
    if gaps.min() < 0.01:
        at = slices[int(gaps.argmin())].position[2]
        msg = f"{folder} holds two slices at one place (z = {at:.1f} mm): keep one acquisition."
        raise UserError(msg)
    rounded = ROUNDED_MM + _DIGITS_MM if usual > 2 * ROUNDED_MM else 0.0  # of positions with one digit after the point
    if not np.allclose(gaps, usual, rtol=0.05, atol=max(0.02, rounded)):
        worst = int(np.abs(gaps - usual).argmax())
        msg = (
            f"{folder} has slices {gaps[worst]:.2f} mm apart after z = {slices[worst].position[2]:.1f} mm and "
            f"{usual:.2f} mm elsewhere: slices are missing, or resample it to even spacing."
        )
        raise UserError(msg)


def _off_line(slices: list[_Slice], folder: Path) -> float:
    """Millimetres by which the worst slice lies off an even, straight stack; refused where that is much."""
    places = np.array([one.position for one in slices])
    off = np.linalg.norm(places - np.linspace(places[0], places[-1], len(places)), axis=1)
    if off.max() > SHIFT_MM:
        at = places[int(off.argmax()), 2]
        msg = f"{folder} has a slice {off.max():.1f} mm out of line at z = {at:.1f} mm: export the series again."
        raise UserError(msg)
    return float(off.max())


def _affine(slices: list[_Slice]) -> NDArray[np.float64]:
    first, last = slices[0], slices[-1]
    return affine_from_dicom(
        first.orientation, first.spacing, (last.position - first.position) / (len(slices) - 1), first.position
    )
