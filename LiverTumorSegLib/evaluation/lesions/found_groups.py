"""How good the lesions are that were found: each merged prediction against its merged reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .. import surface
from ..surface import SurfaceDistances
from .matching import Matching, Parts

Box = tuple[slice, ...]


@dataclass(frozen=True)
class FoundGroup:
    """A found group: what the LiTS tables of lesions average (Bilic et al., Medical Image Analysis 84, 2023).

    Args:
        dice: Dice coefficient.
        voe: volume overlap error, 1 - IoU.
        rvd: relative volume difference (|P|-|R|)/|R|, as of a structure; the public scoring program swaps the two.
        assd_mm, rmsd_mm, hd_mm: mean, root mean square and largest surface distance; LiTS calls the last one MSD.
    """

    dice: float
    voe: float
    rvd: float
    assd_mm: float
    rmsd_mm: float
    hd_mm: float


def found_groups(
    prediction: Parts,
    reference: Parts,
    matching: Matching,
    above: float,
    axes_mm: NDArray[np.float64],
    connectivity: int,
) -> Iterator[FoundGroup]:
    """Measure the groups whose IoU is above a threshold.

    Args:
        prediction: lesions.
        reference: lesions on the same grid.
        matching: their groups.
        above: the threshold.
        axes_mm: 3x3: millimetres in the patient, a row for each step to the next slice, row and column.
        connectivity: of the surfaces.
    """
    sides = [(prediction, _members(matching.prediction)), (reference, _members(matching.reference))]
    for group in np.flatnonzero(matching.iou > above).tolist():
        box = _around([parts.boxes[n] for parts, members in sides for n in members[group].tolist()])
        found, real = (np.isin(parts.numbers[box], members[group] + 1) for parts, members in sides)
        distances = surface.measure(found, real, axes_mm, connectivity=connectivity)
        distances = cast("SurfaceDistances", distances)  # a group has both
        shared, predicted, size = (int(n[group]) for n in (matching.shared, matching.predicted, matching.real))
        yield FoundGroup(
            dice=2 * shared / (predicted + size),
            voe=1 - float(matching.iou[group]),
            rvd=(predicted - size) / size,
            assd_mm=distances.assd_mm,
            rmsd_mm=distances.rmsd_mm,
            hd_mm=distances.hd_mm,
        )


def _members(groups: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The lesions of each group, found in one go, since there can be thousands."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.searchsorted(groups[order], np.arange(1, groups.max(initial=0) + 2)))[1:-1]


def _around(boxes: list[Box]) -> Box:
    return tuple(slice(min(x.start for x in axis), max(x.stop for x in axis)) for axis in zip(*boxes, strict=True))
