"""The table of lesions of a case: a row for each lesion of reference and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...diameters import axial_diameter
from ..pairs.label_pair import LabelPair
from .matching import Parts

PREDICTION, REFERENCE = "prediction", "reference"
SIZES = ("under_10_mm", "10_to_20_mm", "over_20_mm")

_MICROMETRES = 3


@dataclass(frozen=True)
class LesionRow:
    """One lesion of the prediction or the reference.

    Args:
        of: ``reference`` or ``prediction``.
        number: 1 for the largest of these; of equals, the one whose first voxel comes first.
        volume_ml: voxels times the voxel's volume.
        diameter_mm: longest diameter in any one axial slice, from edge to edge.
        size: class by this diameter, see :func:`size_class`.
        centroid_mm: centre of mass in patient coordinates, RAS.
        found: whether its group's IoU is above the threshold.
        touched: whether it is in a group at all, which means an IoU above 0.
        iou: of its group; 0 where it is in none.
        group: its group's number, from 1; None where it is in none.
    """

    of: str
    number: int
    volume_ml: float
    diameter_mm: float
    size: str
    centroid_mm: tuple[float, float, float]
    found: bool
    touched: bool
    iou: float
    group: int | None


def size_class(diameter_mm: float) -> str:
    """One of :data:`SIZES`; exactly 10 and 20 mm are in the middle one.

    It is decided to the micrometre: beyond it, how a file states its axes would decide.
    """
    under, middle, over = SIZES
    rounded = round(diameter_mm, _MICROMETRES)
    if rounded < 10:
        return under
    return middle if rounded <= 20 else over


def lesion_rows(
    of: str, parts: Parts, groups: NDArray[np.intp], ious: NDArray[np.float64], above: float, pair: LabelPair
) -> Iterator[LesionRow]:
    """Measure the lesions of one side, the largest first.

    Args:
        of: whose lesions they are.
        parts: the lesions, on the pair's grid.
        groups: ``[lesion]``: group of each from 1, 0 of one that is in none.
        ious: ``[group]``.
        above: a group is found where its IoU is above this.
        pair: tells the grid's place in the patient.
    """
    by_group = np.insert(ious, 0, 0.0)
    for number, index in enumerate(np.argsort(-parts.sizes, kind="stable"), start=1):
        box = parts.boxes[index]
        mask = parts.numbers[box] == index + 1
        group, iou = int(groups[index]), float(by_group[groups[index]])
        diameter, _ = axial_diameter(mask, pair.axes_mm)
        yield LesionRow(
            of=of,
            number=number,
            volume_ml=int(parts.sizes[index]) * pair.voxel_ml,
            diameter_mm=diameter,
            size=size_class(diameter),
            centroid_mm=_centroid(mask, box, pair),
            found=group > 0 and iou > above,
            touched=group > 0,
            iou=iou,
            group=group or None,
        )


def _centroid(mask: NDArray[np.bool_], box: tuple[slice, ...], pair: LabelPair) -> tuple[float, float, float]:
    """Centre of mass in the patient, from voxels counted along each axis: their indices could fill the memory."""
    centre = [axis.start for axis in box]
    for axis, length in enumerate(mask.shape):
        along = np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis}))
        centre[axis] += (along @ np.arange(length)) / along.sum()
    r, a, s = (centre @ pair.axes_mm + pair.affine[:3, 3]).tolist()
    return r, a, s
