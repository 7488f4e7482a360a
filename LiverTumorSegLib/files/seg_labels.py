"""The segments of a DICOM segmentation in one volume of labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..segments import LESION, LIVER
from .segment_words import said_by


class SegLabels:
    """Labels that frames are put into.

    Args:
        labels: zeros ``[k, j, i]`` of a type that holds every segment's number.
        names: of the segments.
        path: that an error names.
    """

    def __init__(self, labels: NDArray, names: Mapping[int, str], path: Path) -> None:
        self.labels = labels
        self._names, self._path = names, path
        self._overlap = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence about lesions that are marked as liver as well."""
        if not self._overlap:
            return ()
        return (f"Its segments of liver and lesions overlap in {self._overlap} voxels, which count as lesion.",)

    def put(self, planes: Iterable[NDArray[np.bool_]], slices: Iterable[int], segments: Iterable[int]) -> None:
        """Put in a frame after the other.

        Args:
            planes: ``[row, column]`` of each.
            slices: index k of each.
            segments: number of the segment of each.

        Raises:
            UserError: two overlap of which none is the liver and the other a lesion, and which are not both lesions.
        """
        for plane, k, segment in zip(planes, slices, segments, strict=True):
            label, own = self.labels[k], plane
            for other, count in zip(*np.unique(label[plane & (label != 0)], return_counts=True), strict=True):
                said, said_before = self._said(segment, int(other))
                self._overlap += int(count) * (said != said_before)
                if (said, said_before) != (LESION.label, LIVER.label):
                    own = own & (label != other)
            label[own] = segment

    def _said(self, *segments: int) -> list[int]:
        """Labels that the names of two segments that overlap tell."""
        said = [said_by(self._names.get(number, "")) for number in segments]
        if None in said:
            named = " and ".join(f"{self._names.get(number) or 'nameless'!a} ({number})" for number in segments[::-1])
            msg = f"{self._path} has segments that overlap, {named}: export it without overlaps."
            raise UserError(msg)
        return [label for label in said if label]
