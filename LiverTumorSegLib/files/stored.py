"""What a file holds, before its numbers become Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TOO_LARGE = "{} takes more memory than there is: crop it, or close other programs."
UNPLACED = "The file does not say how the patient lies; left, right, front and back may be mistaken."


@dataclass(frozen=True)
class Stored:
    """One number a voxel, and its place.

    Args:
        values: ``[k, j, i]`` of any real type.
        affine: 4x4, from voxel ``(i, j, k, 1)`` to the patient in mm, RAS.
        slope: what the values are multiplied by to give HU.
        intercept: what is then added.
        warnings: what is suspicious about the file, a sentence each.
        images: files of a DICOM series, one for each index ``k``; none of other files.
        omits_empty: whether slices without a label are left out at both ends, so that the grid may be a part of the
            image's, as in DICOM segmentations.
    """

    values: NDArray
    affine: NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0
    warnings: tuple[str, ...] = ()
    images: tuple[Path, ...] = ()
    omits_empty: bool = False
