"""Labels as segments of a segmentation node, voxel by voxel and back."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk

from ...core.errors import UserError
from ...core.labels import LESION, LIVER, SEGMENTS, Segment
from .mrml_display import has_surface, highlight_segment, make_translucent
from .mrml_volumes import ijk_to_local, is_linear, local_to_world

_TAG = "LiverTumorSeg"
LABELMAP = "Binary labelmap"
_GOLDEN = 0.618


@dataclass(frozen=True)
class SegmentOutput:
    """Choices on how labels become segments.

    Args:
        one_each: a segment a lesion, instead of one for all.
        replace: drop the liver and lesions that an earlier run left in the node, instead of adding beside them.
    """

    one_each: bool = False
    replace: bool = False


def write(
    labels: NDArray[np.unsignedinteger],
    volume: slicer.vtkMRMLVolumeNode,
    segmentation: slicer.vtkMRMLSegmentationNode,
    output: SegmentOutput = SegmentOutput(),
) -> dict[str, int]:
    """Add the labels to a segmentation node as segments; its other segments stay as they are.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 1 + n lesion n.
        volume: node that was segmented.
        segmentation: node that gets the segments; where it is empty, also the volume's parent transform and geometry.
        output: how.

    Returns:
        IDs of the new segments, in the order of the labels, and whether they are liver (1) or lesion (2).

    Raises:
        UserError: the node holds segments and hangs under another transform that deforms.
    """
    if labels.shape != slicer.util.arrayFromVolume(volume).shape:
        msg = f"labels {labels.shape} are not on the grid of {volume.GetName()}"
        raise ValueError(msg)
    dropped = made_here(segmentation) if output.replace else []
    if segmentation.GetSegmentation().GetNumberOfSegments() == len(dropped):
        take_geometry(segmentation, volume)
    affine = labels_affine(volume, segmentation)
    shown = labels if output.one_each else np.minimum(labels, LESION.label)
    image = image_of(shown, affine)
    last = int(shown.max(initial=0)) if output.one_each else LESION.label
    wasmodified = segmentation.StartModify()
    segments = segmentation.GetSegmentation()
    for name in dropped:
        segments.RemoveSegment(name)
    values = (LIVER.label, *range(LESION.label, last + 1))
    made = {_add(segments, image, value, output): min(value, LESION.label) for value in values}
    segmentation.EndModify(wasmodified)
    segmentation.CreateDefaultDisplayNodes()
    make_translucent(segmentation, next(iter(made)))
    return made


def rewrite(
    labels: NDArray[np.unsignedinteger],
    volume: slicer.vtkMRMLVolumeNode,
    segmentation: slicer.vtkMRMLSegmentationNode,
    names: dict[str, int],
    one_each: bool,
    owners: NDArray[np.uint16],
) -> dict[str, int]:
    """Put other labels into a result's segments; those that stay keep their names, colours and all that is shown.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background and what is the user's, 1 liver, 2 and more lesions.
        volume: node that was segmented.
        segmentation: node that holds the segments.
        names: the result's segments and the user's, as :func:`write` and :func:`added_segments` returned them.
        one_each: a segment a lesion, instead of one for all; each lesion stays in the segment that holds most of it.
        owners: the segments as they are now, as :func:`labels_of` returned them.

    Returns:
        The same of the segments as they are afterwards.

    Raises:
        UserError: the segmentation hangs under another transform that deforms.
    """
    segments = segmentation.GetSegmentation()
    made = [name for name in made_here(segmentation) if name in names]
    others = {name: label for name, label in names.items() if name not in made and segments.GetSegment(name)}
    affine = labels_affine(volume, segmentation)
    shown = _consecutive(labels) if one_each else np.minimum(labels, LESION.label)
    image, output = image_of(shown, affine), SegmentOutput(one_each=one_each)
    highlight_segment(segmentation, made, None)
    wasmodified = segmentation.StartModify()
    if has_surface(segmentation):
        segmentation.RemoveClosedSurfaceRepresentation()  # of other labels
    numbers = dict(enumerate((np.unique(labels[labels >= LESION.label]) - LIVER.label).tolist(), start=LESION.label))
    held = {kind: [name for name in made if names[name] == kind] for kind in (LIVER.label, LESION.label)}
    last = int(shown.max(initial=0)) if one_each else LESION.label
    own = _own_segments(shown, owners, list(names), held[LESION.label]) if one_each else {}
    held[LESION.label] = [name for name in held[LESION.label] if name not in own.values()]
    written: dict[str, int] = {}
    for value in (LIVER.label, *range(LESION.label, last + 1)):
        kind = min(value, LESION.label)
        spare = held[kind] if kind == LIVER.label or not one_each else []
        name = own.get(value) or (
            spare.pop(0) if spare else _add(segments, image, value, output, numbers.get(value, 0))
        )
        segments.GetSegment(name).AddRepresentation(LABELMAP, image)
        segments.GetSegment(name).SetLabelValue(value)
        written[name] = kind
    for name in (*held[LIVER.label], *held[LESION.label]):
        segments.RemoveSegment(name)
    segmentation.EndModify(wasmodified)
    return written | others


def _own_segments(
    shown: NDArray[np.unsignedinteger], owners: NDArray[np.uint16], names: list[str], lesions: list[str]
) -> dict[int, str]:
    """The segment that holds most of each lesion, by its value; no segment for two, and none for what is new."""
    at = (shown >= LESION.label) & (owners > 0)
    pairs, counts = np.unique(np.stack([shown[at], owners[at]]), axis=1, return_counts=True)
    found: dict[int, str] = {}
    for value, owner in pairs[:, np.argsort(-counts, kind="stable")].T.tolist():
        name = names[owner - 1]
        if name in lesions and value not in found and name not in found.values():
            found[value] = name
    return found


def _consecutive(labels: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Numbers of lesions without gaps."""
    numbers = np.unique(labels[labels >= LESION.label])
    places = np.arange(int(labels.max(initial=0)) + 1, dtype=labels.dtype)
    places[numbers] = np.arange(LESION.label, LESION.label + len(numbers))
    return places[labels]


