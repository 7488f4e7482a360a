"""Frames of a DICOM segmentation: their pixels, and their places in a stack that may leave out empty slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from .dicom_functional_groups import FunctionalGroups
from .dicom_geometry import FARTHEST_MM, ROUNDED_MM, SHIFT_MM, affine_from_dicom
from .dicom_header import DAMAGED

if TYPE_CHECKING:
    from pydicom import Dataset

_ONE_PLACE_MM = ROUNDED_MM
"""Frames of different segments that are closer are of one slice, which their writer rounded differently."""

_UNEVEN, _UNEVEN_MM = 0.05, 0.02


@dataclass(frozen=True)
class Frames:
    """The frames in the order of their pixels.

    Args:
        segments: number of the segment that each is of; 0 in a label map, whose pixels say it.
        slices: index k of each.
        count: slices from the first to the last.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.
        warnings: what is suspicious, a sentence each.
    """

    segments: NDArray[np.int64]
    slices: NDArray[np.int64]
    count: int
    affine: NDArray[np.float64]
    warnings: tuple[str, ...]


def read_frames(dataset: Dataset, path: Path) -> Frames:
    """Place the frames by the positions they state, sorted along the normal of their rows and columns.

    The distance of slices is the one stated, if it fits the positions, else the least one between two of them.

    Raises:
        UserError: they do not say where they lie, differ in direction or spacing, or lie unevenly or out of line; or
            there is a single one and no distance is stated.
    """
    groups = _Groups(FunctionalGroups(dataset), path)
    positions = groups.numbers("PlanePositionSequence", "ImagePositionPatient", 3)
    orientation = groups.same("PlaneOrientationSequence", "ImageOrientationPatient", 6).reshape(2, 3)
    spacing = groups.same("PixelMeasuresSequence", "PixelSpacing", 2)
    if min(spacing) <= 0 or not np.allclose(orientation @ orientation.T, np.eye(2), atol=1e-3):
        msg = f"{path} states a spacing that is not positive or directions that are not at right angles: correct it."
        raise UserError(msg)
    normal = np.cross(*orientation)
    apart = groups.stated("PixelMeasuresSequence", "SpacingBetweenSlices")
    slices, step = _sort_frames(positions, normal, apart, path)
    first = positions[int(slices.argmin())]
    warnings = _spacing_warning(abs(float(step @ normal)), apart) + _offset_warning(
        positions - (first + slices[:, None] * step), path
    )
    affine = affine_from_dicom(orientation, (float(spacing[0]), float(spacing[1])), step, first)
    return Frames(groups.segments(), slices, int(slices.max()) + 1, affine, warnings)


@dataclass(frozen=True)
class _Groups:
    """Functional groups as numbers."""

    groups: FunctionalGroups
    path: Path

    def numbers(self, sequence: str, keyword: str, count: int) -> NDArray[np.float64]:
        """Numbers ``[frame, count]``."""
        stated = np.array([self._numbers(value, count) for value in self.groups.values(sequence, keyword)])
        if not len(stated) or not (np.abs(stated) <= FARTHEST_MM).all():
            raise UserError(self._nowhere)
        return stated

    def same(self, sequence: str, keyword: str, count: int) -> NDArray[np.float64]:
        """Numbers that are those of every frame."""
        stated = self.numbers(sequence, keyword, count)
        if not np.allclose(stated, stated[0], atol=1e-3):
            msg = f"{self.path} mixes frames of different direction or spacing: export those of one direction alone."
            raise UserError(msg)
        return stated[0]

    def stated(self, sequence: str, keyword: str) -> float:
        """A positive number; 0 where there is none."""
        value = next(self.groups.values(sequence, keyword), None)
        number = 0.0 if value is None else float(value)
        return number if 0 < number <= FARTHEST_MM else 0.0

    def segments(self) -> NDArray[np.int64]:
        """Number of the segment that each frame is of, 0 where it does not say."""
        numbers = self.groups.values("SegmentIdentificationSequence", "ReferencedSegmentNumber")
        return np.array([0 if number is None else int(number) for number in numbers], np.int64)

    def _numbers(self, value: Any, count: int) -> list[float]:
        try:
            numbers = [float(number) for number in value]
        except (TypeError, ValueError) as error:
            raise UserError(self._nowhere) from error
        if len(numbers) != count:
            raise UserError(self._nowhere)
        return numbers

    @property
    def _nowhere(self) -> str:
        return f"{self.path} does not say where its frames lie in the patient: export it from a CT series."


def _sort_frames(
    positions: NDArray[np.float64], normal: NDArray[np.float64], apart: float, path: Path
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index k of each frame, and the step from one slice to the next in mm."""
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    gaps = np.diff(heights[order])
    is_new = gaps > _ONE_PLACE_MM
    if not is_new.any():
        if not apart:
            msg = f"{path} holds a single slice and does not say how far slices lie apart: give one of several slices."
            raise UserError(msg)
        return np.zeros(len(heights), np.int64), normal * apart
    gaps[is_new] = np.diff(heights[order][np.concatenate([[True], is_new])])
    slices = np.zeros(len(heights), np.int64)
    slices[order[1:]] = np.cumsum(_counts(gaps * is_new, apart, path))
    last = int(slices.argmax())
    return slices, (positions[last] - positions[int(slices.argmin())]) / slices[last]


