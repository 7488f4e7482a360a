"""A sequence of volumes, such as the phases of a CT, and the sequence of what was found in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import slicer

from .mrml_segmentations import put_beside


@contextmanager
def in_scene(volume: slicer.vtkMRMLScalarVolumeNode, name: str) -> Iterator[slicer.vtkMRMLScalarVolumeNode]:
    """A sequence's own volume node as one of the scene, as long as the block lasts; the voxels are shared."""
    node = slicer.mrmlScene.AddNewNodeByClass(volume.GetClassName(), name)
    node.Copy(volume)
    node.SetName(name)
    try:
        yield node
    finally:
        if slicer.mrmlScene.IsNodePresent(node):  # the scene may have been closed
            slicer.mrmlScene.RemoveNode(node)


def create_beside(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceNode:
    """An empty sequence for segmentations, played along wherever the sequence of volumes is played."""
    name = slicer.mrmlScene.GenerateUniqueName(f"{sequence.GetName()} liver and lesions")
    made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    made.SetIndexName(sequence.GetIndexName())
    made.SetIndexUnit(sequence.GetIndexUnit())
    made.SetIndexType(sequence.GetIndexType())
    put_beside(made, sequence)
    return made


def play_along(made: slicer.vtkMRMLSequenceNode, sequence: slicer.vtkMRMLSequenceNode) -> None:
    """Add a filled sequence to every browser that plays another, under the same transform."""
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        if browser.IsSynchronizedSequenceNode(sequence, True):
            browser.AddSynchronizedSequenceNode(made.GetID())
            shown, volume = browser.GetProxyNode(made), browser.GetProxyNode(sequence)
            if shown and volume:
                shown.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
