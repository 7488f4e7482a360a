"""Comparing an earlier CT with a segmented later one, on nodes: asked, segmented where needed, compared, reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ...core.about import NO_LIVER
from ...core.errors import UserError
from . import mrml_comparison, mrml_segment_boxes, mrml_segmentations
from .job_runner import Answer
from .mrml_comparison import EARLIER, LATER, ComparisonNodes
from .mrml_jobs import Request, SceneJobs
from .mrml_results import ResultNodes, earlier_table, require
from .mrml_volumes import ijk_to_local, is_linear, volume_of
from .panel import PanelSettings

_TRANSFORM_FILE = "comparison.h5"
_WORDS = {"liver": 1, "lesion": 2, "tumor": 2, "tumour": 2, "metasta": 2}
"""Parts of names by which segments without coded terms are told; a lesion's name may have the liver's in it."""


@dataclass(frozen=True)
class FollowUpRequest:
    """What to compare.

    Args:
        later: the result of the later CT.
        earlier: the earlier CT.
        segmentation: of the earlier CT; None to segment it first.
        images: a DICOM image of the earlier CT and one of the later CT; empty where they were not loaded from DICOM.
        dates: days that the user gave, in ISO 8601, in place of those of the images; empty for none.
        device: to segment on.
    """

    later: ResultNodes
    earlier: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode | None = None
    images: tuple[str, str] = ("", "")
    dates: tuple[str, str] = ("", "")
    device: str = "auto"

    @property
    def volumes(self) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLScalarVolumeNode]:
        """The earlier CT and the later one."""
        return self.earlier, self.later.volume

    @property
    def said(self) -> Answer:
        """What the worker is told of both."""
        names = [volume.GetName() for volume in self.volumes]
        return {"names": names, "images": list(self.images), "dates": list(self.dates)}


@dataclass
class FollowUpJobs:
    """Runs comparisons, as :class:`.mrml_jobs.SceneJobs` runs segmentations.

    Args:
        jobs: whose panel runs them, and which segment an earlier CT.
        are_same_patient: asked where the CTs state different patient IDs; False ends it.
    """

    jobs: SceneJobs
    are_same_patient: Callable[[], bool] = field(default=lambda: False)

    def compare(self, request: FollowUpRequest, done: Callable[[ComparisonNodes], None]) -> None:
        """Compare; ``done`` gets the nodes. What the headers say against it is asked before any other work.

        Raises:
            UserError: a CT cannot be compared.
        """
        _check(request)

        def checked(answer: Answer, _: Path) -> None:
            if answer["other_patients"] and not self.are_same_patient():
                msg = "Nothing was compared: choose an earlier CT of the same patient."
                raise UserError(msg)
            self._next(lambda: self._segmented(request, done))

        self.jobs.panel.begin("check_scans", checked, {}, **request.said)

    def change_pairs(self, nodes: ComparisonNodes, edits: Sequence[Sequence[Any]], done: Callable[[], None]) -> None:
        """Take in what a user says of pairs, see :mod:`...apps.worker.compared_scans`."""

        def finish(answer: Answer, _: Path) -> None:
            require(nodes.table)
            mrml_comparison.fill(nodes, answer)
            done()

        self.jobs.panel.begin("change_pairs", finish, {}, compared=nodes.facts, edits=[list(edit) for edit in edits])

    def report(self, nodes: ComparisonNodes, folder: Path, done: Callable[[list[str]], None]) -> None:
        """Write the report as the command ``follow-up`` does, with pairs as they are now; nothing is overwritten.

        Raises:
            UserError: nodes are gone, or the segments cannot be read.
        """
        require(nodes.table, *nodes.volumes, *nodes.segmentations)
        if not nodes.is_whole:
            msg = "A CT or a segmentation of this comparison was removed from the scene: compare them again."
            raise UserError(msg)
        file = Path(self.jobs.panel.worker.scratch) / _TRANSFORM_FILE
        mrml_comparison.write_transform(nodes, file)
        files, numbers = _as_scanned(nodes, lambda: _files(nodes.volumes, nodes.segmentations))
        names = [volume.GetName() for volume in nodes.volumes]
        chosen = {"compared": nodes.facts, "transform": str(file), "folder": str(folder), "numbers": numbers}
        self.jobs.panel.begin(
            "report_comparison", lambda answer, _: done(answer["files"]), files, names=names, **chosen
        )

    def _segmented(self, request: FollowUpRequest, done: Callable[[ComparisonNodes], None]) -> None:
        if request.segmentation is not None:
            self._compare(request, request.segmentation, done)
            return

        def finish(made: ResultNodes) -> None:
            self._next(lambda: self._compare(request, made.segmentation, done))

        require(*request.volumes)
        settings = settings_of(request.later, request.device)
        self.jobs.segment(Request(request.earlier, settings=settings, surface=False), finish)

    def _compare(
        self,
        request: FollowUpRequest,
        segmentation: slicer.vtkMRMLSegmentationNode,
        done: Callable[[ComparisonNodes], None],
    ) -> None:
        _check(request)
        segmentations = (segmentation, request.later.segmentation)
        require(*request.volumes, *segmentations)
        files, numbers = _files(request.volumes, segmentations)
        known = mrml_comparison.find(segmentations)
        before = known.facts if known else None

        def finish(answer: Answer, folder: Path) -> None:
            require(*request.volumes, *segmentations)
            nodes = mrml_comparison.create(request.volumes, segmentations, folder / "transform.h5")
            mrml_comparison.fill(nodes, answer)
            done(nodes)

        files["transform"] = None
        self.jobs.panel.begin("compare_scans", finish, files, numbers=numbers, before=before, **request.said)

    def _next(self, start: Callable[[], None]) -> None:
        """Start another job once the one that is ending has ended."""
        self.jobs.panel.later(lambda: self.jobs.panel.attempt(start))


def settings_of(result: ResultNodes, device: str = "auto") -> PanelSettings:
    """Settings that segment another CT as a result was segmented, without other structures."""
    run = result.facts["run"]
    options = run["options"]
    return PanelSettings(
        model=run["model"],
        device=device,
        coarse_pass=options.get("coarse_pass", True),
        batch=options.get("batch") or 0,
        precision=options.get("precision", "auto"),
        postprocessing=options.get("postprocessing") or {},
        liver_model=run.get("liver_model") or NO_LIVER,
    )


def kinds_of(segmentation: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLScalarVolumeNode) -> dict[str, int]:
    """IDs of the segments that are liver (1) or lesions (2): by this module's own, by coded terms, else by names.

    Raises:
        UserError: no segment is either.
    """
    table = earlier_table(segmentation)
    kinds = dict(ResultNodes(volume, segmentation, table).segments) if table else {}
    kinds |= mrml_segmentations.added_segments(segmentation, kinds)
    if not kinds:
        kinds = _named(segmentation)
    if not kinds:
        msg = (
            f"No segment of “{segmentation.GetName()}” is told to be liver or lesion: give them the terms Liver and "
            "Mass in Segment Editor, or have the earlier CT segmented."
        )
        raise UserError(msg)
    return kinds


def _named(segmentation: slicer.vtkMRMLSegmentationNode) -> dict[str, int]:
    segments, kinds = segmentation.GetSegmentation(), {}
    for name in segments.GetSegmentIDs():
        words = segments.GetSegment(name).GetName().lower()
        found = [kind for word, kind in _WORDS.items() if word in words]
        if found:
            kinds[name] = max(found)
    return kinds


def _check(request: FollowUpRequest) -> None:
    earlier, later = request.volumes
    if earlier is later:
        msg = f"“{later.GetName()}” is the later CT itself: choose the earlier one."
        raise UserError(msg)
    for comparison in mrml_comparison.all_comparisons():
        if comparison.volumes[EARLIER] in (earlier, later):
            comparison.show_registered(False)
    if not is_linear(earlier):
        msg = (
            f"“{earlier.GetName()}” hangs under a transform that deforms it, as irregular slices do, and cannot be "
            "compared: choose a CT with even slices."
        )
        raise UserError(msg)


def _as_scanned(nodes: ComparisonNodes, work: Callable[[], Any]) -> Any:
    """Do work while the earlier CT lies as it was scanned."""
    registered = nodes.is_registered
    nodes.show_registered(False)
    try:
        return work()
    finally:
        nodes.show_registered(registered)


def _files(
    volumes: Sequence[slicer.vtkMRMLScalarVolumeNode], segmentations: Sequence[slicer.vtkMRMLSegmentationNode]
) -> tuple[dict[str, Any], list[str]]:
    """CTs and labels to hand over, the earlier CT where the scanner had it, and the numbers that lesions keep."""
    files: dict[str, Any] = {}
    numbers = []
    for side, name in ((EARLIER, "earlier"), (LATER, "later")):
        volume = volume_of(volumes[side])
        if side == EARLIER:
            volume = replace(volume, affine=ijk_to_local(volumes[side]))
        labels, kept = _labels(volumes[side], segmentations[side])
        files[name] = (volume.voxels, volume.affine)
        files[f"{name}_labels"] = (labels, volume.affine)
        numbers.append(kept)
    return files, numbers


def _labels(
    node: slicer.vtkMRMLScalarVolumeNode, segmentation: slicer.vtkMRMLSegmentationNode
) -> tuple[NDArray[np.uint8], str]:
    labels, _ = mrml_segment_boxes.labels_of(segmentation, node, kinds_of(segmentation, node))
    table = earlier_table(segmentation)
    numbers = ResultNodes(node, segmentation, table).numbers if table else None
    return labels, numbers.to_text() if numbers else ""
