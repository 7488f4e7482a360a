"""What is compared: the whole liver, the liver without its lesions, the lesions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..postprocessing import LESION, LIVER

LIVER_NAME, LIVER_ONLY, LESION_NAME = STRUCTURES = ("liver", "liver_only", "lesion")
"""Labels 1 and 2 together, as LiTS counts the liver; label 1 alone; label 2."""

_VALUES = {LIVER_NAME: (LIVER, LESION), LIVER_ONLY: (LIVER,), LESION_NAME: (LESION,)}


def values(structure: str) -> tuple[int, ...]:
    """Labels that make up a structure."""
    return _VALUES[structure]


def mask(labels: NDArray[np.uint8], structure: str) -> NDArray[np.bool_]:
    """Where a structure is, ``bool`` of the labels' shape."""
    if structure == LIVER_NAME:
        return labels != 0
    return labels == _VALUES[structure][0]
