"""Rulers and ellipses that a reader draws in a slice view, and what the CT is in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pictures import Shown
from .view_plane import ViewPlane

_SAME_DIRECTION = 0.999
_LOOK = "lts-ruler"
_ROOM_TO = 65
"""Percent of a picture's width, up to which words have room to the right."""


class MeasuringTool(Enum):
    """What a reader draws."""

    RULER = "ruler"
    ELLIPSE = "ellipse"


@dataclass(frozen=True)
class Measurement:
    """A ruler or ellipse in one slice of one view.

    Args:
        n: its number, of all that were drawn in the CT.
        tool: it was drawn with.
        tag: of the view.
        plane: that was drawn in.
        ends: ``[2, RAS]`` of a ruler in mm, or of opposite corners of the box around an ellipse, whose axes run to
            the right and upwards in the view.
        words: what was measured.
    """

    n: int
    tool: MeasuringTool
    tag: str
    plane: ViewPlane
    ends: NDArray[np.float64]
    words: str

    def is_in(self, tag: str, plane: ViewPlane) -> bool:
        """Whether a view shows the slice that it was drawn in."""
        same = abs(float(self.plane.normal @ plane.normal)) > _SAME_DIRECTION
        return tag == self.tag and same and bool(plane.cuts(self.ends).all())


@dataclass(frozen=True)
class EllipseMeasures:
    """What the CT is in an ellipse.

    Args:
        area_mm2: of the ellipse itself.
        voxels: whose centres lie in it, of those that the slice's plane cuts.
        mean_hu, sd_hu: of these voxels (population standard deviation); NaN without any.
    """

    area_mm2: float
    voxels: int
    mean_hu: float
    sd_hu: float

    @property
    def in_words(self) -> str:
        """Mean and deviation, and below them area and number of voxels."""
        size = f"{self.area_mm2:.0f} mm², {self.voxels} voxel{'' if self.voxels == 1 else 's'}"
        return f"{self.mean_hu:.0f} ± {self.sd_hu:.0f} HU\n{size}" if self.voxels else size


def length_mm(ends: NDArray[np.float64]) -> float:
    """Length of a ruler from its ends ``[2, RAS]``."""
    return float(np.linalg.norm(ends[1] - ends[0]))


def measure_ellipse(
    ends: NDArray[np.float64], plane: ViewPlane, voxels: NDArray[np.int16], affine: NDArray[np.float64]
) -> EllipseMeasures:
    """Measure the CT in an ellipse.

    Args:
        ends: ``[2, RAS]``, opposite corners of the box around it.
        plane: that it was drawn in.
        voxels: HU ``[k, j, i]``.
        affine: 4x4 from voxel ``(i, j, k, 1)`` to world RAS in mm.
    """
    half = np.abs(plane.along(ends[1] - ends[0])[:2]) / 2
    area = float(np.pi * half.prod() * np.linalg.norm(np.cross(plane.right, plane.up)))
    inside = _values_inside(ends.mean(axis=0), half, plane, voxels, affine) if area else np.empty(0)
    if not inside.size:
        return EllipseMeasures(area, 0, float("nan"), float("nan"))
    values = inside.astype(np.float64)
    return EllipseMeasures(area, values.size, float(values.mean()), float(values.std()))


def _values_inside(
    centre: NDArray[np.float64],
    half: NDArray[np.float64],
    plane: ViewPlane,
    voxels: NDArray[np.int16],
    affine: NDArray[np.float64],
) -> NDArray[np.int16]:
    """HU of the voxels whose centres lie in an ellipse, of those that the plane cuts."""
    axes = affine[:3, :3]
    thick = float(np.abs(plane.normal @ axes).sum()) / 2
    directions = np.stack([plane.right * half[0], plane.up * half[1], plane.normal * thick])
    corners = centre + np.stack(np.meshgrid(*[(-1, 1)] * 3), axis=-1).reshape(-1, 3) @ directions
    found = (corners - affine[:3, 3]) @ np.linalg.inv(axes).T
    size = voxels.shape[::-1]
    first = np.clip(np.floor(found.min(axis=0)), 0, size).astype(int)
    end = np.clip(np.ceil(found.max(axis=0)) + 1, 0, size).astype(int)
    if not (first < end).all():
        return np.empty(0, np.int16)
    i, j, k = (np.arange(low, high) for low, high in zip(first, end, strict=True))
    grid = np.stack(np.meshgrid(k, j, i, indexing="ij")[::-1], axis=-1)
    points = grid @ axes.T + affine[:3, 3]
    round_part = ((plane.along(points - centre)[..., :2] / half) ** 2).sum(axis=-1)
    cut = ViewPlane(plane.to_ras, plane.size, 2 * thick).cuts(points.reshape(-1, 3)).reshape(round_part.shape)
    near = voxels[first[2] : end[2], first[1] : end[1], first[0] : end[0]]
    inside: NDArray[np.int16] = near[cut & (round_part <= 1)]
    return inside


def draw_measurements(measured: Iterable[Measurement], tag: str, plane: ViewPlane) -> Shown:
    """What a slice view shows of measurements: lines, ellipses, and beside each what was measured."""
    lines, ellipses, words = [], [], []
    for one in measured:
        if not one.is_in(tag, plane):
            continue
        (x1, y1), (x2, y2) = sorted(plane.shares(one.ends).round(3).tolist())
        if one.tool is MeasuringTool.RULER:
            lines.append({"x1": x1, "y1": y1, "x2": x2, "y2": y2, "look": _LOOK})
            words.append(_beside(one, (x1, y1), (x2, y2)))
        else:
            middle = {"cx": (x1 + x2) / 2, "cy": (y1 + y2) / 2}
            ellipses.append({**middle, "rx": (x2 - x1) / 2, "ry": abs(y2 - y1) / 2, "look": _LOOK})
            words.append(_beside(one, (x1, middle["cy"]), (x2, middle["cy"])))
    return {"lines": lines, "ellipses": ellipses, "measured": words}


def _beside(one: Measurement, left: tuple[float, float], right: tuple[float, float]) -> dict[str, Any]:
    """What was measured, to the right of it where there is room."""
    is_left = right[0] > _ROOM_TO
    x, y = left if is_left else right
    return {"n": one.n, "words": one.words, "x": x, "y": y, "left": is_left}
