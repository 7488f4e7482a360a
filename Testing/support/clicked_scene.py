"""Scenes with a CT to click into, and with a result beside it."""

import json

import numpy as np

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from support.click_cases import LESIONS, SHAPE, SPACING, ball, clicked_ct
from support.mrml_cases import under
from support.panels import settle

LIVER = ball((60.0, 58.0, 62.0), 55.0)
FOUND = ball(LESIONS["large"][0], 20.0)
"""The part of the large lesion that a model found."""


def add_clicked_ct(parent=None, name="CT"):
    """The CT of :mod:`support.click_cases` as a node."""
    import slicer

    made = clicked_ct()
    node = slicer.util.addVolumeFromArray(made.voxels, slicer.util.vtkMatrixFromArray(made.affine), name)
    return under(node, parent)


def voxel(place):
    """A place along slices, rows and columns as ``(i, j, k)``."""
    deep, row, column = (at / mm for at, mm in zip(place, SPACING, strict=True))
    return (column, row, deep)


def found_labels():
    labels = np.zeros(SHAPE, np.uint8)
    labels[LIVER] = 1
    labels[FOUND] = 2
    return labels


def add_result(jobs, node, labels=None, *, one_each=False):
    """A result as a model leaves it, measured."""
    from LiverTumorSegLib.apps.panel import mrml_segmentations
    from LiverTumorSegLib.apps.panel.mrml_results import FACTS, ResultNodes, new_table

    labels = found_labels() if labels is None else labels
    output = mrml_segmentations.SegmentOutput(one_each=one_each)
    segmentation = mrml_segmentations.create(node)
    made = mrml_segmentations.write(labels, node, segmentation, output)
    table = new_table(segmentation, node)
    options = {"coarse_pass": True, "batch": None, "postprocessing": {}, "precision": "auto"}
    run = {"model": "unet-lits", "labels": ["background", "liver", "lesion"], "device": "cpu, float32", "notes": []}
    run |= {"label_warnings": [], "region": False, "seconds": 1.0, "options": options}
    middle = [round(at) for at in voxel(LESIONS["large"][0])]
    marks = [[middle, 0, int(FOUND.sum())]]
    facts = {"run": run, "warnings": [], "segments": made, "one_each": one_each, "marks": marks}
    table.SetAttribute(FACTS, json.dumps(facts))
    nodes = ResultNodes(node, segmentation, table)
    jobs.measure(nodes, lambda _: None)
    finish(jobs)
    return nodes


def finish(jobs):
    settle(jobs.panel, lambda panel: panel.settled)
    assert jobs.panel.state is PanelState.DONE, jobs.panel.error + jobs.panel.details


def labels_in(nodes):
    """Labels 0, 1 and 2 of all segments of a result, by Slicer's own means."""
    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene
    from LiverTumorSegLib.apps.panel.mrml_segment_boxes import labels_of

    return labels_of(nodes.segmentation, nodes.volume, LesionScene.of(nodes).names)[0]


def paint(nodes, name, mask, *, value=1):
    """Paint voxels of a segment, or erase them, as Segment Editor does."""
    import slicer

    held = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume).astype(np.uint8)
    held[mask] = value
    slicer.util.updateSegmentBinaryLabelmapFromArray(held, nodes.segmentation, name, nodes.volume)


def add_painted(nodes, mask, term="Mass", name="mine"):
    """A segment of the user's own, with a coded term or none."""
    import slicer

    from LiverTumorSegLib.core.labels import LESION

    segments = nodes.segmentation.GetSegmentation()
    made = segments.AddEmptySegment(name, name)
    if term:
        segments.GetSegment(made).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), LESION.terminology)
    paint(nodes, made, mask)
    return made
