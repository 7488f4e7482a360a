"""What clicks may change of a lesion and of those beside it; panels load it before PyTorch and SciPy are there.

A lesion is what the network answered last, without the voxels of other lesions, and its *base*: what it was before its
first click. Of the base those connected pieces are taken away that the network gives up and that a click outside lies
in. So nothing that was painted or found automatically is lost without a click there, and what clicks alone have made
may shrink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.boxed import Boxed
from ...core.labels import LIVER_LABEL
from ...core.volume import Box, Volume

Point = tuple[float, float, float]

INSIDE_MM, OUTSIDE_MM = 1.0, 1.5
"""How far around a click its side is certain."""


@dataclass(frozen=True)
class LesionClick:
    """A click into a lesion, or beside it.

    Args:
        point: RAS, in millimetres of the CT's own patient frame.
        inside: whether the lesion is there.
    """

    point: Point
    inside: bool


def with_base(answer: Boxed, base: Boxed, outside: Sequence[Point], spacing: Point) -> Boxed:
    """The network's answer with what the lesion was before its first click, but for what was clicked away.

    Args:
        answer: bool, in the axial view, as is the base.
        base: bool.
        outside: clicks beside the lesion, in millimetres along slices, rows and columns.
        spacing: millimetres between slices, rows and columns.
    """
    from scipy import ndimage

    box = _around_both(answer.box, base.box)
    found, before = answer.inside(box), base.inside(box)
    pieces, count = ndimage.label(before & ~found)
    lost = np.zeros(count + 1, bool)
    for point in outside:
        lost[pieces[ball(box, point, spacing, OUTSIDE_MM)]] = True
    return Boxed(box, found | (before & ~(lost[pieces] & (pieces > 0))))


def _around_both(one: Box, other: Box) -> Box:
    first, second, third = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return first, second, third


def ball(box: Box, point: Point, spacing: Point, radius_mm: float) -> NDArray[np.bool_]:
    """The voxels of a box around a place, at least the one that it lies in where the box holds that.

    Args:
        box: of slices, rows and columns.
        point: in millimetres along them.
        spacing: millimetres between them.
        radius_mm: of the ball.
    """
    far = [
        ((np.arange(side.start, side.stop) * mm - at) / max(radius_mm, 0.51 * mm)) ** 2
        for side, mm, at in zip(box, spacing, point, strict=True)
    ]
    near: NDArray[np.bool_] = far[0][:, None, None] + far[1][:, None] + far[2] <= 1
    own = tuple(round(at / mm) - side.start for side, mm, at in zip(box, spacing, point, strict=True))
    if all(0 <= at < n for at, n in zip(own, near.shape, strict=True)):
        near[own] = True
    return near


def without_others(
    mask: NDArray[np.bool_], box: Box, labels: NDArray[np.unsignedinteger], base: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """A lesion without the voxels of those beside it.

    Args:
        mask: the lesion in its box.
        box: ``(k, j, i)``.
        labels: ``[k, j, i]``: 0 background, 1 liver, anything larger a lesion.
        base: bool ``[k, j, i]``, what the lesion was before its first click, which is no other; None where it was not.
    """
    others = labels[box] > LIVER_LABEL
    return mask & ~(others if base is None else others & ~base[box])


def lesion_under(volume: Volume, labels: NDArray[np.unsignedinteger], point: Point) -> NDArray[np.bool_] | None:
    """The lesion that a click lies in, which is improved by it and not doubled.

    Args:
        volume: the CT.
        labels: ``[k, j, i]``: 0 background, 1 liver, anything larger a lesion, one number each or one for all.
        point: RAS, in millimetres.

    Returns:
        Bool ``[k, j, i]``, the connected part of the same label; None where there is no lesion at the click.
    """
    from scipy import ndimage

    i, j, k = np.rint(np.linalg.inv(volume.affine) @ [*point, 1.0])[:3].astype(int).tolist()
    if not all(0 <= at < n for at, n in zip((k, j, i), labels.shape, strict=True)) or labels[k, j, i] <= LIVER_LABEL:
        return None
    alike = Boxed.around(labels == labels[k, j, i])
    if alike is None:
        return None
    parts, _ = ndimage.label(alike.values)
    whole = np.zeros(labels.shape, np.bool_)
    own = tuple(at - side.start for at, side in zip((k, j, i), alike.box, strict=True))
    whole[alike.box] = parts == parts[own]
    return whole
