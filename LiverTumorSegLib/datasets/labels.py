"""The labels of a CT, on its voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import read_stored
from ..files.stored import Stored
from ..hounsfield import to_int16
from ..segments import LESION
from ..volume import Volume

_OFF_MM = 0.01
_ROUNDING = 1e-3
_MISPLACED = "CT and labels state different places or spacings; they were taken voxel by voxel."


def read_labels(path: Path, volume: Volume) -> tuple[NDArray[np.uint8], str]:
    """Labels on the CT's voxels, and a sentence where they state another place than it.

    Args:
        path: file of 0 background, 1 liver, 2 lesion.
        volume: the CT.

    Returns:
        ``[k, j, i]`` as the CT's voxels, and the sentence or nothing.

    Raises:
        UserError: they lie on other voxels, or are other numbers.
    """
    stored = read_stored(path)
    read = Volume(_whole_numbers(stored, path), stored.affine)
    ways, own = (read.axial.axes, read.axial.flips), (volume.axial.axes, volume.axial.flips)
    if read.voxels.shape != volume.voxels.shape or ways != own:
        msg = f"{path} does not lie on its CT's voxels: resample the labels to the CT first."
        raise UserError(msg)
    if read.voxels.min() < 0 or read.voxels.max() > LESION.label:
        msg = f"{path} holds other labels than 0 background, 1 liver and 2 lesion: rename or merge them first."
        raise UserError(msg)
    doubt = "" if np.allclose(read.affine, volume.affine, atol=_OFF_MM) else _MISPLACED
    return read.voxels.astype(np.uint8), doubt


def _whole_numbers(stored: Stored, path: Path) -> NDArray[np.int16]:
    """What a file stores, which rounding would turn into labels where it are none, such as probabilities."""
    for plane in stored.values:
        scaled = plane * stored.slope + stored.intercept
        if not (np.abs(scaled - np.rint(scaled)) <= _ROUNDING).all():  # neither is NaN
            msg = f"{path} holds numbers that are no labels, as they are not whole: give 0, 1 and 2 for each voxel."
            raise UserError(msg)
    return to_int16(stored.values, path, slope=stored.slope, intercept=stored.intercept)
