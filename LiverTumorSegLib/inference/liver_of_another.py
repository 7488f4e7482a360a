"""Lesions that one model found, in the liver that another found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import LESION_LABEL, LIVER_LABEL, bounding_box, widened_box
from ..core.volume import Volume
from ..postprocessing.cleaning import clean_labels
from ..postprocessing.lesion_choice import LesionChoice
from ..postprocessing.settings import Postprocessing
from .segment import Segmentation

VoxelBox = tuple[slice, slice, slice]
"""Of k, j and i."""

_TOUCHING = np.ones((3, 3, 3), bool)


def box_around(marked: NDArray[np.uint8] | NDArray[np.bool_], volume: Volume, margin_mm: float) -> VoxelBox:
    """The box of what is marked, as much wider as whole voxels fit into a margin, and nowhere beyond the CT.

    As TotalSegmentator crops to the liver (``cropping.py``, ``crop_to_mask``).

    Args:
        marked: ``[k, j, i]`` on the volume's grid, not 0 somewhere.
        volume: the CT.
        margin_mm: on each side.
    """
    return widened_box(bounding_box(marked), marked.shape, [int(margin_mm / mm) for mm in volume.spacing])


def lesions_in_liver(found: Segmentation, liver: Segmentation, steps: Postprocessing) -> Segmentation:
    """A segmentation with the liver of another one.

    Whatever the other marks is liver, its lesions too. Lesions are kept whole where they lie in it or touch it, and
    others are dropped, as :func:`LiverTumorSegLib.postprocessing.cleaning.clean_labels` does.

    Args:
        found: whose lesions are kept.
        liver: of the same volume, cleaned.
        steps: of the clean-up; which parts of the liver are kept is decided already.
    """
    volume = found.volume
    labels = np.where(found.labels == LESION_LABEL, LESION_LABEL, (liver.labels > 0).astype(np.uint8) * LIVER_LABEL)
    labels = labels.astype(np.uint8)
    clean_labels(volume.axial.of(labels), volume.voxel_ml, steps.model_copy(update={"largest_liver": False}))
    return replace(
        found,
        labels=labels,
        options=replace(found.options, postprocessing=steps),
        choice=found.choice and _choice_in(found.choice, labels, liver.labels > 0),
        probabilities=_probabilities(found, liver),
        liver_model=liver.model,
    )


def _choice_in(choice: LesionChoice, labels: NDArray[np.uint8], liver: NDArray[np.bool_]) -> LesionChoice:
    """Candidates in what is marked now; one that is no lesion is liver where it touches that."""
    kept = choice.inside(labels > 0)
    if not liver.any():
        return kept
    box = widened_box(bounding_box(liver), liver.shape)
    near = np.zeros(liver.shape, bool)
    near[box] = ndimage.binary_dilation(liver[box], _TOUCHING)
    beside = np.zeros(len(kept.probabilities), bool)
    beside[kept.owners[near.reshape(-1)[kept.voxels]]] = True
    return replace(kept, otherwise=np.where(beside, LIVER_LABEL, 0).astype(np.uint8))


def _probabilities(found: Segmentation, liver: Segmentation) -> Mapping[str, NDArray[np.uint16]]:
    """Those of the liver by its own model, of lesions by theirs."""
    of_liver = {name: levels for name, levels in liver.probabilities.items() if name == "liver"}
    return of_liver | {name: levels for name, levels in found.probabilities.items() if name == "lesion"}
