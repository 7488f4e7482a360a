"""Lesions that clicks add to the labels of a CT, or improve where one is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.boxed import Boxed
from ...core.labels import LESION_LABEL, widened_box
from ...core.progress import CancelToken
from ...postprocessing.cleaning import give_back
from .editing import LesionClick, lesion_under, without_others
from .replay import ClickedCT


@dataclass(frozen=True)
class AddedLesion:
    """A lesion that clicks have made.

    Args:
        voxel: ``(k, j, i)`` of the first click inside.
        clicks: how many there were.
        improved: whether a lesion was there before.
        probability: that the voxels which the network marked are lesion, on average; not calibrated.
        warnings: what is doubtful about it, a sentence each.
        device: where it was segmented, and in which precision.
    """

    voxel: tuple[int, int, int]
    clicks: int
    improved: bool
    probability: float
    warnings: tuple[str, ...]
    device: str


def add_lesion(
    clicked: ClickedCT,
    labels: NDArray[np.uint8],
    clicks: Sequence[LesionClick],
    cancel: CancelToken | None = None,
) -> AddedLesion:
    """Write a lesion into labels; one that the first click lies in is improved, and others keep their voxels.

    Args:
        clicked: the CT.
        labels: ``[k, j, i]`` on its grid: 0 background, 1 liver, 2 lesion; changed in place.
        clicks: in their order, the first inside.
        cancel: checked before every look.

    Raises:
        UserError: as :meth:`.replay.ClickedCT.lesion`; the labels are then as they were.
        Cancelled: ``cancel`` was used.
    """
    volume = clicked.volume
    base = lesion_under(volume, labels, clicks[0].point)
    before = None if base is None else Boxed.around(base)
    answer = clicked.lesion(clicks, before.seen(volume) if before else None, cancel)
    box, mask = answer.lesion.back(volume)
    lesion = without_others(mask, box, labels, base)
    if base is not None:
        near = widened_box(box, labels.shape)
        lost = base[near] & ~Boxed(box, lesion).inside(near)
        if lost.any():
            give_back(labels[near], lost)
    labels[box][lesion] = LESION_LABEL
    i, j, k = np.rint(np.linalg.inv(volume.affine) @ [*clicks[0].point, 1.0])[:3].astype(int).tolist()
    return AddedLesion((k, j, i), len(clicks), base is not None, answer.probability, answer.warnings, answer.device)
