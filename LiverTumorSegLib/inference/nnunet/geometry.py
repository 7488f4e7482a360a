"""A CT with the axes that its network knows, and labels on that grid put back where they belong in the CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ...core.volume import AxialView, Box, Volume
from ...models.nnunet.settings import NnUNet
from .resampling import Along

Each = TypeVar("Each")

_TRUNCATED = 1e-3
"""HU that a whole number may have lost to rounding, before what follows its point is cut off."""


@dataclass(frozen=True)
class Frame:
    """A CT, or a box of it, as nnU-Net's arrays have it.

    Args:
        box: of the CT's ``[k, j, i]``.
        view: of the box, whose axes are nnU-Net's after its ``transpose``.
        shape: of the view.
        zoomed: the shape that the CT is brought to before nnU-Net sees it; the view's own where it is not.
        zoomed_mm: sides of the voxels then.
    """

    box: Box
    view: AxialView
    shape: tuple[int, int, int]
    zoomed: tuple[int, int, int]
    zoomed_mm: tuple[float, float, float]

    @property
    def is_zoomed(self) -> bool:
        """Whether the CT is brought to another grid before nnU-Net sees it."""
        return self.zoomed != self.shape

    def of(self, array: NDArray) -> NDArray:
        """View an array of the CT's grid; no voxel is copied."""
        return self.view.of(array[self.box])

    def voxels(self, volume: Volume, numbers: torch.dtype, device: torch.device) -> NDArray[np.int16]:
        """The CT as nnU-Net is given it; where it is zoomed, linearly, and what follows the point is cut off.

        Args:
            volume: the CT.
            numbers: that are computed with; in float64 SciPy computes, as for TotalSegmentator.
            device: that float32 is computed on.
        """
        seen = self.of(volume.voxels)
        if not self.is_zoomed:
            return seen
        if numbers == torch.float64:
            factors = [after / before for before, after in zip(self.shape, self.zoomed, strict=True)]
            exact = ndimage.zoom(seen, factors, output=np.float64, order=1, mode="nearest")
            return exact.astype(np.int16)  # type: ignore[no-any-return]
        values = torch.from_numpy(seen.astype(np.float32, order="C")).to(device, numbers)
        for axis, (before, after) in enumerate(zip(self.shape, self.zoomed, strict=True)):
            values = Along(_between_corners(before, after), after)(values, axis)
        return (values + _TRUNCATED * values.sign()).short().cpu().numpy()  # type: ignore[no-any-return]

    def put_back(self, made: NDArray, array: NDArray) -> None:
        """Write what was made on nnU-Net's grid into an array of the CT's; zoomed, each voxel takes the nearest."""
        if not self.is_zoomed:
            self.of(array)[:] = made
            return
        first, *plane = (_nearest(before, after) for before, after in zip(self.zoomed, self.shape, strict=True))
        view = self.of(array)
        for number, source in enumerate(first):
            view[number] = made[source][np.ix_(*plane)]

    def affine(self, volume: Volume) -> NDArray[np.float64]:
        """From ``(c, b, a)`` of nnU-Net's array, before its crop, to RAS."""
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [side.start for side in reversed(self.box)]
        placed = self.view.affine(affine, tuple(side.stop - side.start for side in self.box))
        for column, (before, after) in enumerate(zip(reversed(self.shape), reversed(self.zoomed), strict=True)):
            placed[:3, column] *= (before - 1) / max(1, after - 1) if before != after else 1.0
        return placed


def find_frame(volume: Volume, settings: NnUNet, box: Box | None = None) -> Frame:
    """How a network is shown a CT.

    Args:
        volume: the CT.
        settings: of the network.
        box: of ``k, j, i``, outside of which nothing is looked at; None for all.
    """
    kept = box or (slice(0, volume.voxels.shape[0]), slice(0, volume.voxels.shape[1]), slice(0, volume.voxels.shape[2]))
    k, j, i = (slice(*side.indices(n)[:2]) for side, n in zip(kept, volume.voxels.shape, strict=True))
    turned = settings.orientation == "RAS" or settings.around is not None
    axes, flips = _to_ras(volume.affine) if turned else ((0, 1, 2), (False, False, False))
    order = [axes[at] for at in settings.transpose]
    spacing = _triple([volume.spacing[axis] for axis in order])
    view = AxialView(_triple(order), _triple([flips[at] for at in settings.transpose]), spacing)
    shape = _triple([(k, j, i)[axis].stop - (k, j, i)[axis].start for axis in order])
    wanted = settings.around.spacing_mm if settings.around else None
    if wanted is None:
        return Frame((k, j, i), view, shape, shape, spacing)
    sides = _triple([wanted[2 - at] for at in settings.transpose])
    zoomed = _triple([max(1, round(n * (now / side))) for n, now, side in zip(shape, spacing, sides, strict=True)])
    return Frame((k, j, i), view, shape, zoomed, sides)


def _to_ras(affine: NDArray[np.float64]) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Which axes of ``[k, j, i]`` run upwards, to the front and to the right, and which of them the other way."""
    from nibabel.orientations import io_orientation  # which loads all of nibabel, and pydicom

    found = io_orientation(affine)
    lines = [int(np.flatnonzero(found[:, 0] == line)[0]) for line in (2, 1, 0)]
    return tuple(2 - line for line in lines), tuple(bool(found[line, 1] < 0) for line in lines)


def _between_corners(before: int, after: int) -> torch.Tensor | None:
    """Weights ``[after, before]`` of linear interpolation where the outermost voxels keep their middles."""
    if before == after:
        return None
    at = np.arange(after) * ((before - 1) / max(1, after - 1))
    lower = np.minimum(at.astype(np.intp), before - 1)
    weights = np.zeros((after, before))
    weights[np.arange(after), np.minimum(lower + 1, before - 1)] = at - lower
    weights[np.arange(after), lower] += 1 - (at - lower)
    return torch.from_numpy(weights)


def _nearest(before: int, after: int) -> NDArray[np.intp]:
    """Of each voxel the nearest one among fewer or more; the outermost keep their middles."""
    at = np.arange(after) * ((before - 1) / max(1, after - 1))
    return np.minimum(np.floor(at + 0.5).astype(np.intp), before - 1)


def _triple(three: Sequence[Each]) -> tuple[Each, Each, Each]:
    first, second, third = three
    return first, second, third
