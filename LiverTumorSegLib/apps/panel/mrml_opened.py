"""Nodes of a result that is opened from its DICOM objects, as if it had just been segmented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import slicer

from ...core.labels import LESION
from ...reporting.lesion_origins import read_marks
from ..worker import arrays
from . import mrml_display, mrml_segmentations
from .job_runner import Answer
from .mrml_jobs import SceneJobs
from .mrml_results import ResultNodes, fill, labels_checksum, new_table, require
from .mrml_segmentations import SegmentOutput
from .result import Result


def open_objects(
    jobs: SceneJobs,
    volume: slicer.vtkMRMLScalarVolumeNode,
    segmentation: Path,
    reports: Sequence[Path],
    done: Callable[[ResultNodes, Answer], None],
    *,
    one_each: bool = False,
) -> None:
    """Open a Segmentation on its CT.

    Args:
        jobs: run it.
        volume: the CT.
        segmentation: its file.
        reports: files of reports, of which one may be about it.
        done: gets the nodes, and the worker's answer: the UIDs of the ``report``, and whether it was ``corrected``.
        one_each: a segment a lesion.

    Raises:
        UserError: the volume holds no CT.
    """
    ct = jobs.volumes.of(volume)

    def finish(answer: Answer, folder: Path) -> None:
        require(volume)
        labels, _ = arrays.read(folder / "labels.nrrd")
        warnings = tuple(dict.fromkeys((*ct.warnings, *answer["run"]["notes"][1:], *answer["warnings"])))
        marks = read_marks(answer["marks"])
        result = Result(labels, ct, answer["table"], answer["run"], warnings, marks=marks)
        node = mrml_segmentations.create(volume)
        made = mrml_segmentations.write(labels, volume, node, SegmentOutput(one_each=one_each))
        if labels.any():
            jobs.panel.later(lambda: mrml_display.show_surface(node))
        nodes = ResultNodes(volume, node, new_table(node, volume))
        lesions = [name for name, label in made.items() if label == LESION.label]
        rows = lesions if one_each else lesions * len(result.table["lesions"])
        facts = {"segments": made, "found": labels_checksum(labels), "one_each": one_each}
        fill(nodes, result, facts, rows)
        done(nodes, answer)

    files = {"volume": (ct.voxels, ct.affine), "labels": None}
    chosen = {"segmentation": str(segmentation), "reports": [str(report) for report in reports]}
    jobs.panel.begin("open_objects", finish, files, **chosen)
