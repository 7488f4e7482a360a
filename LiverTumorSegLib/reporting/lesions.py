"""Lesions of a segmentation and their measures: volume, diameters, place, density, burden.

A lesion is one three-dimensional connected component of label 2; voxels are connected through their faces
(6-connectivity), as the LiTS challenge counts them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from .lesion import Lesion, Point, measure_lesion
from .lesion_notes import clean_note
from .lesion_numbers import LesionNumbers
from .lesion_origins import LesionOrigin
from .organ import Organ, Surface

__all__ = [
    "LESIONS_ALONE",
    "MANY_LESIONS",
    "Lesion",
    "LesionTable",
    "Point",
    "collect_measures",
    "measure_lesions",
    "number_lesions",
]

LESIONS_ALONE = (
    "This model marks lesions alone: liver volume, burden and distances to the liver's surface are not known."
)

MANY_LESIONS = 100
"""More lesions than this are more than a reader of one patient can use."""

_DIGITS = 3
_NOT_IN_CSV = ("axial_line_mm", "short_axial_line_mm", "inside_voxel")


@dataclass(frozen=True)
class LesionTable:
    """Measures of one patient.

    Args:
        liver_ml: volume of the liver, lesions included; None where the liver is not known.
        lesion_ml: volume of all lesions.
        burden_percent: lesions' share of the liver, lesions included; 0 without a liver, None where it is not known.
        lesions: by their numbers, so that the largest come first unless they were corrected.
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

    def largest(self, most: int) -> tuple[Lesion, ...]:
        """The largest lesions, so many at most, by their numbers."""
        chosen = sorted(self.lesions, key=lambda lesion: -lesion.volume_ml)[:most]
        return tuple(sorted(chosen, key=lambda lesion: lesion.number))

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

    def patient_csv(self, warnings: Sequence[str] = ()) -> str:
        """A header and one row: the patient's measures without those of each lesion; empty what is not known.

        Args:
            warnings: what is doubtful about them, a sentence each, for the last column.
        """
        content = {name: value for name, value in self.to_dict().items() if name != "lesions"}
        content["warnings"] = " ".join(warnings)
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
    numbers: LesionNumbers | None = None,
) -> LesionTable:
    """Measure liver and lesions.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 2 lesion.
        volume: the CT.
        marks: what the model that made the labels marks; where that is no liver, and none was added by hand, what
            refers to the liver is None.
        probabilities: ``[k, j, i]``: of the candidate that a voxel belongs to, to be a lesion; 0 where there is none.
        region: whether only a region was segmented, whose liver is not asked whether it is whole.
        numbers: of the lesions before the labels were corrected, which they keep; None numbers them by size.

    Returns:
        Volumes in ml, diameters and places in mm (RAS), densities in HU, burden in percent; the largest lesion first
        without ``numbers``.

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
        return collect_measures(None, np.zeros((1, 1, 1), np.int32), (), liver_known=liver_known, region=region)
    organ = Organ(labels, volume, liver_known=liver_known)
    parts, count = _lesions_by_size(organ.labels)
    if numbers:
        given = numbers.carried(volume.axial.back(parts), organ.box)
        parts = given.astype(parts.dtype)[parts]
    surface = Surface(organ) if liver_known and count else None
    seen = None if probabilities is None else volume.axial.of(probabilities)[organ.near]
    boxes = enumerate(ndimage.find_objects(parts), start=1)
    found = [
        measure_lesion(number, parts[box] == number, box, organ, surface, None if seen is None else seen[box])
        for number, box in boxes
        if box
    ]
    return collect_measures(organ, parts, found, liver_known=liver_known, region=region)


def collect_measures(
    organ: Organ | None, parts: NDArray[np.integer], lesions: Sequence[Lesion], *, liver_known: bool, region: bool
) -> LesionTable:
    """The table of measured lesions.

    Args:
        organ: liver and lesions; None where there is nothing of either.
        parts: number of the lesion that each of its voxels belongs to, 0 elsewhere, ``[slice, row, column]``.
        lesions: by their numbers.
        liver_known: whether the liver is known.
        region: as of :func:`measure_lesions`.
    """
    if organ is None:
        return LesionTable(0.0, 0.0, 0.0, ()) if liver_known else LesionTable(None, 0.0, None, ())
    affected = int(np.count_nonzero(parts))
    liver_ml = organ.size * organ.voxel_ml if liver_known else None
    doubts = tuple(describe_anatomy(organ.labels, parts, organ.voxel_ml, ends=organ.ends, region=region))
    return LesionTable(liver_ml, affected * organ.voxel_ml, organ.share(affected), tuple(lesions), doubts)


def number_lesions(
    labels: NDArray[np.uint8], volume: Volume, table: LesionTable | None = None
) -> NDArray[np.unsignedinteger]:
    """Labels with a value a lesion: 0 background, 1 liver, 1 + n for lesion n of :func:`measure_lesions`.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 2 lesion.
        volume: the CT.
        table: measures of these labels; without it lesions are numbered by size.
    """
    if not (labels == LESION_LABEL).any():
        return labels
    box = bounding_box(volume.axial.of(labels))
    parts, count = _lesions_by_size(volume.axial.of(labels)[box])
    if table:
        own, starts = volume.axial.back(parts), [side.start for side in volume.axial.array_box(box, labels.shape)]
        given = np.zeros(count + 1, parts.dtype)
        for lesion in table.lesions:
            given[own[tuple(np.subtract(lesion.inside_voxel[::-1], starts))]] = lesion.number
        parts = given[parts]
    numbered = labels.astype(np.min_scalar_type(int(parts.max()) + 1))
    near = volume.axial.of(numbered)[box]
    near[parts > 0] = parts[parts > 0] + 1
    return numbered


def _lesions_by_size(seen: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Parts, 1 the largest, and how many they are."""
    lesions, numbered = seen == LESION_LABEL, np.zeros(seen.shape, np.int32)
    if not lesions.any():
        return numbered, 0
    box = bounding_box(lesions)
    parts, count = ndimage.label(lesions[box])
    order = np.argsort(-component_sizes(parts, count)[1:], kind="stable")
    numbers = np.zeros(count + 1, np.int32)
    numbers[order + 1] = np.arange(1, count + 1)
    numbered[box] = numbers[parts]
    return numbered, count
