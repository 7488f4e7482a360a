"""The panel's jobs on nodes of the scene: what goes in, and what of the answer becomes which node."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import LESION
from ..worker.protocol import PAINTED
from . import mrml_display, mrml_segmentations, mrml_tables
from .mrml_segmentations import SegmentOutput
from .mrml_volumes import region_of, to_world, volume_of
from .panel import Panel, PanelSettings, Result

_FACTS, _SEGMENTATION = "LiverTumorSeg.facts", "LiverTumorSeg.segmentation"
_CANDIDATES = "LiverTumorSeg.candidates"
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


@dataclass(frozen=True)
class ResultNodes:
    """Nodes of a result; all of it is saved with the scene.

    Args:
        volume: the CT.
        segmentation: the segments.
        table: a row a lesion, see :mod:`.mrml_tables`; its attributes hold the patient's measures and how they came.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode
    table: slicer.vtkMRMLTableNode

    @property
    def facts(self) -> dict[str, Any]:
        """The patient's measures, ``run``, ``warnings``, ``segments``, and a row's segment and voxels."""
        return json.loads(self.table.GetAttribute(_FACTS) or "{}")

    def place(self, row: int) -> tuple[float, float, float]:
        """Middle of a lesion's axial diameter as it lies now, in world RAS, also after the CT was moved.

        It lies in the slice that was measured; scenes of earlier versions know the centroid alone.
        """
        facts = self.facts
        r, a, s = to_world(self.volume, np.array([facts.get("measured", facts["voxels"])[row]]))[0]
        return float(r), float(a), float(s)

    @property
    def segments(self) -> dict[str, int]:
        """IDs of the result's segments and whether they are liver (1) or lesion (2)."""
        return self.facts.get("segments", {})

    @property
    def points(self) -> list[dict[str, float]]:
        """What is known of each sensitivity that can be chosen, from the fewest false lesions on; empty for none."""
        return self.facts.get("run", {}).get("points", []) if self.candidates else []

    @property
    def candidates(self) -> str:
        """Candidates for lesions, as the worker wrote them."""
        return self.table.GetAttribute(_CANDIDATES) or ""