def take_geometry(segmentation: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLVolumeNode) -> None:
    """Put a segmentation without segments where the volume is."""
    segmentation.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)


def add_lesion_segment(
    segmentation: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLVolumeNode, one_each: bool
) -> str:
    """Add an empty segment for lesions, or with ``one_each`` for one more of them; returns its ID."""
    segments, tag = segmentation.GetSegmentation(), vtk.reference("")
    lesions = 0
    for name in made_here(segmentation):
        segments.GetSegment(name).GetTag(_TAG, tag)
        lesions += str(tag) == str(LESION.label)
    image = image_of(np.zeros((1, 1, 1), np.uint8), labels_affine(volume, segmentation))
    name = _add(segments, image, LESION.label + lesions if one_each else LESION.label, SegmentOutput(one_each))
    segments.GetSegment(name).SetLabelValue(1)  # its image is its own
    segmentation.CreateDefaultDisplayNodes()
    return name


def added_segments(segmentation: slicer.vtkMRMLSegmentationNode, names: dict[str, int]) -> dict[str, int]:
    """Segments that the user added beside a result, by the coded terms they gave them: liver (1) or lesion (2)."""
    segments, found = segmentation.GetSegmentation(), {}
    for name in segments.GetSegmentIDs():
        term = vtk.reference("")
        segments.GetSegment(name).GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), term)
        means = [*str(term).split("~"), "", "", ""][2]
        kind = next((kind for kind in SEGMENTS if means.startswith(f"SCT^{kind.kind[0]}^")), None)
        if kind and name not in names and not segments.GetSegment(name).HasTag(_TAG):
            found[name] = kind.label
    return found


