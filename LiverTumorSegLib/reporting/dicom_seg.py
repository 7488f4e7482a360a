"""The DICOM Segmentation (PS3.3, section A.51): of the liver, of each lesion or all, and of what else is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

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
from . import dicom_common, dicom_layers, source_frames
from .dicom_common import UidMaker
from .lesion_origins import AUTOMATIC, LesionOrigin, common_origin
from .lesions import LesionTable, number_lesions
from .other_structures import layers_of

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
        model: which found it.
        lesion: number of the one lesion that it is, None for any other.
        origin: of its lesions; None for any other, and where it is not known.
        layer: number, from 1, of the model of other structures that it is of; 0 for liver and lesions.
    """

    number: int
    segment: Segment
    name: str
    description: str
    model: Description
    lesion: int | None = None
    origin: LesionOrigin | None = None
    layer: int = 0

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
    """The segments in order: the liver, where any was found, then lesions by their numbers, then other structures.

    Where nothing was found there is one, which is empty: of the liver, or of lesions for a model that looks for
    nothing else.
    """
    others = list(_other_segments(segmentation))
    parts = () if others and not segmentation.labels.any() else _own_segments(segmentation, table, lesion_segments)
    return (*parts, *(replace(part, number=number) for number, part in enumerate(others, start=1 + len(parts))))


def _other_segments(segmentation: Segmentation) -> Iterator[DicomSegment]:
    """A segment for each other structure that was found, not numbered yet."""
    found = zip(layers_of(segmentation), segmentation.others, strict=True)
    for layer, (labels, other) in enumerate(found, start=1):
        marked = set(np.flatnonzero(np.bincount(labels.labels.ravel(), minlength=256)).tolist())
        for segment in labels.segments:
            if segment.label in marked:
                name = f"{segment.name[:1].upper()}{segment.name[1:]}"
                yield DicomSegment(0, segment, name[:64], segment.kind[1], other.model, layer=layer)


def _own_segments(segmentation: Segmentation, table: LesionTable, lesion_segments: str) -> tuple[DicomSegment, ...]:
    """Those of liver and lesions."""
    has_liver = bool((segmentation.labels == LIVER.label).any())
    if not has_liver and not table.lesions:
        has_liver = "liver" in segmentation.marks
    whose = segmentation.liver_model or segmentation.model
    liver = (DicomSegment(1, LIVER, "Liver", "Liver without its lesions", whose),) if has_liver else ()
    if has_liver and not table.lesions:
        return liver
    return (*liver, *_lesion_segments(segmentation.model, table, lesion_segments, 1 + len(liver)))


def segment_pixels(
    segmentation: Segmentation, table: LesionTable, found: tuple[DicomSegment, ...]
) -> NDArray[np.unsignedinteger]:
    """``[k, j, i]``: 0 and the number of the segment of liver or lesions that a voxel is in."""
    labels = segmentation.labels
    if any(part.lesion for part in found):
        numbered = number_lesions(labels, segmentation.volume, table)
        segments = np.zeros(int(numbered.max()) + 1, np.min_scalar_type(len(found)))
        for part in found:
            if not part.layer:
                segments[LIVER.label + (part.lesion or 0)] = part.number
        return segments[numbered]
    return labels if found[0].segment is LIVER else labels - (labels > 0).astype(labels.dtype)


def layer_pixels(segmentation: Segmentation, found: Sequence[DicomSegment]) -> Iterator[NDArray[np.uint16]]:
    """The same for the other structures of each model that found any."""
    for layer in sorted({part.layer for part in found} - {0}):
        numbers = np.zeros(256, np.uint16)
        for part in found:
            if part.layer == layer:
                numbers[part.segment.label] = part.number
        yield numbers[segmentation.others[layer - 1].labels]


def _lesion_segments(
    model: Description, table: LesionTable, lesion_segments: str, first: int
) -> Iterator[DicomSegment]:
    if not table.lesions or not is_split_by_lesion(table, lesion_segments):
        origin = common_origin(lesion.origin for lesion in table.lesions)
        yield DicomSegment(first, LESION, "Lesions", "All lesions of the liver", model, origin=origin)
        return
    for number, lesion in enumerate(table.lesions, start=first):
        name = f"Lesion {lesion.number}"
        yield DicomSegment(number, LESION, name, f"{name} of the liver", model, lesion.number, lesion.origin)


SERIES_NUMBER = 9001


def make_segmentation(
    images: Sequence[Dataset],
    pixels: Sequence[NDArray[np.unsignedinteger]],
    parts: Sequence[DicomSegment],
    model: Description,
    uids: UidMaker,
) -> highdicom.seg.Segmentation:
    """Make the object; every frame lies where the image does that it is of, also with gantry tilt.

    Args:
        images: the source, see :func:`.dicom_common.read_source_images`.
        pixels: ``[k, j, i]`` each: 0 and the number of the segment that a voxel is in; those of several overlap.
        parts: the segments.
        model: the main one of those that found them.
        uids: of all that is made.
    """
    slices = _turned_alike(source_frames.as_single_images(images))
    made, *others = (_one_layer(slices, layer, parts, model, uids) for layer in pixels)
    if others:
        dicom_layers.join(made, others)
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = uids("dimensions")
    source_frames.restore_references(made, images)
    return made


def _turned_alike(images: Sequence[Dataset]) -> list[Dataset]:
    """Images with the orientation of the first: highdicom refuses those that differ by rounding, as readers do not."""
    stated, alike = images[0].ImageOrientationPatient, []
    for image in images:
        if image.ImageOrientationPatient != stated:
            image = deepcopy(image)
            image.ImageOrientationPatient = stated
        alike.append(image)
    return alike


def _one_layer(
    images: Sequence[Dataset],
    pixels: NDArray[np.unsignedinteger],
    parts: Sequence[DicomSegment],
    model: Description,
    uids: UidMaker,
) -> highdicom.seg.Segmentation:
    made = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=list(_descriptions(parts, uids)),
        series_instance_uid=uids("segmentation series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uids("segmentation"),
        content_label="LIVER_LESIONS",
        content_description=dicom_common.NOTICE,
        **dicom_common.equipment(model),
    )
    made.ContentCreatorName = ""  # no person, but it has to be there
    return made


def _descriptions(parts: Sequence[DicomSegment], uids: UidMaker) -> Iterator[SegmentDescription]:
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
            algorithm_identification=None if by_hand else dicom_common.algorithm(part.model, part.origin),
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
