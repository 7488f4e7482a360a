"""Distances between two masks' surfaces: ASSD, RMSD, Hausdorff distance, its 95th percentile, surface Dice.

All come from one pass over the masks' common box. Packages disagree about three things:

- The surface is every voxel of the mask that has a neighbour outside it; beyond the array all is outside. LiTS looks
  at the 18 neighbours that share a face or an edge, MONAI and MedPy at the 6 that share a face, which leaves fewer
  voxels and mostly larger averages; surface-distance takes the corners between voxels. 18 is the default, since the
  figures published for the liver are mostly those of LiTS.
- HD95 is the larger of the two surfaces' 95th percentiles, as in MONAI and surface-distance, so that a small surface
  far from a large one is not outvoted by it; MedPy takes the percentile of both surfaces' distances together.
- Surface Dice counts voxels, as MONAI's does; surface-distance weighs each point by the area of the surface there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_FLATS = {6: ((0,), (1,), (2,)), 18: ((0, 1), (0, 2), (1, 2)), 26: ((0, 1, 2),)}
"""Axes of the lines, squares or cube, 3 voxels a side, that together make up a neighbourhood."""

_NEAR_VOXELS = 1024
"""So many voxels around each are tried for one of the other surface."""

_TRIALS_A_VOXEL = 8
"""More trials than this for each voxel of the box are a waste: then few voxels have any of the other surface near."""

_VOXELS_A_QUERY = 100
"""A distance transform of so many voxels takes about as long as the tree takes for one point."""

_ROUNDING_MM = 1e-4
"""Files store spacings in 32 bits: this little beyond the tolerance is not beyond it."""


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between two surfaces: from each voxel of either to the nearest of the other, centre to centre.

    Args:
        assd_mm: average symmetric surface distance, the mean over the voxels of both surfaces.
        rmsd_mm: root of the mean square over the voxels of both surfaces.
        hd_mm: Hausdorff distance, the largest of all.
        hd95_mm: the larger of the two surfaces' 95th percentiles, interpolated linearly.
        surface_dice: share of both surfaces' voxels that are within the tolerance (Nikolov et al. 2021, who weigh
            by area).
    """

    assd_mm: float
    rmsd_mm: float
    hd_mm: float
    hd95_mm: float
    surface_dice: float


def measure(
    prediction: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    axes_mm: NDArray[np.float64] | Sequence[float],
    *,
    connectivity: int = 18,
    tolerance_mm: float = 2.0,
) -> SurfaceDistances | None:
    """Distances between the surfaces of two masks; None where either is empty.

    Args:
        prediction: bool ``[slice, row, column]``.
        reference: the same, of the same shape.
        axes_mm: 3x3, a row for each axis of the arrays: one step along it in patient millimetres, at any angle to the
            others; or three spacings, where all angles are right.
        connectivity: of a surface voxel, how many neighbours are looked at for one outside the mask: 6, 18 or 26.
        tolerance_mm: largest distance at which the surface Dice counts a voxel, itself included.

    Raises:
        ValueError: the connectivity is another, or the shapes differ.
    """
    if connectivity not in _FLATS:
        msg = f"connectivity must be one of {', '.join(map(str, _FLATS))}, not {connectivity}"
        raise ValueError(msg)
    if prediction.shape != reference.shape:
        msg = f"prediction and reference must have one shape, not {prediction.shape} and {reference.shape}"
        raise ValueError(msg)
    if not (prediction.any() and reference.any()):
        return None
    axes = np.asarray(axes_mm, np.float64)
    search = _Search(np.diag(axes) if axes.ndim == 1 else axes)
    box = _common_box(prediction, reference)
    found, sought = (
        search.ready(_surface(np.ascontiguousarray(m[box]), connectivity)) for m in (prediction, reference)
    )
    return _summary(search.distances(found, sought), search.distances(sought, found), tolerance_mm)


