"""Slices of an enhanced CT as images of their own, and references to them: to the one image, with the frame's number.

highdicom takes a multi-frame image whole, in the order of its frames, or single images. Objects are therefore made of
single images, and what they refer to is put right afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from ..io.dicom_functional_groups import PER_FRAME, SHARED, FunctionalGroups

FRAME, FRAMES = "ReferencedFrameNumber", "NumberOfFrames"
"""What a slice of an enhanced CT has beside what single images state: its own number, and how many there are."""

_PLACE = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
}
_REPLACED = ("SOPClassUID", "SOPInstanceUID", FRAME, FRAMES)
_OF_FRAMES = (SHARED, PER_FRAME, "DimensionIndexSequence", "DimensionOrganizationSequence")


class EnhancedSource:
    """An enhanced CT whose frames are asked for one by one.

    Args:
        dataset: all that it states before its pixels; the functional groups are taken from it.
    """

    def __init__(self, dataset: Dataset) -> None:
        groups = FunctionalGroups(dataset)
        self._places = {name: list(groups.values(sequence, name)) for name, sequence in _PLACE.items()}
        for name in _OF_FRAMES:
            dataset.pop(name, None)
        self._dataset = dataset

    def slice(self, frame: int) -> Dataset:
        """What a frame states, in the words of a single image.

        Args:
            frame: its number, from 1.
        """
        made = Dataset()
        made.update(self._dataset)  # elements that both have are not to be changed, but replaced
        for name, values in self._places.items():
            made.pop(name, None)
            if values[frame - 1] is not None:
                setattr(made, name, values[frame - 1])
        made.pop(FRAME, None)
        setattr(made, FRAME, frame)
        return made


def slice_identity(image: Dataset) -> str:
    """What tells a slice from all others: the UID of its image, with the number of its frame where that has several."""
    return _identity(image.SOPInstanceUID, _frame(image))


def referenced_slice(reference: Dataset) -> str:
    """The :func:`slice_identity` of what is referred to; its first frame, where it names several."""
    frames = reference.get("ReferencedFrameNumber")
    numbers = [frames] if isinstance(frames, int) else list(frames or ())
    return _identity(reference.ReferencedSOPInstanceUID, int(numbers[0]) if numbers else 0)


def frame_numbers(image: Dataset) -> list[int] | None:
    """The frame that a reference to a slice has to name; None for a single image."""
    frame = _frame(image)
    return [frame] if frame else None


def reference(image: Dataset) -> Dataset:
    """A reference to a slice (Image SOP Instance Reference Macro, PS3.3, table 10-3)."""
    return _reference(image, frame_numbers(image) or [])


def references(images: Sequence[Dataset]) -> list[Dataset]:
    """References to the images that slices are of, each once, with the frames where these are not all."""
    of_images: dict[str, list[Dataset]] = {}
    for image in images:
        of_images.setdefault(str(image.SOPInstanceUID), []).append(image)
    return [_reference(slices[0], _some(slices)) for slices in of_images.values()]


def as_single_images(images: Sequence[Dataset]) -> list[Dataset]:
    """Slices as highdicom takes them: those of an enhanced CT as CT images with UIDs that stand for their index ``k``.

    :func:`restore_references` puts the true ones into what is made of them.
    """
    if not any(map(_frame, images)):
        return list(images)
    made = []
    for k, image in enumerate(images):
        single = Dataset()
        single.update({element.tag: element for element in image if element.keyword not in _REPLACED})
        single.SOPClassUID, single.SOPInstanceUID = CTImageStorage, _stand_in(k)
        made.append(single)
    return made


def restore_references(made: Dataset, images: Sequence[Dataset]) -> None:
    """Refer to the true images of slices in a Segmentation that was made of :func:`as_single_images`, in place."""
    if not any(map(_frame, images)):
        return
    made.SourceImageSequence = references(images)
    for series in made.ReferencedSeriesSequence:
        series.ReferencedInstanceSequence = [_reference(slices, []) for slices in _distinct(images)]
    known = {_stand_in(k): image for k, image in enumerate(images)}
    for item in {id(item): item for item in _sources(made)}.values():  # frames of several segments share theirs
        true = reference(known[str(item.ReferencedSOPInstanceUID)])
        item.update({element.tag: element for element in true})


def _sources(made: Dataset) -> Iterator[Dataset]:
    """The references of frames to what they are derived from (PS3.3, section C.7.6.16.2.6)."""
    for groups in (*made.get(SHARED, ()), *made.get(PER_FRAME, ())):
        for derivation in groups.get("DerivationImageSequence", ()):
            yield from derivation.get("SourceImageSequence", ())


def _stand_in(k: int) -> str:
    return f"1.2.{k}"


def _identity(uid: str, frame: int) -> str:
    return f"{uid} {frame}" if frame else str(uid)


def _frame(image: Dataset) -> int:
    return int(image.get(FRAME) or 0)


def _some(slices: Sequence[Dataset]) -> list[int]:
    """The frames of one image, in order; none where they are all that it has."""
    frames = sorted(filter(None, map(_frame, slices)))
    return [] if len(frames) == int(slices[0].get(FRAMES) or 0) else frames


def _distinct(images: Iterable[Dataset]) -> list[Dataset]:
    return list({str(image.SOPInstanceUID): image for image in images}.values())


def _reference(image: Dataset, frames: Sequence[int]) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    if frames:
        made.ReferencedFrameNumber = list(frames)
    return made
