"""DICOM objects of a result of the scene, for the series that its CT was loaded from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from ...core.errors import UserError
from . import mrml_other_structures, mrml_segment_boxes, mrml_segmentations
from .job_runner import Answer
from .mrml_jobs import SceneJobs
from .mrml_results import ResultNodes, labels_checksum
from .mrml_volumes import ijk_to_local, volume_of
from .panel import with_others

INSTANCES = "DICOM.instanceUIDs"
"""Attribute that Slicer gives to what it loads from DICOM: the UIDs of its images, with spaces between."""


def source_files(volume: slicer.vtkMRMLVolumeNode, file_of: Callable[[str], str]) -> list[Path]:
    """The DICOM files that a volume was loaded from.

    Args:
        volume: node.
        file_of: the file of an image's UID, as ``slicer.dicomDatabase.fileForInstance``; empty where there is none.

    Raises:
        UserError: it was not loaded from DICOM, or files of it are gone.
    """
    name, uids = volume.GetName(), (volume.GetAttribute(INSTANCES) or "").split()
    if not uids:
        msg = (
            f"“{name}” was not loaded from DICOM, so there is no study that DICOM objects could belong to: load the CT "
            "with Slicer's DICOM module."
        )
        raise UserError(msg)
    files = [Path(found) for found in map(file_of, uids) if found]
    lost = len(uids) - sum(file.is_file() for file in files)
    if lost:
        msg = f"{lost} of the {len(uids)} DICOM files of “{name}” are not there any more: import the series again."
        raise UserError(msg)
    return files


def write_objects(
    jobs: SceneJobs, nodes: ResultNodes, files: Sequence[Path], folder: Path, done: Callable[[list[str]], None]
) -> None:
    """Measure the segments as they are now, and write them; the table follows.

    Args:
        jobs: measure and write.
        nodes: the result.
        files: of the CT, see :func:`source_files`.
        folder: new, for the objects.
        done: gets the files in it.

    Raises:
        UserError: the segments or the CT are gone.
    """
    write_revision(jobs, nodes, files, folder, lambda answer: done(answer["files"]), repeatable=False)


def write_revision(
    jobs: SceneJobs,
    nodes: ResultNodes,
    files: Sequence[Path],
    folder: Path,
    done: Callable[[Answer], None],
    *,
    corrected: bool = False,
    predecessor: Answer | None = None,
    repeatable: bool = True,
) -> None:
    """The same of a result of which a report may be somewhere already.

    Args:
        jobs: measure and write.
        nodes: the result.
        files: of the CT.
        folder: new, for the objects.
        done: gets the worker's answer: ``files``, and the UIDs of the ``report``; and a ``checksum`` of the labels.
        corrected: whether it was before the result's segments were made; else those tell whether it was since.
        predecessor: UIDs of the report before, where there is one and the segments were corrected since.
        repeatable: what a model found has the UIDs that every process with its settings gives it.

    Raises:
        UserError: the segments or the CT are gone.
    """

    def write(found: ResultNodes) -> None:
        facts = found.facts
        labels, _ = mrml_segment_boxes.labels_of(found.segmentation, found.volume, facts["segments"])
        checksum = labels_checksum(labels)
        stored = replace(volume_of(found.volume), affine=ijk_to_local(found.volume))  # where the scanner had it
        given: dict[str, Any] = {
            "volume": (stored.voxels, stored.affine),
            "labels": (labels.astype(np.uint8), stored.affine),
        }
        chosen = {
            "images": [str(file) for file in files],
            "run": facts["run"],
            "folder": str(folder),
            "candidates": found.candidates,
            "warnings": [said for said in facts["warnings"] if said not in facts["run"].get("label_warnings", ())],
            "notes": found.notes,
            "marks": found.marks,
            "numbers": found.numbers.to_text() if found.numbers else "",
            "corrected": corrected or facts.get("found") not in (None, checksum),
            "predecessor": predecessor,
            "repeatable": repeatable and facts.get("found") == checksum,
        }
        others = mrml_other_structures.read(found.segmentation, found.volume)
        given, more = with_others(given, others, stored)

        def finish(answer: Answer, _: Path) -> None:
            done(answer | {"checksum": checksum})

        jobs.panel.begin("write_objects", finish, given, **chosen, **more)

    jobs.measure(nodes, lambda found: jobs.panel.later(lambda: jobs.panel.attempt(lambda: write(found))))


def checksum_now(nodes: ResultNodes) -> int:
    """By which the labels of a result's segments, as they are now, are told from others.

    Raises:
        UserError: the segments are gone.
    """
    facts = nodes.facts
    kinds = facts["segments"] | mrml_segmentations.added_segments(nodes.segmentation, facts["segments"])
    return labels_checksum(mrml_segment_boxes.labels_of(nodes.segmentation, nodes.volume, kinds)[0])
