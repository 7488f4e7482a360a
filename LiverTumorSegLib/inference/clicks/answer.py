"""The answer to clicks on the CT's own grid: interpolated, true to the clicks, and in one piece."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import ceil, floor, prod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ...core.boxed import Boxed
from ...core.labels import absolute_box, enclosing_box
from ...core.volume import Box
from .editing import INSIDE_MM, OUTSIDE_MM, ball
from .frame import ClickFrame
from .patches import Millimetres, Patch, linear_shares

_NONE_AT_ALL = -12.0
_FACE_VOXELS = 4
_MIXED_MM, _AROUND_MM = 1.0, 4.0
_SMALL = 8
"""Voxels of the CT for each of the patch's; so few are looked through whole."""


class Answer(NamedTuple):
    """Logits of a patch and what they say of the clicks.

    Args:
        patch: where.
        logits: ``[slice, row, column]``.
        level: that a voxel of the lesion is above; 0, unless the clicks themselves are not.
    """

    patch: Patch
    logits: NDArray[np.float32]
    level: float

    @property
    def is_doubtful(self) -> bool:
        """Whether the network sees no lesion at any click."""
        return self.level < 0

    def touches_border(self, inside: Sequence[Millimetres]) -> bool:
        """Whether the lesion goes on beyond the patch."""
        lesion = self._lesion(inside)
        faces = [np.take(lesion, at, axis=axis) for axis in range(3) for at in (0, -1)]
        return any(int(face.sum()) > _FACE_VOXELS for face in faces)

    def medians(self, image: NDArray[np.float32], inside: Sequence[Millimetres]) -> tuple[float, float]:
        """Medians of an image of the patch in the lesion, and 1 to 4 mm around it; 0 and 0 where one is no place.

        Voxels that are nearer are mixed of both.
        """
        lesion = self._lesion(inside)
        away = ndimage.distance_transform_edt(~lesion, sampling=self.patch.step_mm)
        around = (away > _MIXED_MM) & (away <= _AROUND_MM)
        if not lesion.any() or not around.any():
            return 0.0, 0.0
        return float(np.median(image[lesion])), float(np.median(image[around]))

    def _lesion(self, inside: Sequence[Millimetres]) -> NDArray[np.bool_]:
        """``[slice, row, column]``: the connected parts above the level that the clicks are in."""
        parts, _ = ndimage.label(self.logits > self.level)
        wanted = {int(parts[_voxel(self.patch.place(each), parts.shape)]) for each in inside} - {0}
        return np.isin(parts, list(wanted))


def judge(patch: Patch, logits: torch.Tensor, inside: Sequence[Millimetres]) -> Answer:
    """Choose the level of an answer: where no click is above 0, half of the likeliest click's probability.

    Args:
        patch: what was seen.
        logits: ``[slice, row, column]``.
        inside: clicks in the frame.
    """
    values = logits.float().numpy()
    at_clicks = [float(values[_around(_voxel(patch.place(each), values.shape))].max()) for each in inside]
    highest = max(at_clicks)
    if highest > 0:
        return Answer(patch, values, 0.0)
    probability = max(0.5 / (1 + np.exp(-highest)), 1e-4)
    return Answer(patch, values, float(np.log(probability / (1 - probability))))


def on_grid(
    frame: ClickFrame, answer: Answer, inside: Sequence[Millimetres], outside: Sequence[Millimetres]
) -> tuple[Boxed, float]:
    """The lesion on the CT's grid.

    Args:
        frame: of the CT.
        answer: to the clicks.
        inside: clicks that belong to it, at least one.
        outside: clicks that do not.

    Returns:
        The mask, and the mean probability of the lesion's voxels.
    """
    box = _reach(frame, answer, inside)
    logits = _interpolated(frame, answer, box)
    lesion = logits > answer.level
    sides = ((outside, OUTSIDE_MM, False), (inside, INSIDE_MM, True), (outside, 0.0, False))
    for points, radius, side in sides:  # where balls meet, each click has its own voxel
        for point in points:
            lesion[ball(box, point, frame.spacing, radius)] = side
    parts, _ = ndimage.label(lesion)
    own = {int(parts[_voxel(_index(frame, box, each), parts.shape)]) for each in inside} - {0}
    near = _around_parts(parts, own)
    lesion = np.isin(parts[near], list(own))
    likely = 1 / (1 + np.exp(-logits[near][lesion].clip(_NONE_AT_ALL)))
    return Boxed(absolute_box(near, box), lesion), float(likely.mean()) if lesion.any() else 0.0


