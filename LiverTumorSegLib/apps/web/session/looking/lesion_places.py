"""Where the lesions of a result are in the slices: the voxels around each, for its number beside what is cut of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import slicer
import slicer.util
import vtk
from numpy.typing import NDArray
from scipy import ndimage

from .....core.labels import LESION
from ....panel.mrml_results import ResultNodes
from ....panel.mrml_segmentations import LABELMAP, added_segments
from ....panel.mrml_volumes import apply_affine, ijk_to_local
from .view_plane import ViewPlane

_SAME_VOXEL = 1e-3


@dataclass(frozen=True)
class LesionVoxels:
    """The lesions' voxels in a part of the CT.

    Args:
        mask: ``[k, j, i]``, True where a lesion is.
        start: voxel ``(i, j, k)`` of the CT that the part begins with.
    """

    mask: NDArray[np.bool_]
    start: tuple[int, int, int] = (0, 0, 0)


def lesion_voxels(nodes: ResultNodes) -> LesionVoxels:
    """The voxels of all lesions of a result as its segments are now; no more of the CT than holds them is copied."""
    segmentation = nodes.segmentation
    kinds = nodes.segments | added_segments(segmentation, nodes.segments)
    names = [name for name, kind in kinds.items() if kind == LESION.label]
    parts = [part for name in names if (part := _of_segment(nodes, name))]
    if not parts:
        return LesionVoxels(np.zeros((1, 1, 1), np.bool_))
    starts = np.array([part.start for part in parts])
    ends = starts + [part.mask.shape[::-1] for part in parts]
    first = starts.min(axis=0)
    whole = np.zeros((ends.max(axis=0) - first)[::-1], np.bool_)
    for part, start, end in zip(parts, starts - first, ends - first, strict=True):
        whole[tuple(slice(a, b) for a, b in zip(start[::-1], end[::-1], strict=True))] |= part.mask
    i, j, k = first.tolist()
    return LesionVoxels(whole, (i, j, k))


def _of_segment(nodes: ResultNodes, name: str) -> LesionVoxels | None:
    segment = nodes.segmentation.GetSegmentation().GetSegment(name)
    image = segment.GetRepresentation(LABELMAP) if segment else None
    if image is None or image.IsEmpty():
        return None
    held = slicer.util.arrayFromSegmentInternalBinaryLabelmap(nodes.segmentation, name) == segment.GetLabelValue()
    to_ijk = np.linalg.inv(ijk_to_local(nodes.volume)) @ _affine(image)
    i, _, j, _, k, _ = image.GetExtent()
    start = (to_ijk @ [i, j, k, 1])[:3]
    on_grid = np.abs(start - np.rint(start)).max() < _SAME_VOXEL
    if not on_grid or not np.allclose(to_ijk[:3, :3], np.eye(3), atol=_SAME_VOXEL):
        return LesionVoxels(slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume) > 0)
    box = ndimage.find_objects(held.view(np.uint8))
    if not box:
        return None
    i, j, k = (int(at) + span.start for at, span in zip(np.rint(start), reversed(box[0]), strict=True))
    return LesionVoxels(held[box[0]], (i, j, k))


def _affine(image: slicer.vtkOrientedImageData) -> NDArray[np.float64]:
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return np.asarray(slicer.util.arrayFromVTKMatrix(matrix), np.float64)


@dataclass(frozen=True)
class LesionPlaces:
    """Places of lesions in the patient.

    Args:
        points: ``[point, RAS]``: centres of the voxels at the border of lesions, in mm.
        rows: ``[point]``: the row of the table that each belongs to.
    """

    points: NDArray[np.float64]
    rows: NDArray[np.intp]

    def corners(self, plane: ViewPlane) -> dict[int, NDArray[np.float64]]:
        """Of each lesion that a view's slice cuts, by its row: the voxel of the slice that is furthest up and right.

        A slice that holds any voxel of a lesion holds one of its border.
        """
        at = np.flatnonzero(plane.cuts(self.points))
        reach = self.points[at] @ (plane.right + plane.up)
        order = at[np.lexsort((-reach, self.rows[at]))]
        found, first = np.unique(self.rows[order], return_index=True)
        return dict(zip(found.tolist(), self.points[order[first]], strict=True))


def find_places(lesions: LesionVoxels, inside: Sequence[Sequence[int]], affine: NDArray[np.float64]) -> LesionPlaces:
    """Find the border of each lesion.

    Args:
        lesions: their voxels; those that touch by faces are one lesion, as they are measured.
        inside: a voxel ``(i, j, k)`` of each lesion, in the order of the table; one that lies in none any more is
            passed over.
        affine: 4x4 from voxel ``(i, j, k, 1)`` to world RAS in mm.
    """
    parts, count = ndimage.label(lesions.mask)
    row_of = np.full(count + 1, -1)
    for row, voxel in enumerate(inside):
        k, j, i = (np.array(voxel) - lesions.start)[::-1]
        if all(0 <= at < size for at, size in zip((k, j, i), parts.shape, strict=True)) and parts[k, j, i]:
            row_of[parts[k, j, i]] = row
    border = np.argwhere(lesions.mask & ~ndimage.binary_erosion(lesions.mask))
    rows = row_of[parts[tuple(border.T)]]
    known = rows >= 0
    voxels = (border[known][:, ::-1] + np.array(lesions.start)).astype(np.float64)
    return LesionPlaces(apply_affine(affine, voxels), rows[known])


def number_words(number: int, row: Mapping[str, float] | None) -> str:
    """What stands beside a lesion: its number, and where both diameters are drawn also their lengths."""
    if row is None:
        return str(number)
    return f"{number}: {row['axial_diameter_mm']:.1f} × {row['short_axial_diameter_mm']:.1f} mm"
