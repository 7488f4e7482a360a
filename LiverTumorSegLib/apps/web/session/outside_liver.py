"""The part of a new lesion that would lie outside the liver: how much it is, and whether it looks like liver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
import slicer
from numpy.typing import NDArray

from ...panel.mrml_volumes import ijk_to_local
from .edited_segments import Box, CorrectedSegments

_USUAL = (1, 99)
"""Percentiles of the liver's voxels, between which a part's mean is taken to be like it."""

_MOST_LOOKED_AT = 1 << 20
_LEAST_ML = 0.1


class Outside(Enum):
    """What becomes of a stroke or a click that goes beyond the liver."""

    WITHIN = "within"
    ADD = "add"
    NOTHING = "nothing"


@dataclass(frozen=True)
class OutsidePart:
    """What was painted, or found by clicks, outside the liver.

    Args:
        ml: its volume.
        mean_hu: of its voxels.
        liver_hu: the lowest and highest of the liver without its lesions, but for one voxel in a hundred at either end.
    """

    ml: float
    mean_hu: float
    liver_hu: tuple[float, float]

    @property
    def is_unlike_liver(self) -> bool:
        """Whether it is most likely something else."""
        low, high = self.liver_hu
        return not low <= self.mean_hu <= high

    @property
    def in_words(self) -> str:
        """What to know before it is added, a sentence or two."""
        low, high = self.liver_hu
        amount = f"less than {_LEAST_ML} ml" if self.ml < _LEAST_ML else f"{self.ml:.1f} ml"
        said = f"{amount[:1].upper()}{amount[1:]} of this lesion would lie outside the liver"
        if not self.is_unlike_liver:
            return f"{said}, where the CT has {self.mean_hu:.0f} HU, as in the liver ({low:.0f} to {high:.0f} HU)."
        return (
            f"{said}. The CT has {self.mean_hu:.0f} HU there, unlike the liver ({low:.0f} to {high:.0f} HU): it may be "
            "fat, bowel or chest wall."
        )


AskOutside: TypeAlias = Callable[[OutsidePart, Callable[[Outside], None]], None]
"""Asks what becomes of such a part, and does it."""


def outside_part(segments: CorrectedSegments, box: Box, mask: NDArray[np.bool_]) -> OutsidePart | None:
    """The part of a stroke or a clicked lesion that would become lesion outside the liver.

    Args:
        segments: the result as it is.
        box: of the CT's ``[k, j, i]``.
        mask: the voxels of the box that are to be lesion.

    Returns:
        None where there is none, or no liver is known.
    """
    before, voxels = segments.labels_of_box(box), slicer.util.arrayFromVolume(segments.nodes.volume)
    outside = mask & ~before.organ & (before.lesion == 0)
    if not outside.any() or not segments.has_liver:
        return None
    voxel_ml = abs(np.linalg.det(ijk_to_local(segments.nodes.volume)[:3, :3])) / 1000
    liver = _thinned(segments.liver_alone(voxels))
    if not len(liver):
        return None
    low, high = np.percentile(liver, _USUAL)
    ml = float(np.count_nonzero(outside) * voxel_ml)
    return OutsidePart(ml, float(voxels[box][outside].mean()), (float(low), float(high)))


def _thinned(values: NDArray) -> NDArray:
    return values[:: max(1, len(values) // _MOST_LOOKED_AT)]
