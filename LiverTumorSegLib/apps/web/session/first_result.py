"""A result of a CT that no model has segmented: the lesions that are clicked into go there."""

from __future__ import annotations

import numpy as np
import slicer

from ....core.labels import LESION
from ....core.volume import Volume
from ....reporting.lesions import LesionTable
from ...panel import mrml_segmentations
from ...panel.clicks import run_of_clicks
from ...panel.mrml_results import ResultNodes, fill, new_table
from ...panel.result import Result


def make_first_result(node: slicer.vtkMRMLScalarVolumeNode, volume: Volume, *, one_each: bool) -> ResultNodes:
    """Nodes without a lesion, whose liver is not known.

    Args:
        node: the CT.
        volume: the same.
        one_each: a segment a lesion.
    """
    labels = np.zeros(volume.voxels.shape, np.uint8)
    segmentation = mrml_segmentations.create(node)
    made = mrml_segmentations.write(labels, node, segmentation)
    for name in [name for name, kind in made.items() if kind != LESION.label]:
        segmentation.GetSegmentation().RemoveSegment(name)
        del made[name]
    run = run_of_clicks()
    nodes = ResultNodes(node, segmentation, new_table(segmentation, node))
    table = LesionTable(None, 0.0, None, ()).to_dict()
    facts = {"segments": made, "one_each": one_each}
    fill(nodes, Result(labels, volume, table, run, volume.warnings, marks=()), facts, [])
    return nodes
