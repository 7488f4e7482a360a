"""Images and logits brought to another shape, axis by axis, by the numbers that nnU-Net's resampling comes to.

nnU-Net calls ``skimage.transform.resize``, or interpolates in PyTorch. Either is linear and separable, but for a clip
at its end, so that one small matrix an axis does the same: in float64 the results agree to the last digits of float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from ...models.nnunet.settings import Resampling

_THICK = 3
"""How many times as long as its shortest side a voxel is, from which on slices are resampled apart."""

_ALIKE = 1e-5
"""Relative difference of sides that are the same length: an affine holds them in float32."""

_NOTHING = 1e-12
"""A weight below which a voxel has no share in another; a cubic spline's fall to a quarter from voxel to voxel."""

_BLOCK = 32
"""Voxels that are made at a time: these have a share of few others alone."""


class Along:
    """How voxels along one axis follow from others.

    Args:
        weights: ``[after, before]``; None where they stay as they are.
        after: how many there are in the end.
    """

    def __init__(self, weights: torch.Tensor | None, after: int) -> None:
        self.weights, self.after = weights, after
        self._shares = None if weights is None else weights.abs() > _NOTHING

    def __call__(self, values: torch.Tensor, axis: int) -> torch.Tensor:
        """Resample an axis of any tensor of floats, on its device and in its precision."""
        if self.weights is None:
            return values
        weights, shape = self.weights.to(values.device, values.dtype), list(values.shape)
        inner = prod(shape[axis + 1 :])
        given = values.reshape(-1, shape[axis], inner)
        made = values.new_empty(len(given), self.after, inner)
        for start, stop, used in self._blocks:
            own, seen = weights[start:stop, used], given[:, used]
            if inner == 1:
                made[:, start:stop, 0] = seen[..., 0] @ own.T
            else:
                made[:, start:stop] = torch.matmul(own, seen)
        return made.reshape(*shape[:axis], self.after, *shape[axis + 1 :])

    @cached_property
    def _blocks(self) -> list[tuple[int, int, slice]]:
        starts = range(0, self.after, _BLOCK)
        return [(at, min(at + _BLOCK, self.after), self._used(at, at + _BLOCK)) for at in starts]

    def narrowed(self, start: int, stop: int) -> tuple[Along, slice]:
        """What makes voxels from ``start`` to before ``stop`` alone, and of which they are made."""
        used = self._used(start, stop)
        return Along(None if self.weights is None else self.weights[start:stop, used], stop - start), used

    def _used(self, start: int, stop: int) -> slice:
        if self._shares is None:
            return slice(start, stop)
        used = torch.nonzero(self._shares[start:stop].any(dim=0)).flatten()
        return slice(int(used[0]), int(used[-1]) + 1)

    def reached(self, start: int, stop: int) -> tuple[int, int]:
        """The first voxel that those from ``start`` to before ``stop`` have a share in, and the one after the last."""
        if self._shares is None:
            return start, stop
        reached = torch.nonzero(self._shares[:, start:stop].any(dim=1)).flatten()
        return (int(reached[0]), int(reached[-1]) + 1) if len(reached) else (0, 0)


