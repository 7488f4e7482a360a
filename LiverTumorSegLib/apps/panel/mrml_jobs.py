"""The panel's jobs on nodes of the scene: what goes in, and what of the answer becomes which node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import LESION
from ...reporting.ct_identity import CTIdentity
from ...reporting.lesion_origins import read_marks
from ..worker.protocol import PAINTED
from . import mrml_display, mrml_other_structures, mrml_segment_boxes, mrml_segmentations
from .mrml_clicks import ClickJobs, ClickStep
from .mrml_results import (
    CANDIDATES,
    ResultNodes,
    ct_of,
    earlier_table,
    fill,
    labels_checksum,
    name_ct,
    new_table,
    rows_segments,
)
from .mrml_results import require as _require
from .mrml_segmentations import SegmentOutput
from .mrml_undo import ChangedLabels, KeptResult, ReplacedSegments, UndoStep, UndoSteps, owners_checksum
from .mrml_volumes import LastVolume, region_of, volume_of
from .panel import Panel, PanelSettings
from .result import Result

_CHANGED = "The segments are not any more as the model found them: they were changed afterwards."


@dataclass(frozen=True)
class Request:
    """Request for a segmentation: the CT, how, and where the result goes.

    Args:
        volume: the CT.
        segmentation: node that gets the segments; None for a new one.
        roi: limits the work; None for the whole volume.
        settings: how to segment.
        output: how labels become segments.
        surface: make the closed surfaces that 3D views show, once the segments are there.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode | None = None
    roi: slicer.vtkMRMLMarkupsROINode | None = None
    settings: PanelSettings = field(default_factory=PanelSettings)
    output: SegmentOutput = field(default_factory=SegmentOutput)
    surface: bool = True


