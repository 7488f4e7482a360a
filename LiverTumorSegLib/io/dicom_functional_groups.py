"""Functional groups of multi-frame DICOM images: what is stated once for all frames, or for each (PS3.3, C.7.6.16)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


class FunctionalGroups:
    """The functional groups of an image.

    Args:
        dataset: the image; its groups may be missing.
    """

    def __init__(self, dataset: Dataset) -> None:
        shared = dataset.get(SHARED) or ()
        self.shared: Dataset | None = shared[0] if shared else None
        self.frames: Sequence[Dataset] = dataset.get(PER_FRAME) or ()

    def values(self, sequence: str, keyword: str) -> Iterator[Any]:
        """An attribute's value for each frame; None where it is missing."""
        common = _value(self.shared, sequence, keyword)
        for frame in self.frames:
            own = _value(frame, sequence, keyword)
            yield common if own is None else own


def _value(groups: Dataset | None, sequence: str, keyword: str) -> Any:
    found = groups.get(sequence) if groups is not None else None
    return found[0].get(keyword) if found else None
