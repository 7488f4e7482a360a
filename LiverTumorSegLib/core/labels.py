"""Labels of liver and lesion, with names, colours and SNOMED CT terms; boxes, sizes and density of what is marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .volume import Box, Volume

_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGIONS = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Segment:
    """A label as it is shown, and its meaning.

    Args:
        label: value in the labels.
        name: shown to users.
        rgb: 0 to 255 each.
        category, kind, region: SNOMED CT code and meaning; ``region`` is empty where the kind says it all.
    """

    label: int
    name: str
    rgb: tuple[int, int, int]
    category: tuple[str, str]
    kind: tuple[str, str]
    region: tuple[str, str] | None = None

    @property
    def terminology(self) -> str:
        """The entry as Slicer writes it into the tag ``TerminologyEntry``."""
        region = _code(self.region) if self.region else "^^"
        return f"{_CONTEXT}~{_code(self.category)}~{_code(self.kind)}~^^~{_REGIONS}~{region}~^^"


LIVER = Segment(1, "liver", (221, 130, 101), ("123037004", "Anatomical Structure"), ("10200004", "Liver"))
LESION = Segment(
    2,
    "liver lesion",
    (144, 238, 144),
    ("49755003", "Morphologically Altered Structure"),
    ("4147007", "Mass"),
    ("10200004", "Liver"),
)
SEGMENTS = (LIVER, LESION)
LIVER_LABEL, LESION_LABEL = LIVER.label, LESION.label

FULL_PROBABILITY = 2**15
"""A probability of 1 in 16 bits: of a power of two, a float32 slope gives 0 and 1 back exactly."""

FULL_CONFIDENCE = 255
"""The same in 8 bits, for lesions."""


def bounding_box(labels: NDArray[np.uint8] | NDArray[np.bool_]) -> Box:
    """Smallest box, along each axis of ``[slice, row, column]``, that holds every voxel that is not 0."""
    box = [slice(None)] * 3
    for axis in range(3):
        near = labels[tuple(box)]  # what the axes before have left is all that has to be looked through
        shown = np.flatnonzero(near.any(axis=tuple(other for other in range(3) if other != axis)))
        box[axis] = slice(int(shown[0]), int(shown[-1]) + 1)
    k, j, i = box
    return k, j, i


def enclosing_box(boxes: Iterable[Box]) -> Box:
    """Smallest box that holds all of these, of which there is one at least."""
    k, j, i = (
        slice(min(side.start for side in sides), max(side.stop for side in sides)) for sides in zip(*boxes, strict=True)
    )
    return k, j, i


def relative_box(box: Sequence[slice], outer: Sequence[slice]) -> Box:
    """A box as one of the part of the array that another box holds."""
    k, j, i = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, outer, strict=True))
    return k, j, i


def absolute_box(box: Sequence[slice], outer: Sequence[slice]) -> Box:
    """A box of the part of an array that another box holds, as one of the array: inverse of :func:`relative_box`."""
    k, j, i = (slice(a.start + b.start, a.stop + b.start) for a, b in zip(box, outer, strict=True))
    return k, j, i


def widened_box(box: Box, shape: Sequence[int], by: Sequence[int] = (1, 1, 1)) -> Box:
    """A box with so many voxels more on each side, as far as the array goes.

    Args:
        box: of slices, rows and columns.
        shape: of the array.
        by: voxels along each axis.
    """
    sides = zip(box, shape, by, strict=True)
    k, j, i = (slice(max(0, side.start - more), min(size, side.stop + more)) for side, size, more in sides)
    return k, j, i


_MOST_LOOKED_AT = 1 << 24
"""Voxels of a CT that its liver's median is taken from at most; more change nothing, and take time at each click."""


def liver_median(volume: Volume, labels: NDArray[np.unsignedinteger]) -> float | None:
    """Median density of the liver without its lesions, of every n-th slice and row of a large CT.

    Args:
        volume: the CT.
        labels: ``[k, j, i]`` on its grid, 1 for the liver.

    Returns:
        HU; None where no liver is marked.
    """
    thinned = max(1, round((labels.size / _MOST_LOOKED_AT) ** 0.5))
    marked = volume.axial.of(labels)[::thinned, ::thinned] == LIVER_LABEL
    hounsfield = volume.axial.of(volume.voxels)[::thinned, ::thinned][marked]
    return float(np.median(hounsfield)) if len(hounsfield) else None


def component_sizes(parts: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Voxels of each of ``count`` parts, those of 0 first; by slice, since counting at once copies to 64 bits."""
    sizes = np.zeros(count + 1, np.intp)
    for plane in parts:
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    return sizes


def _code(term: tuple[str, str]) -> str:
    return f"SCT^{term[0]}^{term[1]}"
