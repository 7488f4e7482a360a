"""Enhanced CTs made of single slices: by highdicom's converter, and by hand in ways that it does not make."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from support.dicom_slices import Slices

_OF_SLICE = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"),
    *("SOPInstanceUID", "SOPClassUID", "InstanceNumber", "SliceThickness", "PixelData", "NumberOfFrames"),
)

Change = Callable[[Dataset], object]


def legacy(slices: Slices, **options: object) -> Dataset:
    """A Legacy Converted Enhanced CT."""
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LegacyConvertedEnhancedCTImage(slices, "1.2.31", 5, "1.2.31.1", 1, **options)


def enhanced(slices: Slices, stacks: Sequence[str] = (), uid: str = "1.2.32", number: int = 1) -> Dataset:
    """An Enhanced CT whose frames are slices in this order, each with all of its functional groups.

    Args:
        slices: may be of any order.
        stacks: the name of each one's stack; none where there are no names.
        uid: of the series.
        number: of the image in it.
    """
    first = slices[0]
    one = deepcopy(first)
    for name in _OF_SLICE:
        one.pop(name, None)
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{number}"
    one.SeriesInstanceUID, one.InstanceNumber, one.NumberOfFrames = uid, number, len(slices)
    one.SharedFunctionalGroupsSequence = [Dataset()]
    names = list(stacks) or [""] * len(slices)
    one.PerFrameFunctionalGroupsSequence = [
        _groups(each, place, name) for place, (each, name) in enumerate(zip(slices, names, strict=True), 1)
    ]
    one.PixelData = b"".join(each.PixelData for each in slices)
    return one


def write(one: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    one.save_as(path, enforce_file_format=True)
    return path


def groups(one: Dataset) -> Sequence[Dataset]:
    """The functional groups of each frame."""
    return one.PerFrameFunctionalGroupsSequence


def share(one: Dataset, *sequences: str) -> None:
    """State functional groups once for all frames."""
    for name in sequences:
        one.SharedFunctionalGroupsSequence[0][name] = groups(one)[0][name]
        for frame in groups(one):
            del frame[name]


def _groups(one: Dataset, place: int, stack: str) -> Dataset:
    frame = Dataset()
    frame.CTImageFrameTypeSequence = [_item(FrameType=[*one.ImageType[:2], "VOLUME", "NONE"])]
    frame.FrameContentSequence = [_item(InStackPositionNumber=place, **({"StackID": stack} if stack else {}))]
    frame.PlanePositionSequence = [_item(ImagePositionPatient=one.ImagePositionPatient)]
    frame.PlaneOrientationSequence = [_item(ImageOrientationPatient=one.ImageOrientationPatient)]
    frame.PixelMeasuresSequence = [_item(PixelSpacing=one.PixelSpacing, SliceThickness=5)]
    frame.PixelValueTransformationSequence = [
        _item(RescaleSlope=one.RescaleSlope, RescaleIntercept=one.RescaleIntercept, RescaleType="HU")
    ]
    return frame


def _item(**elements: object) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made
