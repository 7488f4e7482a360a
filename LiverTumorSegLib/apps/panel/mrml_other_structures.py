"""Structures beside liver and lesions as segments of a result's segmentation node, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from ...core.label_layers import LabelLayer
from ...core.structures import STRUCTURES
from ..worker.handed_layers import HandedLayer
from .mrml_segment_boxes import SegmentBoxes
from .mrml_segmentations import LABELMAP, image_of, labels_affine, unused_name

_STRUCTURE, _MODEL = "LiverTumorSeg.structure", "LiverTumorSeg.model"
"""Tags of a segment: which structure it shows, and the model that found it."""


def write(
    layers: Sequence[HandedLayer],
    volume: slicer.vtkMRMLVolumeNode,
    segmentation: slicer.vtkMRMLSegmentationNode,
    *,
    replace_earlier: bool,
) -> None:
    """Add what was found to a segmentation node, a segment each; a structure that was not found gets none.

    Args:
        layers: of the volume's grid; those of a model share one labelmap.
        volume: node that was segmented.
        segmentation: node that holds liver and lesions already.
        replace_earlier: structures that an earlier run left in the node go.

    Raises:
        UserError: the segmentation hangs under another transform that deforms.
    """
    segments, affine = segmentation.GetSegmentation(), labels_affine(volume, segmentation)
    wasmodified = segmentation.StartModify()
    if replace_earlier:
        for name in structures_of(segmentation):
            segments.RemoveSegment(name)
    for each in layers:
        image, marked = image_of(each.layer.labels, affine), set(np.unique(each.layer.labels).tolist())
        for structure, segment in zip(each.structures, each.layer.segments, strict=True):
            if segment.label not in marked:
                continue
            made = slicer.vtkSegment()
            made.SetName(unused_name(segments, segment.name))
            made.SetColor(*(part / 255 for part in segment.rgb))
            made.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), segment.terminology)
            made.SetTag(_STRUCTURE, structure)
            made.SetTag(_MODEL, each.model)
            made.SetLabelValue(segment.label)
            made.AddRepresentation(LABELMAP, image)
            segments.AddSegment(made, segments.GenerateUniqueSegmentID(structure.replace("_", "-")))
    segmentation.EndModify(wasmodified)


def read(segmentation: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLVolumeNode) -> tuple[HandedLayer, ...]:
    """The structures as they are now, also after they were painted or the scene was loaded again."""
    shape = slicer.util.arrayFromVolume(volume).shape
    found: dict[str, dict[str, str]] = {}
    for name in structures_of(segmentation):
        structure = _tag(segmentation, name, _STRUCTURE)
        if structure in STRUCTURES:
            found.setdefault(_tag(segmentation, name, _MODEL), {})[structure] = name
    return tuple(_layer(segmentation, volume, model, shown, shape) for model, shown in found.items())


def _layer(
    segmentation: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLVolumeNode,
    model: str,
    shown: dict[str, str],
    shape: tuple[int, ...],
) -> HandedLayer:
    labels: NDArray[np.uint8] = np.zeros(shape, np.uint8)
    segments, boxes = [], SegmentBoxes(segmentation, volume)
    for structure, name in shown.items():
        kind = replace(STRUCTURES[structure], name=segmentation.GetSegmentation().GetSegment(name).GetName())
        box = boxes.reach(name)
        labels[box][boxes.held(name, box)] = kind.label
        segments.append(kind)
    return HandedLayer(model, tuple(shown), LabelLayer(labels, tuple(segments)))


def structures_of(segmentation: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """IDs of the segments of other structures that this module ever made."""
    segments = segmentation.GetSegmentation()
    return [name for name in segments.GetSegmentIDs() if segments.GetSegment(name).HasTag(_STRUCTURE)]


def _tag(segmentation: slicer.vtkMRMLSegmentationNode, name: str, tag: str) -> str:
    value = vtk.reference("")
    segmentation.GetSegmentation().GetSegment(name).GetTag(tag, value)
    return str(value)