def create(volume: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLSegmentationNode:
    """A new segmentation node, named after the volume and beside it in the subject hierarchy."""
    name = slicer.mrmlScene.GenerateUniqueName(f"{volume.GetName()} liver and lesions")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    put_beside(node, volume)
    return node


def put_beside(node: slicer.vtkMRMLNode, volume: slicer.vtkMRMLVolumeNode) -> None:
    """Give a node the volume's parent, such as its study, in the subject hierarchy."""
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    if tree is None:
        return
    root = tree.GetSceneItemID()
    parent = tree.GetItemParent(tree.GetItemByDataNode(volume) or tree.CreateItem(root, volume))
    item = tree.GetItemByDataNode(node) or tree.CreateItem(parent, node)
    tree.SetItemParent(item, parent)


def labels_affine(
    volume: slicer.vtkMRMLVolumeNode, segmentation: slicer.vtkMRMLSegmentationNode
) -> NDArray[np.float64]:
    """Affine of the labels in the segmentation's own coordinates."""
    if segmentation.GetTransformNodeID() == volume.GetTransformNodeID():
        return ijk_to_local(volume)
    if not (is_linear(volume) and is_linear(segmentation)):
        msg = (
            f"“{segmentation.GetName()}” and “{volume.GetName()}” hang under different transforms, and one deforms: "
            "choose a new segmentation."
        )
        raise UserError(msg)
    return np.linalg.inv(local_to_world(segmentation)) @ local_to_world(volume) @ ijk_to_local(volume)


def made_here(segmentation: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """IDs of the segments that this module ever made."""
    segments = segmentation.GetSegmentation()
    return [name for name in segments.GetSegmentIDs() if segments.GetSegment(name).HasTag(_TAG)]


def image_of(labels: NDArray[np.unsignedinteger], affine: NDArray[np.float64]) -> slicer.vtkOrientedImageData:
    """The labels cropped to what is not background; all segments share it as one layer."""
    image = slicer.vtkOrientedImageData()
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(affine))
    if not labels.any():  # a single empty voxel would make VTK complain when it looks for a surface
        image.SetExtent(0, -1, 0, -1, 0, -1)
        image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        return image
    shown = [np.flatnonzero(labels.any(axis=other)) for other in ((0, 1), (0, 2), (1, 2))]
    spans = [(int(at[0]), int(at[-1])) for at in shown]
    i, j, k = (slice(first, last + 1) for first, last in spans)
    cropped = np.ascontiguousarray(labels[k, j, i])
    image.SetExtent([end for span in spans for end in span])
    image.GetPointData().SetScalars(numpy_to_vtk(cropped.ravel(), deep=True))
    return image


def _add(
    segments: slicer.vtkSegmentation,
    image: slicer.vtkOrientedImageData,
    value: int,
    output: SegmentOutput,
    lesion: int = 0,
) -> str:
    """A segment of a value in an image; a lesion's own has its number, which without gaps follows from the value."""
    kind = LIVER if value == LIVER.label else LESION
    number = (lesion or value - LIVER.label) if kind is LESION and output.one_each else 0
    name = f"{kind.name} {number}" if number else kind.name
    segment = slicer.vtkSegment()
    segment.SetName(unused_name(segments, name))
    segment.SetColor(_colour(kind, number))
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), kind.terminology)
    segment.SetTag(_TAG, str(kind.label))
    segment.SetLabelValue(value)
    segment.AddRepresentation(LABELMAP, image)
    made: str = segments.GenerateUniqueSegmentID(name.replace(" ", "-"))
    segments.AddSegment(segment, made)
    return made


def unused_name(segments: slicer.vtkSegmentation, name: str) -> str:
    """A name that no segment has, with a number behind it where one has this."""
    names = {segments.GetSegment(each).GetName() for each in segments.GetSegmentIDs()}
    tried, count = name, 1
    while tried in names:
        count += 1
        tried = f"{name} ({count})"
    return tried


def _colour(kind: Segment, number: int) -> tuple[float, float, float]:
    """The kind's own colour; lesions apart from the first take hues far from each other."""
    red, green, blue = (part / 255 for part in kind.rgb)
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    return colorsys.hsv_to_rgb((hue + max(0, number - 1) * _GOLDEN) % 1, saturation, value)
