"""Random changes to batches of slices and labels together, drawn on the CPU and applied on whatever device."""

from __future__ import annotations

from .intensity import Intensities, change_intensities, draw_intensities
from .ranges import SETS, Augmentation, NamedAugmentation
from .spatial import Placement, cut, draw_placement

__all__ = [
    "SETS",
    "Augmentation",
    "Intensities",
    "NamedAugmentation",
    "Placement",
    "change_intensities",
    "cut",
    "draw_intensities",
    "draw_placement",
]
