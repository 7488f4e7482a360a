"""Voxels of segments by the boxes that hold them: a lesion changes in milliseconds, however large the CT."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ...core.errors import UserError
from ...core.volume import Box
from .mrml_segmentations import LABELMAP, labels_affine

_EXACT = 1e-3


@dataclass(frozen=True)
class SegmentBoxes:
    """Segments of a node, as voxels of a volume.

    Args:
        segmentation: node that holds them.
        volume: node whose grid is meant.
    """

    segmentation: slicer.vtkMRMLSegmentationNode
    volume: slicer.vtkMRMLVolumeNode

    def reach(self, name: str) -> Box:
        """A box of the volume beyond which a segment holds nothing; empty where it is not there."""
        shape = slicer.util.arrayFromVolume(self.volume).shape
        segment = self._segments.GetSegment(name)
        if segment is None:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        image = segment.GetRepresentation(LABELMAP)
        offset = self._offset_if_same_grid(image)
        if offset is None:
            return slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])
        extent = (np.array(image.GetExtent()).reshape(3, 2) - np.array(offset)[:, None])[::-1]
        low, high = extent[:, 0].clip(0, shape), (extent[:, 1] + 1).clip(0, shape)
        return _slices(low, np.maximum(low, high))

    def held(self, name: str, box: Box) -> NDArray[np.bool_]:
        """Which voxels of a box a segment holds; none where it is not there."""
        found = np.zeros(_shape(box), np.bool_)
        segment = self._segments.GetSegment(name)
        if segment is None:
            return found
        image = segment.GetRepresentation(LABELMAP)
        offset = self._offset_if_same_grid(image)
        if offset is None:
            array = slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, name, self.volume)
            return np.asarray(array[box] > 0)
        inside, part = _overlap(image, offset, box)
        found[inside] = part == segment.GetLabelValue()
        return found

    def add(self, name: str, box: Box, mask: NDArray[np.bool_], over: Collection[str] = ()) -> None:
        """Give voxels to a segment; those of segments that share its image stay, but for the ones in ``over``.

        Raises:
            UserError: it was painted on another grid.
        """
        if not mask.any():
            return
        box, mask = _cropped(box, mask)
        segment = self._segments.GetSegment(name)
        image = segment.GetRepresentation(LABELMAP)
        part = _overlap(image, self._required_offset(name), box)[1]
        if part.shape != mask.shape:
            image = self._widened(name, box)
            part = _overlap(image, (0, 0, 0), box)[1]
        if self._clashes(name, image, part[mask], over):
            self._segments.SeparateSegmentLabelmap(name)
            image = segment.GetRepresentation(LABELMAP)
            self.add(name, box, mask)
            return
        part[mask] = segment.GetLabelValue()
        _changed(image)

    def take(self, name: str, box: Box, mask: NDArray[np.bool_]) -> None:
        """Take voxels from a segment, where it holds them.

        Raises:
            UserError: it was painted on another grid.
        """
        held = self.held(name, box) & mask
        if not held.any():
            return
        segment = self._segments.GetSegment(name)
        image = segment.GetRepresentation(LABELMAP)
        inside, part = _overlap(image, self._required_offset(name), box)
        part[held[inside]] = 0
        _changed(image)

    def require_grid(self, name: str) -> None:
        """Refuse a segment whose voxels are not the volume's.

        Raises:
            UserError: it was painted on another grid.
        """
        self._required_offset(name)

    def is_empty(self, name: str) -> bool:
        """Whether a segment holds no voxel at all."""
        segment = self._segments.GetSegment(name)
        scalars = segment.GetRepresentation(LABELMAP).GetPointData().GetScalars()
        return scalars is None or not (vtk_to_numpy(scalars) == segment.GetLabelValue()).any()

    @property
    def _segments(self) -> slicer.vtkSegmentation:
        return self.segmentation.GetSegmentation()

    @property
    def _affine(self) -> NDArray[np.float64]:
        return labels_affine(self.volume, self.segmentation)

    def _offset(self, image: slicer.vtkOrientedImageData) -> tuple[int, int, int] | None:
        """Where the volume's first voxel lies among the image's ``(i, j, k)``; None where it is another grid."""
        own = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(own)
        between = np.linalg.inv(slicer.util.arrayFromVTKMatrix(own)) @ self._affine
        shift = np.rint(between[:3, 3])
        wanted = np.eye(4)
        wanted[:3, 3] = shift
        if not np.allclose(between, wanted, atol=_EXACT):
            return None
        i, j, k = (int(each) for each in shift)
        return i, j, k

    def _offset_if_same_grid(self, image: slicer.vtkOrientedImageData | None) -> tuple[int, int, int] | None:
        """The same; None, too, where there is no image yet, or a transform deforms one of the two."""
        try:
            return self._offset(image) if image else None
        except UserError:
            return None

    def _required_offset(self, name: str) -> tuple[int, int, int]:
        segment = self._segments.GetSegment(name)
        offset = self._offset(segment.GetRepresentation(LABELMAP))
        if offset is None:
            msg = f"“{segment.GetName()}” was painted on another grid than the CT's: correct it in Segment Editor."
            raise UserError(msg)
        return offset

    def _widened(self, name: str, box: Box) -> slicer.vtkOrientedImageData:
        """The segment's image on the volume's grid, made as large as to hold a box, for all that share it."""
        sharing = [name, *self._sharing(name)]
        image = self._segments.GetSegment(name).GetRepresentation(LABELMAP)
        offset = self._required_offset(name)
        extent = np.array(image.GetExtent()).reshape(3, 2) - np.array(offset)[:, None]
        wanted = np.array([[side.start, side.stop - 1] for side in reversed(box)])
        if (extent[:, 0] <= extent[:, 1]).all():
            wanted = np.c_[np.minimum(wanted[:, 0], extent[:, 0]), np.maximum(wanted[:, 1], extent[:, 1])]
        wider = empty_image(self._affine, wanted)
        whole: Box = tuple(slice(int(low), int(high) + 1) for low, high in wanted[::-1])  # type: ignore[assignment]
        inside, part = _overlap(image, offset, whole)
        voxels_of(wider)[inside] = part
        for each in sharing:
            self._segments.GetSegment(each).AddRepresentation(LABELMAP, wider)
        return wider

    def _sharing(self, name: str) -> list[str]:
        image = self._segments.GetSegment(name).GetRepresentation(LABELMAP)
        others = [each for each in self._segments.GetSegmentIDs() if each != name]
        return [each for each in others if self._segments.GetSegment(each).GetRepresentation(LABELMAP) is image]

    def _clashes(
        self, name: str, image: slicer.vtkOrientedImageData, values: NDArray[np.integer], over: Collection[str]
    ) -> bool:
        """Whether voxels of others that share the image would be lost."""
        free = {0, self._segments.GetSegment(name).GetLabelValue()}
        shared = [each for each in over if self._segments.GetSegment(each)]
        of = {each: self._segments.GetSegment(each) for each in shared}
        free |= {each.GetLabelValue() for each in of.values() if each.GetRepresentation(LABELMAP) is image}
        return not np.isin(values, list(free)).all()


def labels_of(
    segmentation: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLVolumeNode, names: dict[str, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Labels 0, 1 and 2 of segments as they are now, on the volume's grid.

    Args:
        segmentation: node that holds them.
        volume: node whose grid is meant.
        names: as :func:`.mrml_segmentations.write` returned them, in any order; those that are gone are left out.

    Returns:
        The labels, and which segment each voxel belongs to: 1 + its place in ``names``, 0 for none.

    Raises:
        UserError: none of them is left.
    """
    boxes, shape = SegmentBoxes(segmentation, volume), slicer.util.arrayFromVolume(volume).shape
    labels, owners, found = np.zeros(shape, np.uint8), np.zeros(shape, np.uint16), False
    for place, (name, label) in sorted(enumerate(names.items(), start=1), key=lambda item: item[1][1]):
        if segmentation.GetSegmentation().GetSegment(name):
            box = boxes.reach(name)
            held = boxes.held(name, box)
            labels[box][held], owners[box][held], found = label, place, True
    if not found:
        msg = f"“{segmentation.GetName()}” holds no segment of this result any more: segment the CT again."
        raise UserError(msg)
    return labels, owners