@dataclass(frozen=True)
class Way:
    """How an array comes to another shape.

    Args:
        axes: what becomes of each of the last three.
        apart: the one that comes last, where slices across it are resampled each by itself.
        clipped: to the range of the array, or of its slice, before the last step: a spline overshoots.
    """

    axes: tuple[Along, Along, Along]
    apart: int | None = None
    clipped: bool = False

    def __call__(self, values: torch.Tensor, bounds: tuple[torch.Tensor, torch.Tensor] | None = None) -> torch.Tensor:
        """Resample ``[..., a, b, c]``; ``bounds`` are :meth:`bounds` of the whole, where this is a part of it."""
        first = values.ndim - 3
        together = [axis for axis in range(3) if axis != self.apart]
        limits = bounds or self.bounds(values)
        for axis in together:
            values = self.axes[axis](values, first + axis)
        if limits:
            values = values.clamp(*limits)
        return values if self.apart is None else self.axes[self.apart](values, first + self.apart)

    def bounds(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """What values are clipped to: of each channel, or of each of its slices; None where nothing is clipped."""
        if not self.clipped:
            return None
        over = [axis - 3 for axis in range(3) if axis != self.apart]
        return values.amin(over, keepdim=True), values.amax(over, keepdim=True)

    def narrowed(self, axis: int, start: int, stop: int) -> tuple[Way, slice]:
        """The way to voxels from ``start`` to before ``stop`` of an axis, and what of the array is needed for it."""
        part, used = self.axes[axis].narrowed(start, stop)
        first, second, third = (part if at == axis else own for at, own in enumerate(self.axes))
        return replace(self, axes=(first, second, third)), used

    @property
    def shape(self) -> tuple[int, int, int]:
        """What arrays come to."""
        first, second, third = (axis.after for axis in self.axes)
        return first, second, third


def find_way(
    rule: Resampling,
    before: Sequence[int],
    after: Sequence[int],
    now_mm: Sequence[float],
    then_mm: Sequence[float],
) -> Way:
    """How an array comes from one shape to another (Isensee et al. 2021, nnU-Net, Methods, "Resampling strategy").

    Args:
        rule: of the plans.
        before: its shape.
        after: the shape that it comes to.
        now_mm: sides of its voxels.
        then_mm: sides that they come to.

    Raises:
        ValueError: the shape differs, and the rule is to leave arrays as they are.
    """
    if tuple(before) == tuple(after):
        return Way((Along(None, after[0]), Along(None, after[1]), Along(None, after[2])))
    if rule.method == "none":
        msg = f"what is not resampled has {tuple(before)} voxels, and cannot come to have {tuple(after)}"
        raise ValueError(msg)
    apart = thick_axis(rule, now_mm, then_mm)
    first, second, third = (
        Along(_weights(rule, n, m, last=axis == apart), m)
        for axis, (n, m) in enumerate(zip(before, after, strict=True))
    )
    return Way((first, second, third), apart, clipped=rule.method == "spline" and rule.order > 1)


def thick_axis(rule: Resampling, now_mm: Sequence[float], then_mm: Sequence[float]) -> int | None:
    """The axis that is resampled apart: along which voxels are by far the longest, now or then; None without one."""
    if rule.separate_z is not None:
        return _longest(now_mm) if rule.separate_z else None
    for sides in (now_mm, then_mm):
        if max(sides) / min(sides) > _THICK:
            return _longest(sides)
    return None


def _longest(sides: Sequence[float]) -> int | None:
    longest = [axis for axis, side in enumerate(sides) if side >= max(sides) * (1 - _ALIKE)]
    return longest[0] if len(longest) == 1 else None


def new_shape(shape: Sequence[int], now_mm: Sequence[float], then_mm: Sequence[float]) -> tuple[int, int, int]:
    """Voxels along each axis at another spacing; halves go to the even number, as nnU-Net has it."""
    first, second, third = (max(1, round(now / then * n)) for n, now, then in zip(shape, now_mm, then_mm, strict=True))
    return first, second, third


def _weights(rule: Resampling, before: int, after: int, *, last: bool) -> torch.Tensor | None:
    if before == after:
        return None
    if rule.method == "linear":
        return _interpolated(before, after, "nearest-exact" if last else "linear")
    return torch.from_numpy(spline(before, after, rule.order_z if last else rule.order))


@lru_cache(maxsize=32)
def spline(before: int, after: int, order: int) -> NDArray[np.float64]:
    """Weights ``[after, before]`` of a spline whose voxels keep their outer edges; beyond these the last one repeats.

    They are what SciPy makes of each voxel alone, since it is SciPy that resamples for nnU-Net.
    """
    each: NDArray[np.float64] = ndimage.zoom(
        np.eye(before), (after / before, 1), order=order, mode="nearest", grid_mode=True
    )
    return each


@lru_cache(maxsize=32)
def _interpolated(before: int, after: int, mode: str) -> torch.Tensor:
    """The same of PyTorch's interpolation, in its own float32."""
    return F.interpolate(torch.eye(before)[None], size=after, mode=mode)[0].T.contiguous()
