"""How much lesions differ from the liver around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .segments import LIVER

_RING_MM = (2.0, 10.0)
_FEWEST = 20


def contrasts(
    parts: NDArray[np.int32],
    labels: NDArray[np.uint8],
    hounsfield: NDArray[np.int16],
    spacing: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Mean HU of each lesion less that of the liver around it.

    Around it is liver from 2 to 10 mm off: nearer, voxels show some of both, and a network's outline is not that exact.

    Args:
        parts: ``[slice, row, column]``: number of the lesion from 1, or 0.
        labels: of the same shape: 0 background, 1 liver, 2 lesion.
        hounsfield: the CT, of the same shape.
        spacing: millimetres between slices, rows and columns.

    Returns:
        By the lesion's number; infinite for 0, and where fewer than 20 voxels of liver are around it.
    """
    found = ndimage.find_objects(parts)
    differences = np.full(len(found) + 1, np.inf)
    for number, box in enumerate(found, start=1):
        wide = tuple(_widened(side, mm) for side, mm in zip(box, spacing, strict=True))
        lesion = parts[wide] == number
        away = ndimage.distance_transform_edt(~lesion, sampling=spacing)
        around = (labels[wide] == LIVER.label) & (away > _RING_MM[0]) & (away <= _RING_MM[1])
        if np.count_nonzero(around) >= _FEWEST:
            near = hounsfield[wide]
            differences[number] = near[lesion].mean(dtype=np.float64) - near[around].mean(dtype=np.float64)
    return differences


def _widened(side: slice, mm: float) -> slice:
    reach = int(np.ceil(_RING_MM[1] / mm))
    return slice(max(0, side.start - reach), side.stop + reach)
