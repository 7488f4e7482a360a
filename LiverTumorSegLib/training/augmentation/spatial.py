"""Squares cut out of slices and their labels: placed, turned, zoomed, sheared and bent in one resampling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from .options import Augmentation, displacements, draw_control_points
from .sending import Send, send_each


class SquarePlacement(NamedTuple):
    """The places of a batch's squares in their slices; arrays on the CPU, whatever they are applied to.

    Attributes:
        size: pixels a side.
        centre: ``[batch, 2]``, row and column in the slice.
        matrix: ``[batch, 2, 2]``, maps offsets in the square (row, column) to offsets in the slice.
        elastic: control points of the displacements within the square, None for none.
    """

    size: int
    centre: NDArray[np.float32]
    matrix: NDArray[np.float32]
    elastic: NDArray[np.float32] | None = None

    @property
    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """What a device needs of it."""
        return self.centre, self.matrix, *(() if self.elastic is None else (self.elastic,))


def draw_placement(
    ranges: Augmentation, centre: NDArray[np.floating], size: int, random: np.random.Generator
) -> SquarePlacement:
    """Draw how squares are shifted, turned, zoomed, stretched, sheared and bent.

    Args:
        ranges: how far.
        centre: ``[batch, 2]``, row and column that the squares would be centred on.
        size: pixels a side.
        random: source of random numbers.
    """
    batch = len(centre)
    shift = random.uniform(-1, 1, (batch, 2)) * (ranges.shift + ranges.shift_share * size)
    least, most = np.log(ranges.zoom).tolist()
    zoom = np.exp(random.uniform(least, most, (batch, 1 if ranges.isotropic else 2)))
    stretch = np.exp(random.uniform(-ranges.stretch, ranges.stretch, (batch, 1)) / 2)
    rotation = random.uniform(-ranges.rotation, ranges.rotation, batch)
    shear = random.uniform(-ranges.shear, ranges.shear, batch)
    points = draw_control_points(ranges.elastic, ranges.elastic_points, batch, random) if ranges.elastic else None
    matrix = affine_in_plane(rotation, shear, zoom * np.concatenate([stretch, 1 / stretch], axis=1))
    return SquarePlacement(size, (centre + shift).astype(np.float32), matrix, points)


def affine_in_plane(
    rotation: NDArray[np.floating], shear: NDArray[np.floating], zoom: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Matrices of :class:`SquarePlacement`: what is seen is turned, sheared and magnified.

    Args:
        rotation: ``[batch]``, degrees that what is seen turns clockwise, rows running down.
        shear: ``[batch]``, pixels that a column slides along the one before it.
        zoom: ``[batch, 2]``, magnification of rows and of columns.
    """
    cos, sin = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    turn = np.moveaxis(np.array([[cos, -sin], [sin, cos]]), -1, 0)
    slide = np.tile(np.eye(2), (len(shear), 1, 1))
    slide[:, 0, 1] = shear
    return (turn @ slide / zoom[:, None]).astype(np.float32)


def cut_squares(
    slices: torch.Tensor,
    labels: torch.Tensor,
    placement: SquarePlacement,
    sizes: torch.Tensor | None = None,
    there: Send | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut squares out of slices (bilinear) and of their labels (nearest), on the device these are on.

    Outside a slice everything is mirrored at its first and last pixels, as often as that takes, and labels as pixels:
    nothing is seen there that the preprocessing could not have made. Pixels that fall exactly on pixels of the slice
    keep their value to the last bit.

    Args:
        slices: ``[batch, channel, row, column]`` of any number type.
        labels: ``[batch, row, column]``, integers.
        placement: where the squares lie.
        sizes: ``[batch, 2]``, rows and columns of each slice, where some are smaller; None: all are as large as given.
        there: gives the placement's arrays on the device; None to send each by itself.

    Returns:
        Float ``[batch, channel, size, size]``, and labels ``[batch, size, size]`` of their own type.
    """
    if sizes is None:
        sizes = torch.tensor(slices.shape[-2:]).expand(len(slices), 2)
    height, width = (2 ** (count - 1).bit_length() for count in slices.shape[-2:])
    grid = _grid(placement, sizes.to(slices.device), (height, width), there or send_each(slices.device))
    pixels = _sampled(slices, grid, (height, width), "bilinear")
    masks = _sampled(labels[:, None], grid, (height, width), "nearest")
    return pixels, masks[:, 0].to(labels.dtype)


def _sampled(slices: torch.Tensor, grid: torch.Tensor, frame: tuple[int, int], mode: str) -> torch.Tensor:
    """Slices within a frame that no position reaches into, resampled two at a time.

    The frame's sides are powers of two: only these survive the scaling of positions to [-1, 1] and back within
    ``grid_sample`` without a rounding error. Floats of a whole batch would not fit the cache: four times as slow.
    """
    pads = (0, frame[1] - slices.shape[-1], 0, frame[0] - slices.shape[-2])
    parts = zip(slices.split(2), grid.split(2), strict=True)
    return torch.cat([F.grid_sample(F.pad(part, pads).float(), at, mode, align_corners=False) for part, at in parts])


def _grid(placement: SquarePlacement, sizes: torch.Tensor, frame: tuple[int, int], there: Send) -> torch.Tensor:
    device = sizes.device
    offsets = torch.arange(placement.size, dtype=torch.float32, device=device) - (placement.size - 1) / 2
    row, column = (axis[None] for axis in torch.meshgrid(offsets, offsets, indexing="ij"))
    if placement.elastic is not None:
        bent = displacements(there(placement.elastic), placement.size)
        row, column = row + bent[:, 0], column + bent[:, 1]
    matrix, centre = there(placement.matrix), there(placement.centre)
    scaled = []
    for axis in (1, 0):  # grid_sample takes columns first
        steps = matrix[:, axis, :, None, None]
        position = steps[:, 0] * row + steps[:, 1] * column + centre[:, axis, None, None]
        inside = _mirrored(position, sizes[:, axis, None, None])
        scaled.append(inside.mul_(2).add_(1).div_(frame[axis]).sub_(1))
    return torch.stack(scaled, dim=-1)


def _mirrored(position: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Mirror positions, which are overwritten, into an axis of so many pixels, as ``numpy.pad``'s ``reflect`` does."""
    last = size.float() - 1
    period = (2 * last).clamp(min=1)
    position.abs_()
    position -= (position / period).floor_().mul_(period)  # remainder_ takes twice as long
    return torch.minimum(torch.minimum(position, period - position), last)