class SceneJobs:
    """Runs a panel's jobs on nodes.

    Args:
        panel: whose methods are called, and whose errors are shown.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    def segment(self, request: Request, done: Callable[[ResultNodes], None]) -> None:
        """Segment a volume node; ``done`` gets the nodes of the result.

        Raises:
            UserError: the volume holds no CT, or the region lies outside it.
        """
        volume = volume_of(request.volume)
        inside = region_of(request.roi, request.volume) if request.roi else None

        def finish(result: Result) -> None:
            _require(request.volume, request.segmentation)
            node = request.segmentation or mrml_segmentations.create(request.volume)
            made = mrml_segmentations.write(result.labels, request.volume, node, request.output)
            if request.surface and result.labels.any():
                self.panel.later(lambda: mrml_display.show_surface(node))
            nodes = ResultNodes(request.volume, node, _table_node(request, node))
            lesions = [name for name, label in made.items() if label == LESION.label]
            rows = lesions if request.output.one_each else lesions * len(result.table["lesions"])
            facts: dict[str, Any] = {"run": result.run, "warnings": list(result.warnings), "segments": made}
            facts |= {"found": _labels_checksum(result.labels), "one_each": request.output.one_each}
            nodes.table.SetAttribute(_CANDIDATES, result.candidates)
            _fill(nodes, result, facts, rows)
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
            _fill(nodes, result, facts, _rows(result.labels, owners, list(facts["segments"])))
            done(nodes)

        self.panel.measure(before, before.labels, finish)

    def choose(self, nodes: ResultNodes, sensitivity: float, done: Callable[[ResultNodes], None]) -> None:
        """Take other candidates for lesions, and measure; segments and table change, what was painted stays.

        Raises:
            UserError: the segments or the CT are gone, or segments were changed while it was measured.
        """
        before, owners, facts = self._result(nodes)
        theirs = _owned_by(owners, facts["segments"], mrml_segmentations.made_here(nodes.segmentation))
        untouched = facts.get("found") == _labels_checksum(before.labels)

        def finish(result: Result) -> None:
            _require(nodes.volume, nodes.segmentation, nodes.table)
            now, _ = mrml_segmentations.labels_of(nodes.segmentation, nodes.volume, facts["segments"])
            if not np.array_equal(now, before.labels):
                msg = "The segments were changed meanwhile, so nothing else was done: move the slider again."
                raise UserError(msg)
            shown = mrml_display.has_surface(nodes.segmentation)
            facts["segments"] = mrml_segmentations.rewrite(
                np.where(theirs, 0, result.labels),
                nodes.volume,
                nodes.segmentation,
                facts["segments"],
                facts["one_each"],
            )
            if untouched:
                facts["found"] = _labels_checksum(result.labels)
            nodes.table.SetAttribute(_CANDIDATES, result.candidates)
            _, owners_now = mrml_segmentations.labels_of(nodes.segmentation, nodes.volume, facts["segments"])
            _fill(nodes, result, facts, _rows(result.labels, owners_now, list(facts["segments"])))
            if shown and result.labels.any():
                self.panel.later(lambda: mrml_display.show_surface(nodes.segmentation))
            done(replace(nodes))

        labels = np.where(theirs, PAINTED, before.labels).astype(np.uint8)
        self.panel.measure(before, labels, finish, sensitivity=sensitivity)

    def report(self, nodes: ResultNodes, folder: Path, done: Callable[[list[str]], None], *, overwrite: bool) -> None:
        """Write the report of the segments as they are now; ``done`` gets the files, the table is brought up to date.

        Raises:
            UserError: the segments or the CT are gone.
        """
        before, owners, facts = self._result(nodes)

        def finish(result: Result, files: list[str]) -> None:
            _require(nodes.volume, nodes.segmentation, nodes.table)
            _fill(nodes, result, facts, _rows(result.labels, owners, list(facts["segments"])))
            done(files)

        self.panel.report(before, folder, finish, overwrite=overwrite)

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
        facts, volume = nodes.facts, volume_of(nodes.volume)
        facts["segments"] |= mrml_segmentations.added_segments(nodes.segmentation, facts["segments"])
        labels, owners = mrml_segmentations.labels_of(nodes.segmentation, nodes.volume, facts["segments"])
        volume = replace(volume, warnings=tuple(facts["warnings"]))
        notes = [note for note in facts["run"]["notes"] if note != _CHANGED]
        facts["run"]["notes"] = notes if facts.get("found") in (None, _labels_checksum(labels)) else [*notes, _CHANGED]
        return Result(labels, volume, {}, facts["run"], volume.warnings, nodes.candidates), owners, facts


def _owned_by(owners: NDArray[np.uint16], segments: dict[str, int], made: list[str]) -> NDArray[np.bool_]:
    """Voxels in segments that the user added."""
    return np.isin(owners, [place for place, name in enumerate(segments, start=1) if name not in made])


def _labels_checksum(labels: NDArray[np.unsignedinteger]) -> int:
    """By which labels are told from others, whichever lesion a voxel is of."""
    return zlib.crc32(np.minimum(labels, LESION.label).astype(np.uint8).tobytes())


def _require(*nodes: slicer.vtkMRMLNode | None) -> None:
    gone = [node for node in nodes if node is not None and not slicer.mrmlScene.IsNodePresent(node)]
    if gone:
        msg = f"“{gone[0].GetName()}” was removed from the scene meanwhile: nothing was added."
        raise UserError(msg)


def _table_node(request: Request, segmentation: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLTableNode:
    """A new table; where an earlier result is replaced, that one's."""
    if request.output.replace:
        for table in slicer.util.getNodesByClass("vtkMRMLTableNode"):
            if table.GetNodeReference(_SEGMENTATION) is segmentation:
                return table
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", f"{segmentation.GetName()} measures")
    table.SetNodeReferenceID(_SEGMENTATION, segmentation.GetID())
    mrml_segmentations.put_beside(table, request.volume)
    return table


def _rows(numbered: NDArray[np.unsignedinteger], owners: NDArray[np.uint16], names: list[str]) -> list[str]:
    """The segment that holds each lesion, in the order of the table."""
    at = np.flatnonzero(numbered >= LESION.label)
    _, first = np.unique(numbered.ravel()[at], return_index=True)
    return [names[owners.ravel()[at[place]] - 1] for place in first]


def _fill(nodes: ResultNodes, result: Result, facts: dict[str, Any], rows: list[str]) -> None:
    """Positions were measured in the straight grid that the CT had then; voxels stay true when it is moved."""
    to_voxel = np.linalg.inv(result.volume.affine)
    lesions = result.table["lesions"]
    voxels = [(to_voxel @ [*lesion["centroid_mm"], 1])[:3].tolist() for lesion in lesions]
    middles = [np.mean(lesion["axial_line_mm"], axis=0) for lesion in lesions]
    measured = [(to_voxel @ [*middle, 1])[:3].tolist() for middle in middles]
    places = [tuple(to_world(nodes.volume, np.array([voxel]))[0].tolist()) for voxel in voxels]
    moved = [lesion | {"centroid_mm": place} for lesion, place in zip(lesions, places, strict=True)]
    mrml_tables.fill(nodes.table, moved)
    patient = {name: value for name, value in result.table.items() if name != "lesions"}
    kept = {name: facts[name] for name in ("warnings", "segments")} | {"rows": rows, "voxels": voxels}
    kept["measured"] = measured
    kept["run"] = result.run
    kept["one_each"] = facts.get("one_each", False)
    kept["found"] = facts.get("found")  # scenes of earlier versions have none
    nodes.table.SetAttribute(_FACTS, json.dumps(patient | kept))
