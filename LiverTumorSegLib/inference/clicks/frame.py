"""A CT as slabs: the frame of millimetres that clicks, patches and answers share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.boxed import Boxed
from ...core.errors import UserError
from ...core.volume import Box, Volume
from ...preprocessing import Chain, Slices
from .patches import Millimetres, Patch, Slab

_AIR_HU = -200
_SPARE = 2
"""Voxels beyond what a patch reaches, for interpolation."""

Point = tuple[float, float, float]


@dataclass(frozen=True)
class ClickFrame:
    """Axial slices of a CT; a voxel's place is its index times the spacing.

    Args:
        volume: the CT.
    """

    volume: Volume

    @cached_property
    def view(self) -> NDArray[np.int16]:
        """HU ``[slice, row, column]``."""
        return self.volume.axial.of(self.volume.voxels)

    @property
    def spacing(self) -> Millimetres:
        """Between slices, rows and columns."""
        return self.volume.axial.spacing

    def of(self, points: Iterable[Point]) -> list[Millimetres]:
        """Points in RAS millimetres as places in the frame.

        Raises:
            UserError: one is outside the CT, or in air.
        """
        return [self._place(point) for point in points]

    def _place(self, point: Point) -> Millimetres:
        shown = f"({', '.join(f'{at:g}' for at in point)})"
        homogeneous = np.array([*point, 1.0])
        if not np.isfinite(homogeneous).all():
            msg = (
                f"The click {shown} is not a position: give three numbers, in millimetres to the right, front and head."
            )
            raise UserError(msg)
        index = (self._from_ras @ homogeneous)[:3][::-1]
        near = np.rint(index).astype(int)
        if (near < 0).any() or (near >= self.view.shape).any():
            msg = f"The click {shown} lies outside the CT: click into the picture, or check whether x is in RAS or LPS."
            raise UserError(msg)
        around = tuple(slice(max(0, at - 1), at + 2) for at in near)
        if self.view[around].mean() < _AIR_HU:
            msg = f"There is air at the click {shown}: click into a lesion of the liver."
            raise UserError(msg)
        deep, row, column = (float(at * mm) for at, mm in zip(index, self.spacing, strict=True))
        return deep, row, column

    def point(self, voxel: Sequence[float]) -> Point:
        """The point in RAS millimetres of a slice, row and column of the view, which need not be whole."""
        x, y, z, _ = (self._to_ras @ [*reversed(voxel), 1.0]).tolist()
        return x, y, z

    @cached_property
    def _to_ras(self) -> NDArray[np.float64]:
        """From column, row and slice to RAS."""
        return self.volume.axial.affine(self.volume.affine, self.volume.voxels.shape)

    @cached_property
    def _from_ras(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.inv(self._to_ras), np.float64)

    def box_of(self, patch: Patch) -> Box:
        """Voxels that a patch reaches."""
        deep, rows, columns = (
            slice(max(0, int((at - reach) / mm) - _SPARE), min(n, int((at + reach) / mm) + _SPARE + 2))
            for at, reach, mm, n in zip(patch.centre, patch.reach_mm, self.spacing, self.view.shape, strict=True)
        )
        return deep, rows, columns

    def slab(self, patch: Patch, chain: Chain) -> Slab:
        """The part of the CT that a patch needs, preprocessed."""
        box = self.box_of(patch)
        hounsfield = torch.from_numpy(np.ascontiguousarray(self.view[box])[:, None]).float()
        made = chain(Slices(hounsfield, self.spacing[1:]))
        first = [
            (side.start + origin + scale / 2 - 0.5) * mm
            for side, origin, scale, mm in zip(box[1:], made.origin, made.scale, self.spacing[1:], strict=True)
        ]
        pixel = [scale * mm for scale, mm in zip(made.scale, self.spacing[1:], strict=True)]
        return Slab(made.pixels[:, 0], self._positions(box[0]), (first[0], first[1]), (pixel[0], pixel[1]))

    def boxed(self, array: NDArray | Boxed) -> Boxed:
        """An array ``[k, j, i]`` on the CT's grid as part of the axial view; what is one already stays as it is."""
        if isinstance(array, Boxed):
            return array
        deep, rows, columns = (slice(0, n) for n in self.view.shape)
        return Boxed((deep, rows, columns), self.volume.axial.of(array))

    def slab_of(self, patch: Patch, known: Boxed, brightest: float = 1.0) -> Slab:
        """The same of what is known on the CT's grid, as it is."""
        box = self.box_of(patch)
        values = torch.from_numpy(known.inside(box).astype(np.float32))
        first = [side.start * mm for side, mm in zip(box[1:], self.spacing[1:], strict=True)]
        return Slab(values, self._positions(box[0]), (first[0], first[1]), self.spacing[1:], brightest)

    def _positions(self, slices: slice) -> NDArray[np.float64]:
        return np.arange(slices.start, slices.stop) * self.spacing[0]
