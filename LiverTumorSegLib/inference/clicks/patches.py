"""Patches of true size cut out of axial slices, whatever their spacing, and slices that are not evenly spaced."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

Millimetres = tuple[float, float, float]
Voxels = tuple[int, int, int]

_SLACK = 0.05
"""Share of a pixel by which a step may be longer without being an average of one pixel more."""


@dataclass(frozen=True)
class Slab:
    """Some axial slices, in a frame of millimetres along slices, rows and columns.

    Args:
        pixels: ``[slice, row, column]``, of any type.
        positions: millimetres of each slice's centre, rising.
        first: millimetres of the centres of the first row and column.
        pixel_mm: between rows and between columns.
        brightest: the value of the pixels that stands for 1.
    """

    pixels: torch.Tensor
    positions: NDArray[np.float64]
    first: tuple[float, float]
    pixel_mm: tuple[float, float]
    brightest: float = 1.0


@dataclass(frozen=True)
class Patch:
    """A box of voxels in a slab's frame, perhaps turned and mirrored in its plane.

    Args:
        centre: millimetres.
        size: slices, rows and columns.
        step_mm: from a voxel to the next along each of them.
        turn: ``[2, 2]``, maps offsets of rows and columns in the patch to those in the slab; the identity for none.
        upwards: whether slices run as the slab's do.
    """

    centre: Millimetres
    size: Voxels
    step_mm: Millimetres
    turn: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    upwards: bool = True

    def place(self, point: Millimetres) -> Millimetres:
        """A point of the slab's frame as slice, row and column of the patch, which need not be whole."""
        depth, *plane = (at - middle for at, middle in zip(point, self.centre, strict=True))
        row, column = np.linalg.solve(np.array(self.turn), plane)
        offsets = (depth if self.upwards else -depth, row, column)
        found = [at / step + (n - 1) / 2 for at, step, n in zip(offsets, self.step_mm, self.size, strict=True)]
        return found[0], found[1], found[2]

    def point(self, place: Millimetres) -> Millimetres:
        """The inverse of :meth:`place`."""
        depth, row, column = (
            (at - (n - 1) / 2) * step for at, step, n in zip(place, self.step_mm, self.size, strict=True)
        )
        plane = np.array(self.turn) @ (row, column)
        z, y, x = self.centre
        return z + (depth if self.upwards else -depth), y + float(plane[0]), x + float(plane[1])

    @property
    def reach_mm(self) -> Millimetres:
        """Millimetres from the centre to the farthest edges along the slab's axes."""
        half = [(n / 2) * step for n, step in zip(self.size, self.step_mm, strict=True)]
        plane = np.abs(np.array(self.turn)) @ half[1:]
        return half[0], float(plane[0]), float(plane[1])


def cut(slab: Slab, patch: Patch) -> torch.Tensor:
    """Resample a slab to a patch: linear, and averaged where the patch's voxels are larger.

    What lies outside the slab repeats its border.

    Returns:
        Float32 ``[slice, row, column]``.
    """
    share = _shares_of_slices(slab, patch)
    used = np.flatnonzero(share.any(axis=0))
    first, last = int(used[0]), int(used[-1]) + 1
    planes = _resampled_planes(slab, patch, first, last)
    return torch.tensordot(torch.from_numpy(share[:, first:last]).to(planes), planes, dims=1)


def _shares_of_slices(slab: Slab, patch: Patch) -> NDArray[np.float32]:
    """Share of each slice of the slab in each of the patch's, ``[slice of the patch, slice of the slab]``."""
    depth, step = patch.size[0], patch.step_mm[0]
    known = slab.positions
    gap = float(np.diff(known).min()) if len(known) > 1 else step
    parts = max(1, ceil(step / gap - _SLACK))
    places = ((np.arange(depth * parts) + 0.5) / parts - depth / 2) * step
    wanted = patch.centre[0] + (places if patch.upwards else -places)
    share = linear_shares(np.interp(wanted, known, np.arange(len(known))), len(known))
    return share.reshape(depth, parts, -1).mean(axis=1).astype(np.float32)


def linear_shares(at: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Share of each of ``count`` samples in a value between them, ``[place, sample]``.

    Args:
        at: places, from 0 to ``count - 1``.
        count: how many samples there are.
    """
    below = np.floor(at).astype(int).clip(0, max(0, count - 2))
    shares = np.zeros((len(at), count))
    rows = np.arange(len(at))
    shares[rows, below] = 1 - (at - below)
    shares[rows, np.minimum(below + 1, count - 1)] += at - below
    return shares


def _resampled_planes(slab: Slab, patch: Patch, first: int, last: int) -> torch.Tensor:
    """Each slice on the patch's rows and columns."""
    _, height, width = patch.size
    parts = [max(1, ceil(step / mm - _SLACK)) for step, mm in zip(patch.step_mm[1:], slab.pixel_mm, strict=True)]
    rows, columns = (
        ((np.arange(n * part) + 0.5) / part - n / 2) * step
        for n, part, step in zip((height, width), parts, patch.step_mm[1:], strict=True)
    )
    turn = np.array(patch.turn)
    shape = slab.pixels.shape[1:]
    positions = []
    for axis in range(2):
        mm = patch.centre[1 + axis] + turn[axis, 0] * rows[:, None] + turn[axis, 1] * columns[None]
        positions.append(((mm - slab.first[axis]) / slab.pixel_mm[axis]).clip(0, shape[axis] - 1))
    lows = [int(place.min()) for place in positions]
    box = [slice(low, int(place.max()) + 2) for low, place in zip(lows, positions, strict=True)]
    pixels = slab.pixels[(slice(first, last), *box)]
    pixels = pixels.float() / slab.brightest if slab.brightest != 1 else pixels.float()
    scaled = [
        (place - low) * (2 / max(1, n - 1)) - 1 for place, low, n in zip(positions, lows, pixels.shape[1:], strict=True)
    ]
    grid = torch.from_numpy(np.stack([scaled[1], scaled[0]], axis=-1).astype(np.float32)).to(pixels.device)
    sampled = F.grid_sample(pixels[None], grid[None], mode="bilinear", padding_mode="border", align_corners=True)
    return F.avg_pool2d(sampled, parts)[0] if max(parts) > 1 else sampled[0]
