"""Random changes to batches of slices and labels together, drawn on the CPU and applied on whatever device."""

from __future__ import annotations

from .intensity import Intensities, change_intensities, draw_intensities
from .patches import PatchPlacement, cut_patches, draw_patches
from .ranges import SETS, Augmentation, NamedAugmentation
from .spatial import Placement, cut, draw_placement
from .synthetic_lesions import Blob, draw_blobs, paint

__all__ = [
    "SETS",
    "Augmentation",
    "Blob",
    "Intensities",
    "NamedAugmentation",
    "PatchPlacement",
    "Placement",
    "change_intensities",
    "cut",
    "cut_patches",
    "draw_blobs",
    "draw_intensities",
    "draw_patches",
    "draw_placement",
    "paint",
]
