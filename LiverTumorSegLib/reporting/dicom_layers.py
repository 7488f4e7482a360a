"""DICOM Segmentations of one CT joined to one whose segments overlap: a label map a layer takes little memory.

An array with a plane for each segment, which highdicom takes for segments that overlap, would have a byte a voxel and
segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence


def join(first: Dataset, others: Sequence[Dataset]) -> None:
    """Put frames behind those of a binary segmentation, in place.

    Args:
        first: with the descriptions of all segments.
        others: of the same images, with the same descriptions and other segments' frames.
    """
    every = (first, *others)
    frames = [frame for each in every for frame in each.PerFrameFunctionalGroupsSequence]
    first.PixelData = _joined_bits(every)
    first.NumberOfFrames = len(frames)
    first.SegmentsOverlap = "UNDEFINED"
    _number_planes(frames, first)
    first.PerFrameFunctionalGroupsSequence = DicomSequence(frames)


def _joined_bits(objects: Sequence[Dataset]) -> bytes:
    """Pixels of all frames, a bit each, filled up to an even number of bytes (PS3.5, section 8.1.1)."""
    sizes = [int(each.NumberOfFrames) * each.Rows * each.Columns for each in objects]
    if all(size % 8 == 0 for size in sizes):
        packed = b"".join(each.PixelData[: size // 8] for each, size in zip(objects, sizes, strict=True))
    else:
        bits = [_bits(each.PixelData, size) for each, size in zip(objects, sizes, strict=True)]
        packed = np.packbits(np.concatenate(bits), bitorder="little").tobytes()
    return packed + b"\0" * (len(packed) % 2)


def _bits(packed: bytes, count: int) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count, bitorder="little")


def _number_planes(frames: Sequence[Any], first: Dataset) -> None:
    """Number the places of all frames anew, in the direction in which those of the first object are numbered."""
    orientation = first.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient
    normal = np.cross(*np.reshape(np.array(orientation, float), (2, 3)))
    places = [tuple(map(float, frame.PlanePositionSequence[0].ImagePositionPatient)) for frame in frames]
    ordered = sorted(set(places), key=lambda place: float(np.dot(normal, place)))
    own = len(first.PerFrameFunctionalGroupsSequence)
    said = [_indices(frame)[-1] for frame in frames[:own]]
    lowest, highest = (ordered.index(places[at(range(own), key=said.__getitem__)]) for at in (min, max))
    number = {place: index for index, place in enumerate(ordered if lowest <= highest else ordered[::-1], start=1)}
    for frame, place in zip(frames, places, strict=True):
        frame.FrameContentSequence[0].DimensionIndexValues = [*_indices(frame)[:-1], number[place]]


def _indices(frame: Any) -> list[int]:
    return [int(index) for index in frame.FrameContentSequence[0].DimensionIndexValues]