def _around_parts(parts: NDArray[np.int32], numbers: Collection[int]) -> Box:
    """The box of some of the parts; a single voxel where there are none."""
    found = [box for number, box in enumerate(ndimage.find_objects(parts), start=1) if number in numbers]
    return enclosing_box(found or [(slice(0, 1), slice(0, 1), slice(0, 1))])


def _reach(frame: ClickFrame, answer: Answer, inside: Sequence[Millimetres]) -> Box:
    """The part of a patch's box that the clicked parts can lie in, which is a small one where the patch is wide."""
    patch, whole = answer.patch, frame.box_of(answer.patch)
    if prod(side.stop - side.start for side in whole) <= _SMALL * answer.logits.size:
        return whole
    far = [(INSIDE_MM + 2 * mm) / step + 1 for mm, step in zip(frame.spacing, patch.step_mm, strict=True)]
    around = [(np.subtract(patch.place(point), far), np.add(patch.place(point), far)) for point in inside]
    parts = _parts_nearby(frame, answer)
    own = {int(number) for low, high in around for number in np.unique(parts[_between(low, high, parts.shape)])} - {0}
    if own:
        found = _around_parts(parts, own)
        around.append((np.array([side.start - 1 for side in found]), np.array([side.stop for side in found])))
    lows, highs = zip(*around, strict=True)
    corners = patch.point(_three(np.min(lows, axis=0))), patch.point(_three(np.max(highs, axis=0)))
    first, second, third = (
        slice(max(side.start, floor(low / mm)), min(side.stop, ceil(high / mm) + 1))
        for side, low, high, mm in zip(whole, *corners, frame.spacing, strict=True)
    )
    return first, second, third


def _parts_nearby(frame: ClickFrame, answer: Answer) -> NDArray[np.int32]:
    """Parts of a patch above the level, as one where they lie so near that they can be one on the CT's grid.

    A voxel of the CT is above the level only where one of the patch's around it is. Those of two voxels side by side
    lie one apart, and as many more as the patch has from the one to the other.
    """
    more = [ceil(mm / step / 2) for mm, step in zip(frame.spacing, answer.patch.step_mm, strict=True)]
    grown = ndimage.maximum_filter(answer.logits > answer.level, [2 * each + 1 for each in more])
    parts: NDArray[np.int32] = ndimage.label(grown, np.ones((3, 3, 3)))[0]
    return parts


def _between(low: NDArray[np.float64], high: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Voxels from one place to another, at least one of them on each axis."""
    last = np.array(shape) - 1
    starts, ends = (np.floor(place).clip(0, last).astype(int).tolist() for place in (low, high))
    return tuple(slice(start, end + 2) for start, end in zip(starts, ends, strict=True))


def _three(numbers: NDArray[np.float64]) -> Millimetres:
    first, second, third = numbers.tolist()
    return first, second, third


def _interpolated(frame: ClickFrame, answer: Answer, box: Box) -> NDArray[np.float32]:
    """Logits at the voxels of a box, linear; none at all beyond the patch."""
    patch, values = answer.patch, torch.from_numpy(answer.logits)
    outside = []
    for axis, side in enumerate(box):
        n, step = patch.size[axis], patch.step_mm[axis]
        at = (np.arange(side.start, side.stop) * frame.spacing[axis] - patch.centre[axis]) / step + (n - 1) / 2
        outside.append((at < -0.5) | (at > n - 0.5))
        weights = torch.from_numpy(linear_shares(at.clip(0, n - 1), n).astype(np.float32))
        values = torch.tensordot(values, weights, dims=([0], [1]))  # the axis comes out as the last
    logits: NDArray[np.float32] = values.numpy()
    logits[outside[0]] = logits[:, outside[1]] = logits[:, :, outside[2]] = _NONE_AT_ALL
    return logits


def _index(frame: ClickFrame, box: Box, point: Millimetres) -> Millimetres:
    deep, row, column = (at / mm - side.start for at, mm, side in zip(point, frame.spacing, box, strict=True))
    return deep, row, column


def _voxel(place: Millimetres, shape: tuple[int, ...]) -> tuple[int, int, int]:
    deep, row, column = (int(np.clip(np.rint(at), 0, n - 1)) for at, n in zip(place, shape, strict=True))
    return deep, row, column


def _around(voxel: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    deep, row, column = (slice(max(0, at - 1), at + 2) for at in voxel)
    return deep, row, column
