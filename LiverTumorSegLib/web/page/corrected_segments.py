"""A result's liver and lesions as voxels that can be corrected, and the segments that show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer
from numpy.typing import NDArray
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk

from ...errors import UserError
from ...mrml.jobs import Nodes
from ...mrml.segmentations import added, labels_of
from ...mrml.volumes import ijk_to_local
from ...segments import LESION, LIVER, Segment
from .strokes import Box

_Logic = slicer.vtkSlicerSegmentationsModuleLogic


@dataclass(frozen=True)
class Tissue:
    """What voxels are.

    Args:
        organ: ``[k, j, i]``, True where the liver is, also under a lesion.
        lesion: ``[k, j, i]``, the number of the lesion's segment; 0 where there is none.
    """

    organ: NDArray[np.bool_]
    lesion: NDArray[np.uint16]

    def of(self, box: Box) -> Tissue:
        """A copy of a part."""
        return Tissue(self.organ[box].copy(), self.lesion[box].copy())


class CorrectedSegments:
    """Keeps the voxels and writes what changes into the segments, which share no voxel.

    The organ is remembered under its lesions, so that what is erased of a lesion is liver again, and what was painted
    outside the liver is not.

    Args:
        nodes: the result; nobody else may change its segments meanwhile.

    Raises:
        UserError: the segments are gone, or do not hang under the transform that the CT hangs under.
    """

    def __init__(self, nodes: Nodes) -> None:
        segmentation, volume = nodes.segmentation, nodes.volume
        if segmentation.GetTransformNodeID() != volume.GetTransformNodeID():
            msg = f"“{segmentation.GetName()}” does not move with “{volume.GetName()}”: segment the CT again."
            raise UserError(msg)
        self.nodes = nodes
        self._kinds = nodes.segments | added(segmentation, nodes.segments)
        labels, owners = labels_of(segmentation, volume, self._kinds)
        liver_known = bool((labels == LIVER.label).any())
        organ = labels > 0 if liver_known else np.zeros(labels.shape, np.bool_)
        self._tissue = Tissue(organ, np.where(labels == LESION.label, owners, 0).astype(np.uint16))

    @property
    def lesions(self) -> NDArray[np.bool_]:
        """``[k, j, i]``, True where any lesion is."""
        return np.asarray(self._tissue.lesion > 0)

    @property
    def present(self) -> bool:
        """Whether the segments are still in the scene."""
        return bool(slicer.mrmlScene.IsNodePresent(self.nodes.segmentation))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the CT, ``[k, j, i]``."""
        return self._tissue.organ.shape

    def tissue(self, box: Box) -> Tissue:
        """A copy of a part of the voxels."""
        return self._tissue.of(box)

    def lesion_at(self, box: Box, mask: NDArray[np.bool_]) -> int:
        """The segment for a lesion that is painted: the only one, else the one it touches, else a new one."""
        lesions = [number for number, kind in enumerate(self._kinds.values(), start=1) if kind == LESION.label]
        if len(lesions) == 1:
            return lesions[0]
        touched = self._tissue.lesion[box][ndimage.binary_dilation(mask)]
        counts = np.bincount(touched[touched > 0])
        return int(counts.argmax()) if counts.any() else self._number_of(LESION)

    def put(self, box: Box, tissue: Tissue) -> None:
        """Set a part of the voxels, and show it."""
        liver = self._liver()
        before = _places(self._tissue.of(box), liver)
        self._tissue.organ[box], self._tissue.lesion[box] = tissue.organ, tissue.lesion
        after = _places(tissue, liver)
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
        count = sum(label == kind.label for label in self._kinds.values())
        name = segments.AddEmptySegment("", f"{kind.name} {count + 1}", [part / 255 for part in kind.rgb])
        segments.GetSegment(name).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), kind.terminology)
        self._kinds[name] = kind.label
        return len(self._kinds)


def _places(tissue: Tissue, liver: int) -> NDArray[np.uint16]:
    """The number of the segment that shows each voxel; 0 for none."""
    return np.where(tissue.lesion > 0, tissue.lesion, np.where(tissue.organ, liver, 0)).astype(np.uint16)