def _counts(gaps: NDArray[np.float64], apart: float, path: Path) -> NDArray[np.int64]:
    """Number of slices that one frame lies beyond another, 0 within a slice."""
    wide = gaps[gaps > 0]
    usual = float(np.median(wide[wide < 1.5 * wide.min()]))
    for step in filter(None, (apart, usual)):
        counts = np.rint(gaps / step)
        if counts[gaps > 0].min() >= 1 and np.allclose(gaps, counts * step, rtol=0, atol=_UNEVEN * step + _UNEVEN_MM):
            return counts.astype(np.int64)
    worst = float(wide[np.abs(wide / usual - np.rint(wide / usual)).argmax()])
    msg = f"{path} has slices {worst:.2f} mm apart and {usual:.2f} mm elsewhere: resample it to even spacing."
    raise UserError(msg)


def _spacing_warning(found: float, stated: float) -> tuple[str, ...]:
    """A sentence where slices lie at another distance than is stated."""
    if not stated or abs(found - stated) <= _UNEVEN * stated + _UNEVEN_MM:
        return ()
    return (f"Its slices are said to lie {stated:.2f} mm apart and were taken as {found:.2f} mm apart.",)


def _offset_warning(off: NDArray[np.float64], path: Path) -> tuple[str, ...]:
    furthest = float(np.linalg.norm(off, axis=1).max())
    if furthest > SHIFT_MM:
        msg = f"{path} has a frame {furthest:.1f} mm out of line: export it again."
        raise UserError(msg)
    even = furthest <= ROUNDED_MM
    return () if even else (f"Its slices lie up to {furthest:.2f} mm from where an even stack has them.",)


_MOST_PIXELS = 1 << 26
"""Most pixels of a frame: 8192 x 8192."""

_BIG_ENDIAN = "1.2.840.10008.1.2.2"


def frame_shape(dataset: Dataset, path: Path) -> tuple[int, int]:
    """Rows and columns.

    Raises:
        UserError: there are none, or too many.
    """
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if not 0 < rows * columns <= _MOST_PIXELS:
        msg = f"{path} states frames of {rows} x {columns} pixels, more or less than an image has: export it again."
        raise UserError(msg)
    return rows, columns


def read_planes(dataset: Dataset, count: int, path: Path) -> Iterator[NDArray]:
    """Frames ``[row, column]`` one after the other: bool, or the integers of a label map.

    Args:
        dataset: of the file.
        count: frames that it describes.
        path: that an error names.

    Raises:
        UserError: there are more or fewer, or their pixels are packed as is not read here.
    """
    syntax, bits = dataset.file_meta.get("TransferSyntaxUID"), int(dataset.BitsAllocated)
    if int(dataset.NumberOfFrames) != count or int(dataset.SamplesPerPixel) != 1:
        raise UserError(DAMAGED.format(path))
    if syntax == _BIG_ENDIAN or bits not in (1, 8, 16):
        raise UserError(_unread(path))
    if syntax is not None and syntax.is_compressed and not syntax.is_deflated:
        yield from _unpacked(dataset, path)
        return
    pixels = np.frombuffer(dataset.PixelData, np.uint8)
    size = int(dataset.Rows) * int(dataset.Columns)
    if pixels.size * 8 < size * count * bits:
        raise UserError(DAMAGED.format(path))
    for start in range(0, size * count, size):
        frame = _bits(pixels, start, size) if bits == 1 else pixels.view(f"<u{bits // 8}")[start : start + size]
        yield frame.reshape(dataset.Rows, dataset.Columns)


def _bits(pixels: NDArray[np.uint8], start: int, size: int) -> NDArray[np.bool_]:
    """Pixels of a bit each; a frame may begin within a byte (PS3.5, section 8.1.1)."""
    found = np.unpackbits(pixels[start // 8 : -(-(start + size) // 8)], bitorder="little")
    return found[start % 8 :][:size].view(np.bool_)


def _unpacked(dataset: Dataset, path: Path) -> Iterator[NDArray]:
    from pydicom.pixels import iter_pixels

    try:
        for frame in iter_pixels(dataset, raw=True):
            yield frame.astype(bool) if int(dataset.BitsAllocated) == 1 else frame
    except (NotImplementedError, RuntimeError) as error:  # no decoder, or one that failed
        raise UserError(_unread(path)) from error


def _unread(path: Path) -> str:
    return f"{path} is damaged or packs its pixels in a way that cannot be read: export it without compression."