def empty_image(affine: NDArray[np.float64], extent: NDArray[np.integer]) -> slicer.vtkOrientedImageData:
    """An image of zeros.

    Args:
        affine: 4x4 from its ``(i, j, k, 1)`` to the segmentation's coordinates.
        extent: ``[(i, j, k), (first, last)]``.
    """
    image = slicer.vtkOrientedImageData()
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(affine))
    image.SetExtent(extent.ravel().tolist())
    zeros = np.zeros(int(np.prod(extent[:, 1] - extent[:, 0] + 1)), np.uint8)
    image.GetPointData().SetScalars(numpy_to_vtk(zeros, deep=True))
    return image


def voxels_of(image: slicer.vtkOrientedImageData) -> NDArray[np.integer]:
    """An image's own memory as ``[k, j, i]``."""
    low_i, high_i, low_j, high_j, low_k, high_k = image.GetExtent()
    flat: NDArray[np.integer] = vtk_to_numpy(image.GetPointData().GetScalars())
    return flat.reshape(high_k - low_k + 1, high_j - low_j + 1, high_i - low_i + 1)


def _overlap(
    image: slicer.vtkOrientedImageData, offset: tuple[int, int, int], box: Box
) -> tuple[Box, NDArray[np.integer]]:
    """Where an image lies in a box, in the box's own indices, and its memory there; both empty where it does not."""
    extent = np.array(image.GetExtent()).reshape(3, 2)[::-1]
    shift = np.array(offset)[::-1]
    wanted = np.array([[side.start, side.stop] for side in box])
    low = np.maximum(wanted[:, 0], extent[:, 0] - shift)
    high = np.minimum(wanted[:, 1], extent[:, 1] - shift + 1)
    if (low >= high).any():
        return (slice(0, 0), slice(0, 0), slice(0, 0)), np.zeros((0, 0, 0), np.uint8)
    inside: Box = _slices(low - wanted[:, 0], high - wanted[:, 0])
    own = _slices(low + shift - extent[:, 0], high + shift - extent[:, 0])
    return inside, voxels_of(image)[own]


def _slices(low: NDArray[np.integer], high: NDArray[np.integer]) -> Box:
    k, j, i = (slice(int(first), int(end)) for first, end in zip(low, high, strict=True))
    return k, j, i


def _cropped(box: Box, mask: NDArray[np.bool_]) -> tuple[Box, NDArray[np.bool_]]:
    """The smallest box around what is marked."""
    shown = [np.flatnonzero(mask.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    low, high = np.array([at[0] for at in shown]), np.array([at[-1] + 1 for at in shown])
    starts = np.array([side.start for side in box])
    return _slices(low + starts, high + starts), mask[_slices(low, high)]


def _shape(box: Box) -> tuple[int, ...]:
    return tuple(side.stop - side.start for side in box)


def _changed(image: slicer.vtkOrientedImageData) -> None:
    image.GetPointData().GetScalars().Modified()
    image.Modified()