class SceneJobs:
    """Runs a panel's jobs on nodes.

    Args:
        panel: whose methods are called, and whose errors are shown.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.steps, self.volumes = UndoSteps(), LastVolume()
        self.clicks = ClickJobs(panel, self.steps.add, self.volumes)

    def segment(self, request: Request, done: Callable[[ResultNodes], None]) -> None:
        """Segment a volume node; ``done`` gets the nodes of the result.

        Raises:
            UserError: the volume holds no CT, or the region lies outside it.
        """
        volume = self.volumes.of(request.volume)
        inside = region_of(request.roi, request.volume) if request.roi else None

        def finish(result: Result) -> None:
            _require(request.volume, request.segmentation)
            node = request.segmentation or mrml_segmentations.create(request.volume)
            table = None
            if request.output.replace:
                table = earlier_table(node, request.volume) or earlier_table(node)
            kept = KeptResult.of(node, table) if table else None
            made = mrml_segmentations.write(result.labels, request.volume, node, request.output)
            mrml_other_structures.write(result.others, request.volume, node, replace_earlier=request.output.replace)
            if request.surface and result.labels.any():
                self.panel.later(lambda: mrml_display.show_surface(node))
            if table:
                name_ct(table, request.volume)
            nodes = ResultNodes(request.volume, node, table or new_table(node, request.volume))
            lesions = [name for name, label in made.items() if label == LESION.label]
            rows = lesions if request.output.one_each else lesions * len(result.table["lesions"])
            facts: dict[str, Any] = {"run": result.run, "warnings": list(result.warnings), "segments": made}
            facts |= {"found": labels_checksum(result.labels), "one_each": request.output.one_each}
            nodes.table.SetAttribute(CANDIDATES, result.candidates)
            fill(nodes, result, facts, rows)
            if kept:
                self.steps.add(
                    ReplacedSegments(
                        nodes.table, kept, tuple(made), owners_checksum(result.labels, request.output.one_each)
                    )
                )
            done(nodes)

        self.panel.segment(volume, request.settings, finish, inside=inside)

    def measure(self, nodes: ResultNodes, done: Callable[[ResultNodes], None]) -> None:
        """Measure the segments again as they are now, after corrections by hand.

        Raises:
            UserError: the segments or the CT are gone.
        """
        before, owners, facts = self._result(nodes)

        def finish(result: Result) -> None:
            _require(nodes.volume, nodes.segmentation, nodes.table)
            fill(nodes, result, facts, rows_segments(result.labels, owners, list(facts["segments"])), by_hand=True)
            done(nodes)

        self.panel.measure(before, before.labels, finish)

    def choose(self, nodes: ResultNodes, sensitivity: float, done: Callable[[ResultNodes], None]) -> None:
        """Take other candidates for lesions, and measure; segments and table change, what was painted stays.

        Raises:
            UserError: the segments or the CT are gone, or segments were changed while it was measured.
        """
        change = self._change_of(nodes)
        labels = np.where(change.theirs & (change.labels == LESION.label), PAINTED, change.labels).astype(np.uint8)
        untouched = change.facts.get("found") == labels_checksum(change.labels)

        def finish(result: Result) -> None:
            if untouched:
                change.facts["found"] = labels_checksum(result.labels)
            self._rewrite(change, result, done)

        self.panel.measure(change.before, labels, finish, sensitivity=sensitivity)

    def remove(self, nodes: ResultNodes, row: int, done: Callable[[ResultNodes], None]) -> None:
        """Take a lesion away, which becomes what most of its neighbours are, and measure.

        One in a segment of the user's own stays, and why is shown as an error.

        Raises:
            UserError: the segments or the CT are gone.
        """
        change, (i, j, k) = self._change_of(nodes), nodes.inside(row)

        def finish(result: Result) -> None:
            if (change.theirs & (change.labels == LESION.label) & (result.labels < LESION.label)).any():
                msg = "This lesion is in a segment that you added: erase it in Segment Editor, then measure again."
                raise UserError(msg)
            self._rewrite(change, result, done)

        self.panel.measure(change.before, change.labels, finish, without=[(i, j, k)])

    def undo(self, nodes: ResultNodes, done: Callable[[ResultNodes], None]) -> None:
        """Take the last step back that changed this result's segments; what was painted since stays.

        Raises:
            UserError: there is none, or the segments or the CT are gone.
        """
        _require(nodes.volume, nodes.segmentation, nodes.table)
        self._take_back(nodes, self.steps.last(nodes.table), done)

    def redo(self, nodes: ResultNodes, done: Callable[[ResultNodes], None]) -> None:
        """Do the step again that was taken back last; what was painted since stays.

        Raises:
            UserError: there is none, or the segments or the CT are gone.
        """
        _require(nodes.volume, nodes.segmentation, nodes.table)
        self._take_back(nodes, self.steps.last(nodes.table, undone=True), done)

    def _take_back(self, nodes: ResultNodes, step: UndoStep, done: Callable[[ResultNodes], None]) -> None:
        if isinstance(step, ChangedLabels):
            self._undo_labels(nodes, step, done)
            return
        shown = mrml_display.has_surface(nodes.segmentation)
        self.steps.turn(step, step.restore(nodes))
        if shown:
            self.panel.later(lambda: mrml_display.show_surface(nodes.segmentation))
        if isinstance(step, ClickStep):
            self.measure(nodes, done)
        else:
            done(replace(nodes, volume=ct_of(nodes.table) or nodes.volume))

    def _undo_labels(self, nodes: ResultNodes, step: ChangedLabels, done: Callable[[ResultNodes], None]) -> None:
        change, inverse = self._change_of(nodes), step.inverse(nodes)
        facts = step.facts
        change.facts["found"] = facts.get("found")
        marks = read_marks(facts.get("marks"))
        before = replace(change.before, run=facts["run"], candidates=step.candidates, marks=marks)

        def finish(result: Result) -> None:
            self._rewrite(change, result, done, keep_step=False)
            self.steps.turn(step, inverse)

        self.panel.measure(before, step.undone(change.labels, change.theirs), finish)

    def _change_of(self, nodes: ResultNodes) -> _Change:
        before, owners, facts = self._result(nodes)
        made = mrml_segmentations.made_here(nodes.segmentation)
        return _Change(nodes, before, facts, _owned_by(owners, facts["segments"], made))

    def _rewrite(
        self, change: _Change, result: Result, done: Callable[[ResultNodes], None], *, keep_step: bool = True
    ) -> None:
        """Put measured labels into the segments that are the module's own, and fill the table."""
        nodes, facts = change.nodes, change.facts
        _require(nodes.volume, nodes.segmentation, nodes.table)
        now, owned = mrml_segment_boxes.labels_of(nodes.segmentation, nodes.volume, facts["segments"])
        if not np.array_equal(now, change.labels):
            msg = "The segments were changed meanwhile, so nothing else was done: try it again."
            raise UserError(msg)
        if keep_step:
            self.steps.add(ChangedLabels.of(nodes, now, result.labels, change.theirs))
        shown = mrml_display.has_surface(nodes.segmentation)
        own = np.where(change.theirs, 0, result.labels)
        facts["segments"] = mrml_segmentations.rewrite(
            own, nodes.volume, nodes.segmentation, facts["segments"], facts["one_each"], owned
        )
        nodes.table.SetAttribute(CANDIDATES, result.candidates)
        _, owners = mrml_segment_boxes.labels_of(nodes.segmentation, nodes.volume, facts["segments"])
        fill(nodes, result, facts, rows_segments(result.labels, owners, list(facts["segments"])))
        if shown and result.labels.any():
            self.panel.later(lambda: mrml_display.show_surface(nodes.segmentation))
        done(replace(nodes))

    def report(
        self,
        nodes: ResultNodes,
        folder: Path,
        done: Callable[[list[str]], None],
        *,
        overwrite: bool,
        identity: CTIdentity | None = None,
    ) -> None:
        """Write the report of the segments as they are now; ``done`` gets the files, the table is brought up to date.

        With an identity the report names the CT.

        Raises:
            UserError: the segments or the CT are gone.
        """
        before, owners, facts = self._result(nodes)

        def finish(result: Result, files: list[str]) -> None:
            _require(nodes.volume, nodes.segmentation, nodes.table)
            fill(nodes, result, facts, rows_segments(result.labels, owners, list(facts["segments"])), by_hand=True)
            done(files)

        self.panel.report(before, folder, finish, overwrite=overwrite, notes=nodes.notes, identity=identity)

    def preview(
        self,
        volume: slicer.vtkMRMLScalarVolumeNode,
        model: str,
        done: Callable[[slicer.vtkMRMLScalarVolumeNode], None],
    ) -> None:
        """Add the volume as the network would see it to the scene.

        Raises:
            UserError: the volume holds no CT.
        """

        def finish(image: NDArray[np.float32], affine: NDArray[np.float64]) -> None:
            _require(volume)
            name = slicer.mrmlScene.GenerateUniqueName(f"{volume.GetName()} preprocessed")
            node = slicer.util.addVolumeFromArray(image, slicer.util.vtkMatrixFromArray(affine), name)
            mrml_segmentations.put_beside(node, volume)
            done(node)

        self.panel.preview(volume_of(volume), model, finish)

    def _result(self, nodes: ResultNodes) -> tuple[Result, NDArray[np.uint16], dict[str, Any]]:
        """A result as its segments are now, the segment that each voxel belongs to, and the facts that stay true."""
        _require(nodes.volume, nodes.segmentation, nodes.table)
        facts = nodes.facts
        names = facts["segments"] | mrml_segmentations.added_segments(nodes.segmentation, facts["segments"])
        labels, owners = mrml_segment_boxes.labels_of(nodes.segmentation, nodes.volume, names)
        result, facts = self.described(nodes, labels)
        return result, owners, facts

    def described(self, nodes: ResultNodes, labels: NDArray[np.uint8]) -> tuple[Result, dict[str, Any]]:
        """A result with labels that are not measured yet, and the facts that stay true.

        Args:
            nodes: of the result.
            labels: ``[k, j, i]``, those of its segments as they are now.

        Raises:
            UserError: the segments or the CT are gone.
        """
        _require(nodes.volume, nodes.segmentation, nodes.table)
        facts, volume = nodes.facts, self.volumes.of(nodes.volume)
        facts["segments"] |= mrml_segmentations.added_segments(nodes.segmentation, facts["segments"])
        volume = replace(volume, warnings=tuple(facts["warnings"]))
        notes = [note for note in facts["run"]["notes"] if note != _CHANGED]
        facts["run"]["notes"] = notes if facts.get("found") in (None, labels_checksum(labels)) else [*notes, _CHANGED]
        others = mrml_other_structures.read(nodes.segmentation, nodes.volume)
        known = nodes.candidates, nodes.marks, others, nodes.numbers
        return Result(labels, volume, {}, facts["run"], volume.warnings, *known), facts


@dataclass(frozen=True)
class _Change:
    """A result whose segments are about to be changed, as they are now.

    Args:
        nodes: of the result.
        before: labels 0, 1 and 2 with all that is known of them.
        facts: those that stay true; they are the change's own.
        theirs: ``[k, j, i]``, voxels in segments that the user added.
    """

    nodes: ResultNodes
    before: Result
    facts: dict[str, Any]
    theirs: NDArray[np.bool_]

    @property
    def labels(self) -> NDArray[np.unsignedinteger]:
        return self.before.labels


def _owned_by(owners: NDArray[np.uint16], segments: dict[str, int], made: list[str]) -> NDArray[np.bool_]:
    """Voxels in segments that the user added."""
    return np.isin(owners, [place for place, name in enumerate(segments, start=1) if name not in made])
