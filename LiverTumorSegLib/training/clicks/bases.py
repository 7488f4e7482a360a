"""Outlines that a reader is given to improve: those of another model, or the lesion's own with smooth errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...inference.clicks.patches import Millimetres
from .painting import smooth_noise

_OFFSET_MM, _WAVES_MM = 1.5, 2.5
_OF_MODEL = 0.5
"""Share of outlines that are the other model's, where that has found the lesion."""


def outline_to_improve(
    mask: NDArray[np.bool_],
    automatic: NDArray[np.float32] | None,
    step_mm: Millimetres,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """A wrong outline of a lesion.

    Args:
        mask: bool ``[slice, row, column]``, the lesion.
        automatic: another model's probability; None where it is not known.
        step_mm: between voxels.
        random: source of random numbers.
    """
    found = None if automatic is None or random.random() >= _OF_MODEL else _touching(automatic > 0.5, mask)
    return _wavy(mask, step_mm, random) if found is None else found


def _touching(found: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The connected part that covers most of a lesion; None where none does."""
    parts, count = ndimage.label(found)
    shared = np.bincount(parts[mask], minlength=count + 1)
    shared[0] = 0
    return parts == shared.argmax() if shared.any() else None


def _wavy(mask: NDArray[np.bool_], step_mm: Millimetres, random: np.random.Generator) -> NDArray[np.bool_]:
    """Moved outwards or inwards by some millimetres, here more and there less."""
    edge = np.asarray(ndimage.distance_transform_edt(mask, step_mm) - ndimage.distance_transform_edt(~mask, step_mm))
    waves = smooth_noise(mask.shape, random) * random.uniform(0, _WAVES_MM)
    wrong: NDArray[np.bool_] = edge + waves + random.normal(0, _OFFSET_MM) > 0
    return wrong if wrong.any() else mask
