"""The DICOM Segmentation (PS3.3, section A.51): a segment for the liver, and for each lesion or for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import highdicom
import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ..core.labels import LESION, LIVER, Segment
from ..inference.segment import Segmentation
from ..models.description import Description
from . import dicom_common
from .dicom_common import UidMaker
from .lesion_origins import AUTOMATIC, LesionOrigin, common_origin
from .lesions import LesionTable, number_lesions

EACH_LESION, ALL_LESIONS = "each", "all"
MOST_LESIONS = 500
"""Lesions that objects list: of more, which no reader can use, all are one segment and the largest are measured."""


@dataclass(frozen=True)
class DicomSegment:
    """A segment.

    Args:
        number: from 1.
        segment: what it shows.
        name: shown to users.
        description: a sentence's worth.
        lesion: number of the one lesion that it is, None for any other.
        origin: of its lesions; None for the liver, and where it is not known.
    """

    number: int
    segment: Segment
    name: str
    description: str
    lesion: int | None = None
    origin: LesionOrigin | None = None

    @property
    def algorithm_type(self) -> SegmentAlgorithmTypeValues:
        """Segment Algorithm Type (PS3.3, section C.8.20.2): by a model alone, with a user's help, or by hand alone."""
        if self.origin in (None, AUTOMATIC):
            return SegmentAlgorithmTypeValues.AUTOMATIC
        by_hand = self.origin is not None and self.origin.painted
        return SegmentAlgorithmTypeValues.MANUAL if by_hand else SegmentAlgorithmTypeValues.SEMIAUTOMATIC


def is_split_by_lesion(table: LesionTable, lesion_segments: str) -> bool:
    """Whether each lesion is a segment of its own."""
    return lesion_segments == EACH_LESION and len(table.lesions) <= MOST_LESIONS


def segment_remarks(table: LesionTable) -> tuple[str, ...]:
    """Sentences that users should read of objects of these measures."""
    count = len(table.lesions)
    if count <= MOST_LESIONS:
        return ()
    return (
        f"The DICOM objects have one segment for all {count} lesions and measures of the largest {MOST_LESIONS} alone.",
    )


def list_segments(segmentation: Segmentation, table: LesionTable, lesion_segments: str) -> tuple[DicomSegment, ...]:
    """The segments in order: the liver, where any was found, then lesions, the largest first.

    Where nothing was found there is one, which is empty: of the liver, or of lesions for a model that looks for
    nothing else.
    """
    has_liver = bool((segmentation.labels == LIVER.label).any())
    if not has_liver and not table.lesions:
        has_liver = "liver" in segmentation.marks
    liver = (DicomSegment(1, LIVER, "Liver", "Liver without its lesions"),) if has_liver else ()
    if has_liver and not table.lesions:
        return liver
    return (*liver, *_lesion_segments(table, lesion_segments, 1 + len(liver)))


def segment_pixels(segmentation: Segmentation, found: tuple[DicomSegment, ...]) -> NDArray[np.unsignedinteger]:
    """``[k, j, i]``: 0 and the number of the segment that a voxel is in."""
    labels = segmentation.labels
    if any(part.lesion for part in found):
        labels = number_lesions(labels, segmentation.volume)
    return labels if found[0].segment is LIVER else labels - (labels > 0).astype(labels.dtype)


def _lesion_segments(table: LesionTable, lesion_segments: str, first: int) -> Iterator[DicomSegment]:
    if not table.lesions or not is_split_by_lesion(table, lesion_segments):
        origin = common_origin(lesion.origin for lesion in table.lesions)
        yield DicomSegment(first, LESION, "Lesions", "All lesions of the liver", origin=origin)
        return
    for number, lesion in enumerate(table.lesions, start=first):
        name = f"Lesion {lesion.number}"
        yield DicomSegment(number, LESION, name, f"{name} of the liver", lesion.number, lesion.origin)


SERIES_NUMBER = 9001


def make_segmentation(
    images: Sequence[Dataset],
    pixels: NDArray[np.unsignedinteger],
    parts: Sequence[DicomSegment],
    model: Description,
    uids: UidMaker,
) -> highdicom.seg.Segmentation:
    """Make the object; every frame lies where the image does that it is of, also with gantry tilt.

    Args:
        images: the source, see :func:`.dicom_common.read_source_images`.
        pixels: ``[k, j, i]``: 0 and the number of the segment that a voxel is in.
        parts: the segments.
        model: what found them.
        uids: of all that is made.
    """
    made = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=list(_descriptions(parts, model, uids)),
        series_instance_uid=uids("segmentation series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uids("segmentation"),
        content_label="LIVER_LESIONS",
        content_description=dicom_common.NOTICE,
        **dicom_common.equipment(model),
    )
    made.ContentCreatorName = ""  # no person, but it has to be there
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = uids("dimensions")
    return made


def _descriptions(parts: Sequence[DicomSegment], model: Description, uids: UidMaker) -> Iterator[SegmentDescription]:
    for part in parts:
        shown = part.segment
        name = part.name if part.lesion else None
        by_hand = part.algorithm_type is SegmentAlgorithmTypeValues.MANUAL  # which names no algorithm
        described = SegmentDescription(
            segment_number=part.number,
            segment_label=part.name,
            segmented_property_category=snomed_code(shown.category),
            segmented_property_type=snomed_code(shown.kind),
            algorithm_type=part.algorithm_type,
            algorithm_identification=None if by_hand else dicom_common.algorithm(model, part.origin),
            tracking_id=name,
            tracking_uid=uids(name) if name else None,
            anatomic_regions=[snomed_code(shown.region)] if shown.region else None,
            display_color=CIELabColor.from_rgb(*shown.rgb),
        )
        described.SegmentDescription = part.description
        yield described


def snomed_code(term: tuple[str, str]) -> Code:
    """A term of SNOMED CT."""
    value, meaning = term
    return Code(value, "SCT", meaning)
