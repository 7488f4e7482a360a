"""Synthetic CTs of a small body with a liver, lesions and vessels, and where these are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIVER, LESION, VESSEL = 1, 2, 3
_HU = {0: 35, LIVER: 110, LESION: 55, VESSEL: 175}
_AIR, _FAT = -1000, -90
_NOISE, _GREYS = 12.0, 8
"""Standard deviation of HU, and the steps that they are rounded to, which keeps files small."""


@dataclass(frozen=True)
class Grid:
    """Voxels along z, y and x, and their sides in mm."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def millimetres(self):
        """Coordinates of the voxels from the middle, z, y, x."""
        lines = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(self.shape, self.spacing, strict=True)]
        return np.meshgrid(*lines, indexing="ij")


def make(grid: Grid, seed: int, filled: float = 1.0):
    """HU, int16, and labels, uint8, ``[z, y, x]``.

    Args:
        grid: voxels.
        seed: of all that is random.
        filled: share of each side that the body fills; around it is air.
    """
    random = np.random.RandomState(seed)
    z, y, x = grid.millimetres()
    reach = [filled * n * mm / 2 for n, mm in zip(grid.shape, grid.spacing, strict=True)]
    body = (y / (0.92 * reach[1])) ** 2 + (x / (0.95 * reach[2])) ** 2
    labels = np.zeros(grid.shape, np.uint8)
    middle = [random.uniform(-0.15, 0.15) * side for side in reach]
    middle[2] -= 0.2 * reach[2]
    radii = [random.uniform(0.55, 0.75) * side for side in reach]
    places = list(zip((z, y, x), middle, radii, strict=True))
    liver = sum(((at - centre) / radius) ** 2 for at, centre, radius in places) < 1
    labels[liver] = LIVER
    slope = random.uniform(-0.4, 0.4, 2)
    for offset in (-0.35, 0.3):
        away = np.hypot(y - middle[1] - offset * radii[1] - slope[0] * z, z - middle[0] - slope[1] * x)
        labels[liver & (away < 3.2)] = VESSEL
    for _ in range(5):
        centre = [at + random.uniform(-0.55, 0.55) * radius for at, radius in zip(middle, radii, strict=True)]
        size = random.uniform(5, 9)
        away = sum((at - own) ** 2 for at, own in zip((z, y, x), centre, strict=True))
        labels[liver & (away < size**2)] = LESION
    hounsfield = np.full(grid.shape, _FAT, float)
    for label, value in _HU.items():
        hounsfield[(labels == label) & ((label > 0) | (body < 0.8))] = value
    spleen = ((x - 0.6 * reach[2]) / (0.2 * reach[2])) ** 2 + (y / (0.4 * reach[1])) ** 2 < 1
    hounsfield[spleen & (labels == 0)] = 125
    hounsfield += random.normal(0, _NOISE, grid.shape)
    hounsfield[((body >= 1) | (np.abs(z) > 1.2 * reach[0])) & (labels == 0)] = _AIR
    return (np.rint(hounsfield / _GREYS) * _GREYS).astype(np.int16), labels
