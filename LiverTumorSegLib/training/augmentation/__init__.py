"""Random changes to batches of slices and labels together, drawn on the CPU and applied on whatever device."""

from __future__ import annotations

from .device_lesions import BlobRounds, paint_rounds
from .intensity import Intensities, change_intensities, draw_intensities
from .options import SETS, Augmentation, NamedAugmentation
from .patches import PatchPlacement, cut_patches, draw_patches
from .sending import send_together
from .spatial import SquarePlacement, cut_squares, draw_placement
from .synthetic_lesions import Blob, draw_blobs, paint_lesions

__all__ = [
    "SETS",
    "Augmentation",
    "Blob",
    "BlobRounds",
    "Intensities",
    "NamedAugmentation",
    "PatchPlacement",
    "SquarePlacement",
    "change_intensities",
    "cut_patches",
    "cut_squares",
    "draw_blobs",
    "draw_intensities",
    "draw_patches",
    "draw_placement",
    "paint_lesions",
    "paint_rounds",
    "send_together",
]
