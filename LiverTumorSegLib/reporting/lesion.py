"""One lesion and its measures: volume, diameters, place, density, depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core import text_files
from .diameters import axial_diameter, axial_lines, diameter
from .lesion_notes import Voxel
from .lesion_origins import LesionOrigin
from .organ import Organ, Surface

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Args:
        number: 1 for the largest as they were segmented; it stays through corrections, so that there may be gaps.
        volume_ml: voxels times the voxel's volume.
        axial_diameter_mm: longest diameter in any one axial slice, as RECIST 1.1 (Eisenhauer et al. 2009, section
            3.2) measures it, from edge to edge.
        short_axial_diameter_mm: longest line at right angles to the axial diameter in the same slice, see
            :func:`LiverTumorSegLib.reporting.diameters.axial_lines`.
        diameter_mm: longest diameter in three dimensions, from edge to edge.
        centroid_mm: centre of mass in patient coordinates, RAS.
        mean_hu, sd_hu: of the voxels (population standard deviation).
        surface_distance_mm: from the lesion to the nearest voxel on the surface of liver and lesions, between
            centres; 0 where the lesion reaches the surface, None where the liver is not known.
        slice: axial slice of the axial diameter, counted from 1 at the feet.
        burden_percent: share of liver and lesions; None where the liver is not known.
        axial_line_mm, short_axial_line_mm: ends of the two diameters in patient coordinates, RAS.
        inside_voxel: ``(i, j, k)`` of a voxel of the lesion, the one at its centre of mass where that is one.
        probability: to be a lesion, of the likeliest candidate in it; None where the model gives none, or where it was
            painted.
        liver_segments: Couinaud's segments that hold at least a tenth of it, as Roman numbers, the one with most of it
            first; None where no model looked for them.
        origin: whether it is automatic, made by clicks or painted, see
            :class:`LiverTumorSegLib.reporting.lesion_origins.LesionOrigin`; None where that is not known.
        note: what a reader noted about it, on one line; see :mod:`LiverTumorSegLib.reporting.lesion_notes`.
    """

    number: int
    volume_ml: float
    axial_diameter_mm: float
    short_axial_diameter_mm: float
    diameter_mm: float
    centroid_mm: Point
    mean_hu: float
    sd_hu: float
    surface_distance_mm: float | None
    slice: int
    burden_percent: float | None
    axial_line_mm: tuple[Point, Point]
    short_axial_line_mm: tuple[Point, Point]
    inside_voxel: Voxel
    probability: float | None = None
    liver_segments: tuple[str, ...] | None = None
    origin: LesionOrigin | None = None
    note: str = ""

    @property
    def axial_middle_mm(self) -> NDArray[np.float64]:
        """The middle of the longest axial diameter in patient coordinates, RAS."""
        return np.asarray(np.mean(self.axial_line_mm, axis=0))

    @property
    def in_words(self) -> str:
        """Number, size and density in one line, and the liver's segments where they are known."""
        words = (
            f"Lesion {self.number}: {self.volume_ml:.1f} ml, {self.axial_diameter_mm:.1f} mm wide in slice "
            f"{self.slice}, {self.mean_hu:.0f} HU"
        )
        return f"{words}, segment {self.in_segments}" if self.liver_segments else words

    @property
    def in_segments(self) -> str:
        """Couinaud's segments that it lies in; “-” where they are not known."""
        return " ".join(self.liver_segments or ()) or text_files.NOTHING


def measure_lesion(
    number: int,
    mask: NDArray[np.bool_],
    box: tuple[slice, ...],
    organ: Organ,
    surface: Surface | None,
    levels: NDArray[np.float32] | None = None,
) -> Lesion:
    """Measure one lesion.

    Args:
        number: of the lesion.
        mask: its voxels, ``[slice, row, column]`` of the smallest box that holds them.
        box: in the organ's arrays.
        organ: liver and lesions.
        surface: of both; None where the liver is not known.
        levels: of the same box, as the probabilities of :func:`measure_lesions`.
    """
    size = int(np.count_nonzero(mask))
    start = organ.start + [axis.start for axis in box]
    axial, at = axial_diameter(mask, organ.axes_mm)
    lines = axial_lines(mask[at], organ.axes_mm)
    corner = organ.placed(start + np.array([at, 0, 0])) + organ.to_patient[:3, 3]
    hounsfield = organ.hounsfield[box][mask].astype(np.float64)
    points = np.argwhere(mask)
    middle = points.mean(axis=0)
    r, a, s = organ.to_patient[:3, :3] @ (middle + start)[::-1] + organ.to_patient[:3, 3]
    return Lesion(
        number=number,
        volume_ml=size * organ.voxel_ml,
        axial_diameter_mm=axial,
        short_axial_diameter_mm=float(np.linalg.norm(lines.short[1] - lines.short[0])),
        diameter_mm=max(axial, diameter(mask, organ.axes_mm)),
        centroid_mm=(float(r), float(a), float(s)),
        mean_hu=float(hounsfield.mean()),
        sd_hu=float(hounsfield.std()),
        surface_distance_mm=None if surface is None else surface.distance(mask, box),
        slice=int(start[0]) + at + 1,
        burden_percent=organ.share(size),
        axial_line_mm=_points(corner + lines.long),
        short_axial_line_mm=_points(corner + lines.short),
        inside_voxel=organ.voxel(start + _nearest(points, middle, mask, organ)),
        probability=None if levels is None else float(levels[mask].max()) or None,
    )


def _nearest(
    points: NDArray[np.intp], middle: NDArray[np.float64], mask: NDArray[np.bool_], organ: Organ
) -> NDArray[np.intp]:
    """The point of a lesion that is nearest to its middle, or at it."""
    at: NDArray[np.intp] = np.rint(middle).astype(np.intp)
    if mask[tuple(at)]:
        return at
    nearest: NDArray[np.intp] = points[np.linalg.norm(organ.placed(points - middle), axis=1).argmin()]
    return nearest


def _points(line: NDArray[np.float64]) -> tuple[Point, Point]:
    (r, a, s), (other_r, other_a, other_s) = line.tolist()
    return (r, a, s), (other_r, other_a, other_s)
