"""The segments of a segmentation: which there are, and what each is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference import Segmentation
from ..lesions import LesionTable, numbered
from ..segments import LESION, LIVER, Segment

EACH, ALL = "each", "all"
MOST = 500
"""Lesions that objects list: of more, which no reader can use, all are one segment and the largest are measured."""


@dataclass(frozen=True)
class Part:
    """A segment.

    Args:
        number: from 1.
        segment: what it shows.
        name: shown to users.
        description: a sentence's worth.
        lesion: number of the one lesion that it is, None for any other.
    """

    number: int
    segment: Segment
    name: str
    description: str
    lesion: int | None = None


def split(table: LesionTable, lesion_segments: str) -> bool:
    """Whether each lesion is a segment of its own."""
    return lesion_segments == EACH and len(table.lesions) <= MOST


def remarks(table: LesionTable) -> tuple[str, ...]:
    """What users should know of objects of these measures, a sentence each."""
    count = len(table.lesions)
    if count <= MOST:
        return ()
    return (f"The DICOM objects have one segment for all {count} lesions and measures of the largest {MOST} alone.",)


def parts(segmentation: Segmentation, table: LesionTable, lesion_segments: str) -> tuple[Part, ...]:
    """The segments in order: the liver, where any was found, then lesions, the largest first.

    Where nothing was found there is one, which is empty: of the liver, or of lesions for a model that looks for
    nothing else.
    """
    has_liver = bool((segmentation.labels == LIVER.label).any())
    if not has_liver and not table.lesions:
        has_liver = "liver" in segmentation.model.labels
    liver = (Part(1, LIVER, "Liver", "Liver without its lesions"),) if has_liver else ()
    if has_liver and not table.lesions:
        return liver
    return (*liver, *_lesions(table, lesion_segments, 1 + len(liver)))


def pixels(segmentation: Segmentation, found: tuple[Part, ...]) -> NDArray[np.unsignedinteger]:
    """``[k, j, i]``: 0 and the number of the segment that a voxel is in."""
    labels = segmentation.labels
    if any(part.lesion for part in found):
        labels = numbered(labels, segmentation.volume)
    return labels if found[0].segment is LIVER else labels - (labels > 0).astype(labels.dtype)


def _lesions(table: LesionTable, lesion_segments: str, first: int) -> Iterator[Part]:
    if not table.lesions or not split(table, lesion_segments):
        yield Part(first, LESION, "Lesions", "All lesions of the liver")
        return
    for number, lesion in enumerate(table.lesions, start=first):
        name = f"Lesion {lesion.number}"
        yield Part(number, LESION, name, f"{name} of the liver", lesion.number)
