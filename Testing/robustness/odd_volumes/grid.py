"""A small body without symmetry, and what the model of :mod:`robustness.odd_volumes.model` makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LIVER_HU, LESION_HU = 60, 140
LEVELS = (-1000, -150, -80, 0, 40, 85, 110, 155, 300)
SHARES = (0.16, 0.14, 0.14, 0.14, 0.14, 0.12, 0.12, 0.02, 0.02)
"""HU far enough from where the labels change for any rounding, and how many voxels have each: lesions are few."""


@dataclass(frozen=True)
class Grid:
    """HU ``[k, j, i]`` and the affine from ``(i, j, k, 1)`` to RAS in mm."""

    voxels: np.ndarray
    affine: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return (self.voxels > LIVER_HU).astype(np.uint8) + (self.voxels > LESION_HU)

    def with_voxels(self, voxels) -> Grid:
        return replace(self, voxels=np.asarray(voxels))

    def with_axes(self, axes) -> Grid:
        affine = self.affine.copy()
        affine[:3, :3] = axes
        return replace(self, affine=affine)

    def ordered(self, axes: tuple[int, ...], flips: tuple[bool, ...]) -> Grid:
        """The same patient, stored with these axes of ``(i, j, k)`` in turn, some of them from their end."""
        step = np.zeros((4, 4))
        step[3, 3] = 1
        for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
            step[old, new] = -1 if flip else 1
            step[old, 3] = self.voxels.shape[2 - old] - 1 if flip else 0
        stored = self.voxels.transpose(2, 1, 0).transpose(axes)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
        return Grid(np.ascontiguousarray(stored.transpose(2, 1, 0)), self.affine @ step)


def body(shape: tuple[int, int, int] = (6, 7, 9), seed: int = 0) -> Grid:
    """Random levels of HU with odd spacings, lying as most CTs do."""
    voxels = np.random.default_rng(seed).choice(LEVELS, shape, p=SHARES).astype(np.int16)
    return Grid(voxels, np.array([[-0.75, 0, 0, 40], [0, -0.875, 0, 60], [0, 0, 2.5, -30], [0, 0, 0, 1.0]]))


BODY = body()
