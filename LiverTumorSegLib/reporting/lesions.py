"""Lesions of a segmentation and their measures: volume, diameters, place, density, burden.

A lesion is one three-dimensional connected component of label 2; voxels are connected through their faces
(6-connectivity), as the LiTS challenge counts them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core import text_files
from ..core.labels import LESION_LABEL, LIVER_LABEL, bounding_box, component_sizes
from ..core.text_files import round_floats
from ..core.volume import Volume
from ..postprocessing.anatomy import LARGEST_LIVER_ML, describe_anatomy
from .diameters import axial_diameter, axial_lines, diameter
from .lesion_notes import Voxel, clean_note
from .lesion_origins import LesionOrigin
from .organ import Organ, Surface

LESIONS_ALONE = (
    "This model marks lesions alone: liver volume, burden and distances to the liver's surface are not known."
)

MANY_LESIONS = 100
"""More lesions than this are more than a reader of one patient can use."""

_DIGITS = 3
_NOT_IN_CSV = ("axial_line_mm", "short_axial_line_mm", "inside_voxel")

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Args:
        number: 1 for the largest.
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


@dataclass(frozen=True)
class LesionTable:
    """Measures of one patient.

    Args:
        liver_ml: volume of the liver, lesions included; None where the liver is not known.
        lesion_ml: volume of all lesions.
        burden_percent: lesions' share of the liver, lesions included; 0 without a liver, None where it is not known.
        lesions: the largest first.
        anatomy: doubts about it, see :func:`LiverTumorSegLib.postprocessing.anatomy.describe_anatomy`.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> table = lts.LesionTable(liver_ml=1500.0, lesion_ml=0.0, burden_percent=0.0, lesions=())
        >>> print(table)
        Liver 1500 ml, 0 lesions, 0.0 ml, burden 0.0 %
        >>> table.to_dict()["liver_ml"]
        1500.0
    """

    liver_ml: float | None
    lesion_ml: float
    burden_percent: float | None
    lesions: tuple[Lesion, ...]
    anatomy: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A line on the patient and a line a lesion."""
        return "\n".join([self.in_words, *(lesion.in_words for lesion in self.lesions)])

    @property
    def in_words(self) -> str:
        """Volumes and burden in one line."""
        count = len(self.lesions)
        words = f"{count} lesion{'' if count == 1 else 's'}, {self.lesion_ml:.1f} ml"
        if self.liver_ml is None:
            return words
        return f"Liver {self.liver_ml:.0f} ml, {words}, burden {self.burden_percent:.1f} %"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Doubts about liver and lesions, a sentence each; they change with the labels."""
        return (*self._not_found(), *self.anatomy, *self._too_much())

    def _not_found(self) -> Iterator[str]:
        if self.liver_ml is None:
            yield LESIONS_ALONE if self.lesions else "No lesion was found."
        elif not self.liver_ml:
            yield "No liver was found."

    def _too_much(self) -> Iterator[str]:
        count, liver = len(self.lesions), self.liver_ml or 0.0
        if liver > LARGEST_LIVER_ML:
            yield f"A liver of {liver / 1000:.1f} l cannot be: the model has not found it."
        if count > MANY_LESIONS:
            yield f"{count} lesions are more than the reading of any patient can use: check the model on CTs you know."

    def with_notes(self, notes: Mapping[int, str]) -> LesionTable:
        """The table with these notes by the numbers of their lesions, and no others."""
        noted = (replace(lesion, note=clean_note(notes.get(lesion.number, ""))) for lesion in self.lesions)
        return replace(self, lesions=tuple(noted))

    def with_origins(self, origins: Mapping[int, LesionOrigin]) -> LesionTable:
        """The table with these origins by the numbers of their lesions; of what was painted no probability is known."""
        told = (replace(lesion, origin=origins.get(lesion.number)) for lesion in self.lesions)
        painted = (replace(one, probability=None) if one.origin and one.origin.painted else one for one in told)
        return replace(self, lesions=tuple(painted))

    def with_liver_segments(self, segments: Mapping[int, tuple[str, ...]]) -> LesionTable:
        """The table with the liver's segments that lesions lie in, by the numbers of the lesions."""
        told = (replace(lesion, liver_segments=segments.get(lesion.number, ())) for lesion in self.lesions)
        return replace(self, lesions=tuple(told))

    @property
    def has_liver_segments(self) -> bool:
        """Whether the liver's segments were looked for."""
        return any(lesion.liver_segments is not None for lesion in self.lesions)

    @property
    def has_origins(self) -> bool:
        """Whether it is known of any lesion how it came about."""
        return any(lesion.origin for lesion in self.lesions)

    @property
    def has_notes(self) -> bool:
        """Whether anything is noted about a lesion."""
        return any(lesion.note for lesion in self.lesions)

    def to_dict(self) -> dict[str, Any]:
        """All measures, rounded to 3 digits after the point, ready for JSON."""
        content: dict[str, Any] = round_floats({"lesion_count": len(self.lesions)} | asdict(self), _DIGITS)
        del content["anatomy"]
        return content

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2)

    def patient_csv(self) -> str:
        """A header and one row: the patient's measures without those of each lesion; empty what is not known."""
        content = {name: value for name, value in self.to_dict().items() if name != "lesions"}
        return text_files.lines((content.keys(), content.values()))

    def to_csv(self) -> str:
        """A row a lesion, with a header; the centroid is in RAS, and a cell empty where a measure is not known.

        The ends of the diameters are left to JSON. The liver's segments, origins, in words, and notes are the last
        columns, each of which is there where there is one; a lesion in no segment has a “-”.
        """
        there = {"liver_segments": self.has_liver_segments, "origin": self.has_origins, "note": self.has_notes}
        omitted = [*_NOT_IN_CSV, *(name for name, known in there.items() if not known)]
        names = [field.name for field in fields(Lesion) if field.name not in omitted]
        at = names.index("centroid_mm")
        rows = [[*names[:at], "centroid_r_mm", "centroid_a_mm", "centroid_s_mm", *names[at + 1 :]]]
        for lesion in self.lesions:
            values = round_floats([_cell(lesion, name) for name in names], _DIGITS)
            rows.append([*values[:at], *values[at], *values[at + 1 :]])
        return text_files.lines(rows)


