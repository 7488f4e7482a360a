"""Liver and lesions of a CT as axial slices, and the surface that both have together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.labels import bounding_box, widened_box
from ..core.volume import Box, Volume
from .lesion_notes import Voxel


class Organ:
    """Liver and lesions cropped to their bounds, as axial slices, with a border where there is one."""

    def __init__(self, labels: NDArray[np.uint8], volume: Volume, *, liver_known: bool) -> None:
        seen = volume.axial.of(labels)
        self.near = widened_box(bounding_box(seen), seen.shape)
        self.start = np.array([s.start for s in self.near])
        self.labels = seen[self.near]
        self.ends = self.near[0].start == 0, self.near[0].stop >= len(seen)
        self.hounsfield = volume.axial.of(volume.voxels)[self.near]
        self.voxel_ml = volume.voxel_ml
        self.to_patient = volume.axial.affine(volume.affine, volume.voxels.shape)
        self.axes_mm = self.to_patient[:3, 2::-1].T
        self.size = int(np.count_nonzero(self.labels))
        self.liver_known = liver_known
        self._view, self._shape = volume.axial, labels.shape

    @property
    def box(self) -> Box:
        """Where it is in the volume's ``[k, j, i]``."""
        return self._view.array_box(self.near, self._shape)

    def share(self, size: int) -> float | None:
        """Percentage that so many voxels are of the organ, None where the liver is not known."""
        return 100 * size / self.size if self.liver_known else None

    def voxel(self, point: NDArray[np.intp]) -> Voxel:
        """``(i, j, k)`` of the CT at a slice, row and column of the whole view."""
        k, j, i = self._view.place(point.tolist(), self._shape)
        return i, j, k

    def placed(self, points: NDArray) -> NDArray[np.float64]:
        """Patient millimetres, but for the origin, of ``[point, (slice, row, column)]``."""
        return points @ self.axes_mm


_TRIED = 50
"""Points that may be near a lesion, by which most others are ruled out."""


class Surface:
    """Surface of the liver with its lesions; the border of the volume is no part of it."""

    def __init__(self, organ: Organ) -> None:
        inside = organ.labels > 0
        self._organ = organ
        self._mask = inside & ~ndimage.binary_erosion(inside, border_value=1)
        self._points = organ.placed(np.argwhere(self._mask) + organ.start)

    def distance(self, mask: NDArray[np.bool_], box: tuple[slice, ...]) -> float:
        """Shortest way to it from a lesion; only points that can be nearest, by the lesion's sphere, are tried."""
        if not len(self._points) or (self._mask[box] & mask).any():
            return 0.0
        from scipy.spatial import cKDTree  # as in diameters.py

        start = self._organ.start + [axis.start for axis in box]
        rim = self._organ.placed(np.argwhere(mask & ~ndimage.binary_erosion(mask)) + start)
        centre = rim.mean(axis=0)
        least = np.linalg.norm(self._points - centre, axis=1) - np.linalg.norm(rim - centre, axis=1).max()
        lesion = cKDTree(rim)
        bound = lesion.query(self._points[least.argpartition(min(_TRIED, len(least)) - 1)[:_TRIED]])[0].min()
        return float(lesion.query(self._points[least < bound])[0].min(initial=bound))
