"""The DICOM Segmentation (PS3.3, section A.51): a segment for the liver, and for each lesion or for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import highdicom
import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ..description import Description
from . import maker
from .parts import Part
from .uids import Uids

SERIES_NUMBER = 9001


def make(
    images: Sequence[Dataset],
    pixels: NDArray[np.unsignedinteger],
    parts: Sequence[Part],
    model: Description,
    uids: Uids,
) -> highdicom.seg.Segmentation:
    """Make the object; every frame lies where the image does that it is of, also with gantry tilt.

    Args:
        images: the source, see :func:`.source.read`.
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
        content_description=maker.NOTICE,
        **maker.equipment(model),
    )
    made.ContentCreatorName = ""  # no person, but it has to be there
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = uids("dimensions")
    return made


def _descriptions(parts: Sequence[Part], model: Description, uids: Uids) -> Iterator[SegmentDescription]:
    algorithm = maker.algorithm(model)
    for part in parts:
        shown = part.segment
        name = part.name if part.lesion else None
        described = SegmentDescription(
            segment_number=part.number,
            segment_label=part.name,
            segmented_property_category=code(shown.category),
            segmented_property_type=code(shown.kind),
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_id=name,
            tracking_uid=uids(name) if name else None,
            anatomic_regions=[code(shown.region)] if shown.region else None,
            display_color=CIELabColor.from_rgb(*shown.rgb),
        )
        described.SegmentDescription = part.description
        yield described


def code(term: tuple[str, str]) -> Code:
    """A term of SNOMED CT."""
    value, meaning = term
    return Code(value, "SCT", meaning)