def _cell(lesion: Lesion, name: str) -> Any:
    if name == "liver_segments":
        return lesion.in_segments
    value = getattr(lesion, name)
    return value.in_words if isinstance(value, LesionOrigin) else value


def measure_lesions(
    labels: NDArray[np.uint8],
    volume: Volume,
    marks: Collection[str] = ("liver", "lesion"),
    probabilities: NDArray[np.float32] | None = None,
    *,
    region: bool = False,
) -> LesionTable:
    """Measure liver and lesions.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 2 lesion.
        volume: the CT.
        marks: what the model that made the labels marks; where that is no liver, and none was added by hand, what
            refers to the liver is None.
        probabilities: ``[k, j, i]``: of the candidate that a voxel belongs to, to be a lesion; 0 where there is none.
        region: whether only a region was segmented, whose liver is not asked whether it is whole.

    Returns:
        Volumes in ml, diameters and places in mm (RAS), densities in HU, burden in percent; the largest lesion first.

    Raises:
        ValueError: the labels have another shape than the CT.

    Example:
        >>> import numpy as np
        >>> import LiverTumorSegLib as lts
        >>> volume = lts.read_volume("ct.nii.gz")
        >>> labels = np.zeros(volume.voxels.shape, np.uint8)
        >>> labels[10:30, 20:60, 30:70] = 1
        >>> labels[15:18, 30:35, 40:45] = 2
        >>> print(lts.measure_lesions(labels, volume))
        Liver 3072 ml, 1 lesion, 7.2 ml, burden 0.2 %
        Lesion 1: 7.2 ml, 25.6 mm wide in slice 16, 74 HU
    """
    if labels.shape != volume.voxels.shape:
        msg = f"labels {labels.shape} are not on the volume's grid {volume.voxels.shape}"
        raise ValueError(msg)
    liver_known = "liver" in marks or bool((labels == LIVER_LABEL).any())
    if not labels.any():
        return LesionTable(0.0, 0.0, 0.0, ()) if liver_known else LesionTable(None, 0.0, None, ())
    organ = Organ(labels, volume, liver_known=liver_known)
    parts, sizes = _lesions_by_size(organ.labels)
    surface = Surface(organ) if liver_known and len(sizes) else None
    seen = None if probabilities is None else volume.axial.of(probabilities)
    lesions = []
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        mask = parts[box] == number
        lesion = _lesion(number, mask, box, surface, organ)
        lesions.append(lesion if seen is None else replace(lesion, probability=_highest(seen[organ.near][box][mask])))
    affected = int(sizes.sum())
    liver_ml = organ.size * volume.voxel_ml if liver_known else None
    doubts = tuple(describe_anatomy(organ.labels, parts, volume.voxel_ml, ends=organ.ends, region=region))
    return LesionTable(liver_ml, affected * volume.voxel_ml, organ.share(affected), tuple(lesions), doubts)


def number_lesions(labels: NDArray[np.uint8], volume: Volume) -> NDArray[np.unsignedinteger]:
    """Labels with a value a lesion: 0 background, 1 liver, 1 + n for lesion n of :func:`measure_lesions`.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 2 lesion.
        volume: the CT.
    """
    if not (labels == LESION_LABEL).any():
        return labels
    box = bounding_box(volume.axial.of(labels))
    parts, sizes = _lesions_by_size(volume.axial.of(labels)[box])
    own = labels.astype(np.min_scalar_type(len(sizes) + 1))
    near = volume.axial.of(own)[box]
    near[parts > 0] = parts[parts > 0] + 1
    return own


def _lesions_by_size(seen: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Parts, 1 the largest, and their sizes."""
    parts, count = ndimage.label(seen == LESION_LABEL)
    sizes = component_sizes(parts, count)[1:]
    order = np.argsort(-sizes, kind="stable")
    numbers = np.zeros(count + 1, parts.dtype)
    numbers[order + 1] = np.arange(1, count + 1)
    return numbers[parts], sizes[order]


def _lesion(
    number: int, mask: NDArray[np.bool_], box: tuple[slice, ...], surface: Surface | None, organ: Organ
) -> Lesion:
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


def _highest(levels: NDArray[np.float32]) -> float | None:
    return float(levels.max()) or None


def _points(line: NDArray[np.float64]) -> tuple[Point, Point]:
    (r, a, s), (other_r, other_a, other_s) = line.tolist()
    return (r, a, s), (other_r, other_a, other_s)
