"""A prediction beside its reference on one grid, and the structures that are compared in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import LESION_LABEL, LIVER_LABEL


@dataclass(frozen=True)
class LabelPair:
    """Prediction and reference of one case as axial slices of the reference's grid.

    Args:
        prediction: uint8 ``[slice, row, column]``: 0 background, 1 liver, 2 lesion.
        reference: the same, of the same shape.
        affine: 4x4, from ``(column, row, slice, 1)`` to the patient in mm, RAS.
        warnings: what is suspicious about the files, a sentence each.
        omits_empty: whether the reference's file leaves out empty slices, so that its grid says nothing of the CT's.
    """

    prediction: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    affine: NDArray[np.float64]
    warnings: tuple[str, ...] = field(default=())
    omits_empty: bool = False

    @property
    def own_reference(self) -> NDArray[np.uint8]:
        """The reference without what a prediction's grid may have added to it: empty slices, rows and columns."""
        if not self.omits_empty:
            return self.reference
        (marked,) = ndimage.find_objects((self.reference > 0).view(np.uint8)) or (np.s_[:0],)
        return self.reference[marked]

    @property
    def axes_mm(self) -> NDArray[np.float64]:
        """3x3: millimetres in RAS, a row for each step to the next slice, row and column."""
        return self.affine[:3, 2::-1].T

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between slices, rows and columns."""
        z, y, x = np.linalg.norm(self.axes_mm, axis=1).tolist()
        return z, y, x

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.axes_mm))) / 1000

    @property
    def diagonal_mm(self) -> float:
        """Distance between the centres of the grid's farthest corners: no two voxels are further apart."""
        ends = (np.array(self.reference.shape) - 1)[:, None] * self.axes_mm
        signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]])
        return float(np.linalg.norm(signs @ ends, axis=1).max())


LIVER_NAME, LIVER_ONLY, LESION_NAME = STRUCTURES = ("liver", "liver_only", "lesion")
"""Labels 1 and 2 together, as LiTS counts the liver; label 1 alone; label 2."""

_VALUES = {LIVER_NAME: (LIVER_LABEL, LESION_LABEL), LIVER_ONLY: (LIVER_LABEL,), LESION_NAME: (LESION_LABEL,)}


def structure_values(structure: str) -> tuple[int, ...]:
    """Labels that make up a structure."""
    return _VALUES[structure]


def structure_mask(labels: NDArray[np.uint8], structure: str) -> NDArray[np.bool_]:
    """Mask of a structure, ``bool`` of the labels' shape."""
    if structure == LIVER_NAME:
        return labels != 0
    return labels == _VALUES[structure][0]
