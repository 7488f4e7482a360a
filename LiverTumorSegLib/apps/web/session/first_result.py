"""A result of a CT that no model has segmented: the lesions that are clicked into go there."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from ....core.about import CLICK_MODEL
from ....core.labels import LESION
from ....core.volume import Volume
from ....reporting.lesions import measure_lesions
from ...panel import mrml_segmentations
from ...panel.mrml_results import ResultNodes, fill, table_node
from ...panel.panel import Result

_ONLY_CLICKS = "Only lesions that were clicked into are marked: no model looked for liver and lesions."


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
    run: dict[str, Any] = {
        "model": CLICK_MODEL,
        "labels": ["background", "lesion"],
        "device": "",
        "notes": [_ONLY_CLICKS],
        "label_warnings": [],
        "region": False,
        "seconds": 0.0,
        "options": {"coarse_pass": False, "batch": None, "postprocessing": None, "precision": "auto"},
    }
    nodes = ResultNodes(node, segmentation, table_node(segmentation, node, replace=False))
    table = measure_lesions(labels, volume, run["labels"]).to_dict()
    facts = {"segments": made, "one_each": one_each}
    fill(nodes, Result(labels, volume, table, run, volume.warnings, marks=()), facts, [])
    return nodes
