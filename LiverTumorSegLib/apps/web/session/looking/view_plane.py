"""The plane that a slice view shows: where places of the patient are in its picture, and which lie in its slice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import slicer
import slicer.util
from numpy.typing import NDArray
from trame_slicer.views import SliceView

from ....panel.mrml_volumes import world_affine

_TOLERANCE_MM = 1e-3
"""Of two slices that are equally near, one is taken."""


@dataclass(frozen=True)
class ViewPlane:
    """The plane of a slice view.

    Args:
        to_ras: 4x4 from the pixel ``(x, y, 0, 1)``, counted from the lower left corner, to world RAS in mm.
        size: pixels of the picture, to the right and up.
        thickness_mm: of a slice, which is a voxel's extent across the plane.
    """

    to_ras: NDArray[np.float64]
    size: tuple[int, int]
    thickness_mm: float

    @classmethod
    def of(cls, view: SliceView, volume: slicer.vtkMRMLVolumeNode) -> ViewPlane:
        """The plane that a view shows of a volume now."""
        node = view.get_view_node()
        width, height, _ = node.GetDimensions()
        to_ras = np.asarray(slicer.util.arrayFromVTKMatrix(node.GetXYToRAS()), np.float64)
        thin = cls(to_ras, (max(1, width), max(1, height)), 0.0)
        return replace(thin, thickness_mm=float(np.abs(thin.normal @ world_affine(volume)[:3, :3]).sum()))

    @property
    def right(self) -> NDArray[np.float64]:
        """Direction to the right, of length 1."""
        return _unit(self.to_ras[:3, 0])

    @property
    def up(self) -> NDArray[np.float64]:
        """Direction upwards, of length 1."""
        return _unit(self.to_ras[:3, 1])

    @property
    def normal(self) -> NDArray[np.float64]:
        """Direction through the slices, of length 1."""
        return _unit(np.cross(self.right, self.up))

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the picture in the patient."""
        width, height = np.linalg.norm(self.to_ras[:3, :2], axis=0) * self.size
        return float(width), float(height)

    def along(self, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Offsets ``[..., RAS]`` in mm as ``[..., (right, up, normal)]``.

        Right and up need not be at right angles: a view follows the axes of a CT that was taken with a tilted gantry.
        """
        return np.asarray(offsets @ np.linalg.inv(np.stack([self.right, self.up, self.normal])))

    def shares(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points ``[point, RAS]`` are drawn: percent of width and height, from the upper left corner."""
        pixels = self.along(points - self.to_ras[:3, 3])[..., :2] / np.linalg.norm(self.to_ras[:3, :2], axis=0)
        across, up = ((pixels + 0.5) / self.size).T  # a pixel's colour is that of its middle
        return np.stack([100 * across, 100 - 100 * up], axis=-1)

    def place(self, right: float, down: float) -> NDArray[np.float64]:
        """World RAS of a place in the picture, given in percent as :meth:`shares` gives it."""
        x, y = right / 100 * self.size[0] - 0.5, (1 - down / 100) * self.size[1] - 0.5
        return np.asarray((self.to_ras @ [x, y, 0.0, 1.0])[:3])

    def distances(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Millimetres from the middle of the slice to points ``[point, RAS]``, along the normal."""
        return np.asarray((points - self.to_ras[:3, 3]) @ self.normal)

    def cuts(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points ``[point, RAS]`` lie in the slice."""
        half, along = self.thickness_mm / 2, self.distances(points)
        return np.asarray((along >= _TOLERANCE_MM - half) & (along < half + _TOLERANCE_MM))


def _unit(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(direction / np.linalg.norm(direction))
