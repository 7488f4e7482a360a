"""A result's liver and lesions as voxels to be corrected, the segments that show them, and the reach of a brush."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import slicer
from numpy.typing import NDArray
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk

from ....core.errors import UserError
from ....core.labels import LESION, LIVER, Segment
from ...panel.mrml_results import ResultNodes
from ...panel.mrml_segment_boxes import labels_of
from ...panel.mrml_segmentations import added_segments
from ...panel.mrml_volumes import ijk_to_local

_TOLERANCE_MM = 1e-6

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Stroke:
    """Path of a brush.

    Args:
        centres: ``[point, (i, j, k)]`` in voxels, not rounded.
        diameter_mm: of the brush.
        normal: of the slice that a flat brush is drawn in, in world RAS, of any length; None for a sphere.
    """

    centres: NDArray[np.float64]
    diameter_mm: float
    normal: tuple[float, float, float] | None = None

    @property
    def across(self) -> NDArray[np.float64] | None:
        """The normal with length 1."""
        return None if self.normal is None else np.array(self.normal) / np.linalg.norm(self.normal)


def covered_voxels(
    stroke: Stroke, affine: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[Box, NDArray[np.bool_]] | None:
    """The voxels whose centres a brush covers; the one that is nearest to the brush's centre always is.

    A flat brush covers the voxels that the plane of its slice cuts.

    Args:
        stroke: where the brush went.
        affine: 4x4 from voxel ``(i, j, k, 1)`` to world RAS in mm.
        shape: of the volume, ``[k, j, i]``.

    Returns:
        A part of the volume, one voxel wider than what is covered, and which of its voxels are; None outside.
    """
    axes = affine[:3, 2::-1]
    centres = stroke.centres[:, ::-1]
    half = _half_thickness(stroke, axes)
    reach = np.hypot(stroke.diameter_mm / 2, half) * np.linalg.norm(np.linalg.inv(axes), axis=1) + 1
    spans = [_span(centre, reach, shape) for centre in centres]
    spans = [span for span in spans if (span[0] < span[1]).all()]
    if not spans:
        return None
    low = np.min([first for first, _ in spans], axis=0)
    high = np.max([end for _, end in spans], axis=0)
    mask = np.zeros(high - low, np.bool_)
    for centre in centres:
        first, end = _span(centre, reach, shape)
        near = tuple(slice(a, b) for a, b in zip(first - low, end - low, strict=True))
        if mask[near].size:
            mask[near] |= _inside(_offsets(first, end, centre, axes), stroke, half)
    for at in _nearest(centres, shape):
        mask[tuple(at - low)] = True
    k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (k, j, i), mask


def _span(
    centre: NDArray[np.float64], reach: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First voxel and the one after the last that a brush may cover, on the grid."""
    first = np.clip(np.floor(centre - reach), 0, shape).astype(np.intp)
    end = np.clip(np.ceil(centre + reach) + 1, 0, shape).astype(np.intp)
    return first, end


