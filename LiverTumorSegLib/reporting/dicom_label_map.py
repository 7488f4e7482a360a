"""A DICOM Segmentation as a label map (PS3.3, section A.51): a frame for each slice, and not for each segment.

Made of the binary object, so that whoever sends one may decide when a receiver has said what it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy, deepcopy
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import RLELossless

from ..io.dicom_seg_frames import read_planes
from .dicom_common import UidMaker, without_validation
from .run_lengths import encode_frame

LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage (PS3.4, table B.5-1)."""

_LEFT_OUT = ("PixelData", "PerFrameFunctionalGroupsSequence")
_SEGMENT_NUMBER = 0x0062000B
_MOST_OF_A_BYTE = 255


def as_label_map(segmentation: Dataset, report: Dataset) -> tuple[FileDataset, Dataset] | None:
    """A label map in RLE Lossless of a binary segmentation, and the report on it.

    Both have UIDs of their own, which follow from those of the given objects: an archive holds them once.

    Args:
        segmentation: binary, with a segment a frame; it stays as it is.
        report: that refers to it; changed in place.

    Returns:
        Both objects; None where segments overlap, which a label map cannot hold: then nothing is changed.
    """
    with without_validation():
        places, positions = _places(segmentation)
        planes = _planes(segmentation, positions, len(places))
        if planes is None:
            return None
        made = _copy(segmentation)
        _describe(made, planes)
        made.PerFrameFunctionalGroupsSequence = DicomSequence(
            [
                _frame(segmentation.PerFrameFunctionalGroupsSequence[first], index + 1)
                for index, first in enumerate(places)
            ]
        )
        made.PixelData = encapsulate([encode_frame(plane) for plane in planes])
        made["PixelData"].VR = "OB"
        made["PixelData"].is_undefined_length = True
        _refer_anew(report, segmentation.SOPInstanceUID, made.SOPInstanceUID)
        report.SOPInstanceUID = _other_uid(report)
        report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    return made, report


def _places(segmentation: Dataset) -> tuple[list[int], list[int]]:
    """The first frame of each slice in their order, and the slice of each frame."""
    frames = segmentation.PerFrameFunctionalGroupsSequence
    numbers = [int(frame.FrameContentSequence[0].DimensionIndexValues[-1]) for frame in frames]
    ordered = sorted(set(numbers))
    index = {number: at for at, number in enumerate(ordered)}
    return [numbers.index(number) for number in ordered], [index[number] for number in numbers]


def _planes(
    segmentation: Dataset, positions: Sequence[int], count: int
) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    """``[slice, row, column]``: 0 and the number of the segment; None where two have one voxel."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    stated = [_segment(frame) or _segment(shared) for frame in segmentation.PerFrameFunctionalGroupsSequence]
    segments = [number or 1 for number in stated]
    kind = np.uint8 if max(segments) <= _MOST_OF_A_BYTE else np.uint16
    made = np.zeros((count, segmentation.Rows, segmentation.Columns), kind)
    frames = read_planes(segmentation, len(segments), Path("segmentation"))
    for plane, at, segment in zip(frames, positions, segments, strict=True):
        if made[at][plane].any():
            return None
        made[at][plane] = segment
    return made


def _segment(groups: Dataset) -> int:
    """Number of the segment that functional groups name; 0 where they name none."""
    named = groups.get("SegmentIdentificationSequence")
    return int(named[0].ReferencedSegmentNumber) if named else 0


def _copy(segmentation: Dataset) -> FileDataset:
    """The object without its frames, under a UID of its own."""
    meta = deepcopy(segmentation.file_meta)
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False)
    for element in segmentation:
        if element.keyword not in _LEFT_OUT:
            made.add(copy(element))  # as setting a value changes the element
    made.SOPClassUID = meta.MediaStorageSOPClassUID = LABEL_MAP_STORAGE
    made.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = _other_uid(segmentation)
    meta.TransferSyntaxUID = RLELossless
    return made


def _describe(made: FileDataset, planes: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Say what the pixels are: numbers of segments, of which 0 is the background."""
    bits = planes.dtype.itemsize * 8
    made.SegmentationType, made.SegmentsOverlap, made.PixelPaddingValue = "LABELMAP", "NO", 0
    made.BitsAllocated, made.BitsStored, made.HighBit, made.NumberOfFrames = bits, bits, bits - 1, len(planes)
    made.SegmentSequence = DicomSequence([_background(made.SegmentSequence[0]), *made.SegmentSequence])
    shared = Dataset(made.SharedFunctionalGroupsSequence[0])
    shared.pop("SegmentIdentificationSequence", None)
    made.SharedFunctionalGroupsSequence = DicomSequence([shared])
    pointed = [item for item in made.DimensionIndexSequence if item.DimensionIndexPointer != _SEGMENT_NUMBER]
    made.DimensionIndexSequence = DicomSequence(pointed)


def _background(first: Dataset) -> Dataset:
    """Segment 0, which has no algorithm of its own."""
    made, term = Dataset(), Dataset()
    term.CodeValue, term.CodingSchemeDesignator, term.CodeMeaning = "125040", "DCM", "Background"
    made.SegmentNumber, made.SegmentLabel = 0, "Background"
    made.SegmentedPropertyCategoryCodeSequence = DicomSequence([term])
    made.SegmentedPropertyTypeCodeSequence = DicomSequence([Dataset(term)])
    made.SegmentAlgorithmType = first.SegmentAlgorithmType
    if "SegmentAlgorithmName" in first:
        made.SegmentAlgorithmName = first.SegmentAlgorithmName
    made.RecommendedDisplayCIELabValue = [0, 0x8080, 0x8080]
    return made


def _frame(first: Dataset, number: int) -> Dataset:
    """Functional groups of a slice, by those of its first frame."""
    made = Dataset()
    for element in first:
        if element.keyword not in ("SegmentIdentificationSequence", "FrameContentSequence"):
            made.add(element)
    content = deepcopy(first.FrameContentSequence[0])
    content.DimensionIndexValues = [number]
    made.FrameContentSequence = DicomSequence([content])
    return made


def _refer_anew(found: Dataset, old: str, new: str) -> None:
    """Have every reference to an object, however deep, be one to a label map."""
    if found.get("ReferencedSOPInstanceUID") == old:
        found.ReferencedSOPInstanceUID, found.ReferencedSOPClassUID = new, LABEL_MAP_STORAGE
    for element in found:
        for item in element.value if element.VR == "SQ" else ():
            _refer_anew(item, old, new)


def _other_uid(found: Dataset) -> str:
    return UidMaker("label map")(str(found.SOPInstanceUID))