class _Search:
    """Looks for the nearest voxel of a surface on one lattice of voxel centres.

    Surfaces worth comparing lie mostly within a few voxels of each other, where trying out the nearest voxels, step
    by step, is many times faster than any tree or transform; these are for the few points without any so near.
    """

    def __init__(self, axes: NDArray[np.float64]) -> None:
        self.axes = axes
        reach = (_NEAR_VOXELS * abs(np.linalg.det(axes)) * 3 / (4 * np.pi)) ** (1 / 3)
        self.margin = (reach * np.linalg.norm(np.linalg.inv(axes), axis=0)).astype(int)
        steps = np.indices(2 * self.margin + 1).reshape(3, -1).T - self.margin
        mm = np.linalg.norm(steps @ axes, axis=1)
        nearest = np.argsort(mm, kind="stable")[: np.count_nonzero(mm <= reach)]
        self.steps, self.mm = steps[nearest], mm[nearest]

    def ready(self, surface: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The surface with a margin, so that no near step leads out of the array or into the next row."""
        return np.pad(surface, [(n, n) for n in self.margin])

    def distances(self, own: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Millimetres from each voxel of one ready surface to the nearest of the other."""
        at, flat = np.flatnonzero(own), other.ravel()
        result, left, trials = np.empty(len(at)), np.arange(len(at)), _TRIALS_A_VOXEL * other.size
        for step, mm in zip(self.steps @ other.strides, self.mm, strict=True):
            trials -= len(at)
            if trials < 0 or not len(at):
                break
            hit = flat.take(at + step)
            result[left[hit]] = mm
            missed = ~hit
            at, left = at.compress(missed), left.compress(missed)
        if len(left):
            result[left] = self._far(at, other)
        return result

    def _far(self, at: NDArray[np.intp], other: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Tree for few points, transform for many, such as those of noise, which would take the tree a minute."""
        squares = self.axes @ self.axes.T
        upright = np.allclose(squares, np.diag(np.diag(squares)), rtol=0, atol=1e-6 * squares.max())
        if upright and len(at) * _VOXELS_A_QUERY > other.size:
            return _transform(other, np.sqrt(np.diag(squares))).ravel()[at].astype(np.float64)
        points = self._placed(np.flatnonzero(other), other.shape)
        tree = cKDTree(points, leafsize=32, balanced_tree=False, compact_nodes=False)
        return tree.query(self._placed(at, other.shape))[0]

    def _placed(self, at: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.float64]:
        return np.stack(np.unravel_index(at, shape), axis=1) @ self.axes


def _common_box(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[slice, ...]:
    box: list[slice] = []
    for axis in range(3):
        across = tuple(a for a in range(3) if a != axis)
        shown = np.flatnonzero(one[tuple(box)].any(axis=across) | other[tuple(box)].any(axis=across))
        box.append(slice(int(shown[0]), int(shown[-1]) + 1))
    return tuple(box)


def _surface(mask: NDArray[np.bool_], connectivity: int) -> NDArray[np.bool_]:
    inner = mask.copy()
    for axes in _FLATS[connectivity]:
        flat = mask
        for axis in axes:
            flat = _between_two(flat, axis)
        inner &= flat
    return mask ^ inner


def _between_two(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Voxels of the mask whose two neighbours along an axis are in it too."""
    result = np.zeros_like(mask)
    line, kept = np.moveaxis(mask, axis, 0), np.moveaxis(result, axis, 0)
    np.logical_and(line[:-2], line[2:], out=kept[1:-1])
    result &= mask
    return result


def _transform(surface: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Millimetres to the surface for every voxel off it, on axes at right angles (Maurer et al. 2003)."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(surface.view(np.uint8))
    image.SetSpacing(spacing[::-1].tolist())
    try:
        return sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True))
    except RuntimeError as error:  # ITK's word for it
        raise MemoryError from error


def _summary(one: NDArray[np.float64], other: NDArray[np.float64], tolerance_mm: float) -> SurfaceDistances:
    both = np.concatenate([one, other])
    return SurfaceDistances(
        assd_mm=float(both.mean()),
        rmsd_mm=float(np.sqrt(np.mean(both**2))),
        hd_mm=float(both.max()),
        hd95_mm=float(max(np.percentile(one, 95), np.percentile(other, 95))),
        surface_dice=float(np.mean(both <= tolerance_mm + _ROUNDING_MM)),
    )
