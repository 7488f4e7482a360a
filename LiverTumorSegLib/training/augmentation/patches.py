"""Patches cut out of volumes and their labels: placed, turned, tilted, zoomed and bent in one resampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch.nn import functional as F

from .options import Augmentation, displacements_in_space, draw_control_points
from .sending import Send, send_each

Size = tuple[int, int, int]


class PatchPlacement(NamedTuple):
    """The places of a batch's patches in their volumes; arrays on the CPU, whatever they are applied to.

    Attributes:
        size: slices, rows and columns of a patch.
        centre: ``[batch, 3]``, slice, row and column in the volume.
        matrix: ``[batch, 3, 3]``, maps offsets in the patch to offsets in the volume, both in voxels.
        elastic: control points of the displacements within the patch, None for none.
    """

    size: Size
    centre: NDArray[np.float32]
    matrix: NDArray[np.float32]
    elastic: NDArray[np.float32] | None = None

    @property
    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """What a device needs of it."""
        return self.centre, self.matrix, *(() if self.elastic is None else (self.elastic,))

    def reach(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The first voxels that the patches can need along each axis, and those after the last, ``[batch, 3]`` each."""
        most = 0.0 if self.elastic is None else float(np.abs(self.elastic).max())
        widest = np.abs(self.matrix) @ ((np.array(self.size) - 1) / 2 + most)
        low, high = np.floor(self.centre - widest), np.ceil(self.centre + widest)
        return low.astype(np.intp) - 1, high.astype(np.intp) + 2

    def within(self, first: NDArray[np.intp]) -> PatchPlacement:
        """The same places in boxes that begin at these voxels ``[batch, 3]`` of the volumes."""
        return self._replace(centre=(self.centre - first).astype(np.float32))


def draw_patches(
    ranges: Augmentation,
    centre: NDArray[np.floating],
    shapes: NDArray[np.intp],
    size: Size,
    spacing_mm: Sequence[float],
    random: np.random.Generator,
) -> PatchPlacement:
    """Draw how patches are shifted, turned, tilted, zoomed, stretched, sheared and bent.

    A shifted patch goes no further than inference would have it: it lies within the volume, or in the middle of it
    along an axis that is shorter than the patch. Turning is in millimetres, so that it keeps what is round round.

    Args:
        ranges: how far; stretching and shearing are those of slices, within the plane.
        centre: ``[batch, 3]``, slice, row and column that the patches would be centred on.
        shapes: ``[batch, 3]``, slices, rows and columns of the volumes.
        size: of a patch.
        spacing_mm: between slices, rows and columns.
        random: source of random numbers.
    """
    batch, sides = len(centre), np.array(size)
    shift = random.uniform(-1, 1, (batch, 3)) * (ranges.shift + ranges.shift_share * sides)
    least, most = np.log(ranges.zoom).tolist()
    zoom = np.exp(random.uniform(least, most, (batch, 1 if ranges.isotropic else 3)))
    stretch = np.exp(random.uniform(-ranges.stretch, ranges.stretch, (batch, 1)) / 2)
    tilt = ranges.rotation / 3 if ranges.tilt is None else ranges.tilt
    degrees = random.uniform(-1, 1, (batch, 3)) * (ranges.rotation, tilt, tilt)
    shear = random.uniform(-ranges.shear, ranges.shear, batch)
    control = (
        draw_control_points(ranges.elastic, ranges.elastic_points, batch, random, axes=3) if ranges.elastic else None
    )
    zooms = zoom * np.concatenate([np.ones_like(stretch), stretch, 1 / stretch], axis=1)
    matrix = affine_in_space(degrees, shear, zooms, spacing_mm)
    return PatchPlacement(size, _inside(centre + shift, shapes, sides), matrix, control)


def affine_in_space(
    degrees: NDArray[np.floating],
    shear: NDArray[np.floating],
    zoom: NDArray[np.floating],
    spacing_mm: Sequence[float],
) -> NDArray[np.float32]:
    """Matrices of :class:`PatchPlacement`: what is seen is turned, sheared and magnified.

    Args:
        degrees: ``[batch, 3]``, about the axis of the slices, as :func:`.spatial.affine_in_plane` turns these, of the
            rows and of the columns, in this order.
        shear: ``[batch]``, pixels that a column slides along the one before it.
        zoom: ``[batch, 3]``, magnification along each axis.
        spacing_mm: between slices, rows and columns.
    """
    millimetres = np.asarray(spacing_mm)
    turn = Rotation.from_euler("XYZ", degrees, degrees=True).as_matrix()
    turn = turn * millimetres / millimetres[:, None]
    slide = np.tile(np.eye(3), (len(shear), 1, 1))
    slide[:, 1, 2] = shear
    return (turn @ slide / zoom[:, None]).astype(np.float32)


def cut_patches(
    volumes: Sequence[torch.Tensor],
    labels: Sequence[torch.Tensor],
    placement: PatchPlacement,
    there: Send | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut a patch out of each volume (trilinear) and of its labels (nearest), on the device these are on.

    Outside a volume its border is repeated, as inference does for a volume that is smaller than a patch.

    Args:
        volumes: ``[channel, slice, row, column]`` of any number type and any size.
        labels: ``[slice, row, column]`` of each, integers.
        placement: where the patches lie.
        there: gives the placement's arrays on the device; None to send each by itself.

    Returns:
        Float ``[batch, channel, *size]``, and labels ``[batch, *size]`` of their own type.
    """
    device = volumes[0].device
    there = there or send_each(device)
    offsets = _offsets(placement, device, there).expand(len(volumes), -1, -1, -1, -1)
    matrix, centre = there(placement.matrix), there(placement.centre)
    pixels, marked = [], []
    for volume, mask, steps, turn, middle in zip(volumes, labels, offsets, matrix, centre, strict=True):
        grid = _grid(torch.einsum("ad,dkji->kjia", turn, steps) + middle, mask.shape)
        pixels.append(_sampled(volume, grid, "bilinear"))
        marked.append(_sampled(mask[None], grid, "nearest")[0].to(mask.dtype))
    return torch.stack(pixels), torch.stack(marked)


def _offsets(placement: PatchPlacement, device: torch.device, there: Send) -> torch.Tensor:
    """Voxels of the patches from their centres, ``[batch, axis, *size]``; of all alike where none is bent."""
    axes = [torch.arange(n, dtype=torch.float32, device=device) - (n - 1) / 2 for n in placement.size]
    straight = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]
    if placement.elastic is None:
        return straight
    return straight + displacements_in_space(there(placement.elastic), placement.size)


def _grid(positions: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Positions in voxels as ``grid_sample`` takes them; the sizes are made where they are, and not sent there."""
    sizes = torch.cat([torch.full((1,), float(count), device=positions.device) for count in shape])
    return ((positions * 2 + 1) / sizes - 1).flip(-1)  # grid_sample takes columns first


def _sampled(volume: torch.Tensor, grid: torch.Tensor, mode: str) -> torch.Tensor:
    return F.grid_sample(volume[None].float(), grid[None], mode, "border", align_corners=False)[0]


def _inside(centre: NDArray[np.floating], shapes: NDArray[np.intp], sides: NDArray[np.intp]) -> NDArray[np.float32]:
    """Centres moved so that voxels of a patch are voxels of its volume, none outside if that is possible."""
    spare = shapes - sides
    first = np.floor(centre - (sides - 1) / 2)
    first = np.where(spare < 0, -(-spare // 2), first.clip(0, np.maximum(spare, 0)))
    return (first + (sides - 1) / 2).astype(np.float32)