def _offsets(
    first: NDArray[np.intp], end: NDArray[np.intp], centre: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Millimetres from the brush's centre to each voxel, ``[k, j, i, axis]``."""
    grid = np.stack(np.meshgrid(*map(np.arange, first, end), indexing="ij"), axis=-1)
    offsets: NDArray[np.float64] = (grid - centre) @ axes.T
    return offsets


def _inside(offsets: NDArray[np.float64], stroke: Stroke, half: float) -> NDArray[np.bool_]:
    square = (stroke.diameter_mm / 2) ** 2 + _TOLERANCE_MM
    distances = (offsets**2).sum(axis=-1)
    if stroke.across is None:
        return np.asarray(distances <= square)
    along = offsets @ stroke.across
    # of two slices that are equally near, one is taken
    cut = (along >= _TOLERANCE_MM - half) & (along < half + _TOLERANCE_MM)
    return np.asarray(cut & (distances - along**2 <= square))


def _half_thickness(stroke: Stroke, axes: NDArray[np.float64]) -> float:
    """Half of a voxel's extent across the slice; 0 for a sphere."""
    return 0.0 if stroke.across is None else float(np.abs(stroke.across @ axes).sum() / 2)


def _nearest(centres: NDArray[np.float64], shape: tuple[int, ...]) -> Iterator[NDArray[np.intp]]:
    for at in np.rint(centres).astype(np.intp):
        if (at >= 0).all() and (at < shape).all():
            yield at


_Logic = slicer.vtkSlicerSegmentationsModuleLogic


@dataclass(frozen=True)
class VoxelLabels:
    """Labels of voxels.

    Args:
        organ: ``[k, j, i]``, True where the liver is, also under a lesion.
        lesion: ``[k, j, i]``, the number of the lesion's segment; 0 where there is none.
    """

    organ: NDArray[np.bool_]
    lesion: NDArray[np.uint16]

    def of(self, box: Box) -> VoxelLabels:
        """A copy of a part."""
        return VoxelLabels(self.organ[box].copy(), self.lesion[box].copy())


class CorrectedSegments:
    """Keeps the voxels and writes what changes into the segments, which share no voxel.

    The organ is remembered under its lesions, so that what is erased of a lesion is liver again, and what was painted
    outside the liver is not.

    Args:
        nodes: the result; nobody else may change its segments meanwhile.

    Raises:
        UserError: the segments are gone, or do not hang under the transform that the CT hangs under.
    """

    def __init__(self, nodes: ResultNodes) -> None:
        segmentation, volume = nodes.segmentation, nodes.volume
        if segmentation.GetTransformNodeID() != volume.GetTransformNodeID():
            msg = f"“{segmentation.GetName()}” does not move with “{volume.GetName()}”: segment the CT again."
            raise UserError(msg)
        self.nodes = nodes
        self._kinds = nodes.segments | added_segments(segmentation, nodes.segments)
        labels, owners = labels_of(segmentation, volume, self._kinds)
        liver_known = bool((labels == LIVER.label).any())
        organ = labels > 0 if liver_known else np.zeros(labels.shape, np.bool_)
        self._labels = VoxelLabels(organ, np.where(labels == LESION.label, owners, 0).astype(np.uint16))
        self._changes: list[Box] = []

    @property
    def lesions(self) -> NDArray[np.bool_]:
        """``[k, j, i]``, True where any lesion is."""
        return np.asarray(self._labels.lesion > 0)

    @property
    def present(self) -> bool:
        """Whether the segments are still in the scene."""
        return bool(slicer.mrmlScene.IsNodePresent(self.nodes.segmentation))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the CT, ``[k, j, i]``."""
        return self._labels.organ.shape

    @property
    def labels(self) -> NDArray[np.uint8]:
        """``[k, j, i]``: 0 background, 1 liver, 2 lesion; a new array with each use."""
        return np.where(self._labels.lesion > 0, np.uint8(LESION.label), self._labels.organ.view(np.uint8))

    @property
    def has_liver(self) -> bool:
        """Whether a liver is known."""
        return bool(self._labels.organ.any())

    def liver_alone(self, voxels: NDArray) -> NDArray:
        """Values of ``[k, j, i]`` in the liver without its lesions."""
        return voxels[self._labels.organ & (self._labels.lesion == 0)]

    @property
    def has_changes(self) -> bool:
        """Whether anything was changed since :meth:`take_changes`."""
        return bool(self._changes)

    def take_changes(self) -> list[Box]:
        """The parts that were changed since this was asked last."""
        changes, self._changes = self._changes, []
        return changes

    def segment_at(self, voxel: Sequence[int]) -> str:
        """ID of the lesion's segment that holds a voxel ``(i, j, k)``; where none does any more, of any lesion."""
        i, j, k = voxel
        held = int(self._labels.lesion[k, j, i])
        return list(self._kinds)[held - 1] if held else next(n for n, k in self._kinds.items() if k == LESION.label)

    def labels_of_box(self, box: Box) -> VoxelLabels:
        """A copy of a part of the voxels."""
        return self._labels.of(box)

    def lesion_at(self, box: Box, mask: NDArray[np.bool_]) -> int:
        """The segment for a lesion that is painted: the only one, else the one it touches, else a new one."""
        lesions = [number for number, kind in enumerate(self._kinds.values(), start=1) if kind == LESION.label]
        if len(lesions) == 1:
            return lesions[0]
        touched = self._labels.lesion[box][ndimage.binary_dilation(mask)]
        counts = np.bincount(touched[touched > 0])
        return int(counts.argmax()) if counts.any() else self._number_of(LESION)

    def lesion_of_clicks(self, box: Box, mask: NDArray[np.bool_]) -> int:
        """The segment of a lesion that clicks change: the one that holds most of it; for a new one where one goes."""
        return self._segment_of(self._labels.lesion[box][mask], self._labels.lesion)

    def lesions_outside(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """``[k, j, i]``, True where a lesion is in a segment that is none of these."""
        others = [number for number, name in enumerate(self._kinds, start=1) if name not in names]
        return np.asarray(np.isin(self._labels.lesion, others))

    def like(self, labels: NDArray[np.unsignedinteger]) -> VoxelLabels:
        """The voxels as other labels have them; a lesion that is there stays in its segment.

        Args:
            labels: ``[k, j, i]``: 0 background, 1 liver, 1 + n lesion n.
        """
        held, lesion = self._labels.lesion, labels >= LESION.label
        added, after = lesion & (held == 0), np.where(lesion, held, 0).astype(np.uint16)
        for number in np.unique(labels[added]):
            mask = labels == number
            after[mask & added] = self._segment_of(held[mask], after)
        organ = np.where(lesion, self._labels.organ | added, labels > 0)
        return VoxelLabels(organ, after)

    def _segment_of(self, held: NDArray[np.uint16], others: NDArray[np.uint16]) -> int:
        """The segment that holds most of a lesion; for a new one where one goes beside the others."""
        counts = np.bincount(held[held > 0])
        if counts.any():
            return int(counts.argmax())
        lesions = [number for number, kind in enumerate(self._kinds.values(), start=1) if kind == LESION.label]
        if self.nodes.facts.get("one_each"):
            lesions = [number for number in lesions if not (others == number).any()]
        return lesions[0] if lesions else self._number_of(LESION)

    def put(self, box: Box, labels: VoxelLabels) -> None:
        """Set a part of the voxels, and show it."""
        liver = self._liver() if labels.organ.any() or self._labels.organ[box].any() else 0
        before = _segment_numbers(self._labels.of(box), liver)
        self._labels.organ[box], self._labels.lesion[box] = labels.organ, labels.lesion
        self._changes.append(box)
        after = _segment_numbers(labels, liver)
        changed = before != after
        wasmodified = self.nodes.segmentation.StartModify()
        for place in np.setdiff1d(before[changed], [0]):  # first: segments that overlapped would be stored apart
            self._write(box, int(place), (before != place) | (after == place), _Logic.MODE_MERGE_MIN)
        for place in np.setdiff1d(after[changed], [0]):
            self._write(box, int(place), (after == place) & changed, _Logic.MODE_MERGE_MASK)
        self.nodes.segmentation.EndModify(wasmodified)

    def _write(self, box: Box, place: int, mask: NDArray[np.bool_], mode: int) -> None:
        image = slicer.vtkOrientedImageData()
        image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijk_to_local(self.nodes.volume)))
        image.SetExtent([end for span in reversed(box) for end in (span.start, span.stop - 1)])
        image.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True))
        _Logic.SetBinaryLabelmapToSegment(image, self.nodes.segmentation, list(self._kinds)[place - 1], mode)

    def _liver(self) -> int:
        livers = (number for number, kind in enumerate(self._kinds.values(), start=1) if kind == LIVER.label)
        return next(livers, 0) or self._number_of(LIVER)

    def _number_of(self, kind: Segment) -> int:
        """The number of a new segment, which a measurement finds by its coded term."""
        segments = self.nodes.segmentation.GetSegmentation()
        number = 1 + sum(label == kind.label for label in self._kinds.values())
        if kind is LESION and self.nodes.facts.get("one_each") and (known := self.nodes.numbers):
            number = max(number, known.following)
        name = segments.AddEmptySegment("", f"{kind.name} {number}", [part / 255 for part in kind.rgb])
        segments.GetSegment(name).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), kind.terminology)
        self._kinds[name] = kind.label
        return len(self._kinds)


def _segment_numbers(labels: VoxelLabels, liver: int) -> NDArray[np.uint16]:
    """The number of the segment that shows each voxel; 0 for none."""
    return np.where(labels.lesion > 0, labels.lesion, np.where(labels.organ, liver, 0)).astype(np.uint16)
