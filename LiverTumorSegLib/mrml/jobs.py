"""The panel's jobs on nodes of the scene: what goes in, and what of the answer becomes which node."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ..errors import UserError
from ..panel import Panel, Result, Settings
from . import segmentations, tables
from .regions import region_of
from .segmentations import Output
from .volumes import exact_place, volume_of, world_affine

_FACTS, _OF = "LiverTumorSeg.facts", "LiverTumorSeg.segmentation"


@dataclass(frozen=True)
class Request:
    """What to segment and where to put it.

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
    settings: Settings = field(default_factory=Settings)
    output: Output = field(default_factory=Output)
    surface: bool = True


@dataclass(frozen=True)
class Nodes:
    """Where a result is in the scene; all of it is saved with the scene.

    Args:
        volume: the CT.
        segmentation: the segments.
        table: a row a lesion, see :mod:`.tables`; its attributes hold the patient's measures and how they came about.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode
    table: slicer.vtkMRMLTableNode

    @property
    def facts(self) -> dict[str, Any]:
        """The patient's measures, ``run``, ``warnings`` and ``segments``."""
        return json.loads(self.table.GetAttribute(_FACTS) or "{}")

    @property
    def segments(self) -> dict[str, int]:
        """IDs of the result's segments and whether they are liver (1) or lesion (2)."""
        return self.facts.get("segments", {})


class SceneJobs:
    """Runs a panel's jobs on nodes.

    Args:
        panel: whose methods are called, and whose errors are shown.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    def segment(self, request: Request, done: Callable[[Nodes], None]) -> None:
        """Segment a volume node; ``done`` gets the nodes of the result.

        Raises:
            UserError: the volume holds no CT, or the region lies outside it.
        """
        volume = volume_of(request.volume)
        region = region_of(request.roi, request.volume) if request.roi else None

        def finish(result: Result) -> None:
            _require(request.volume, request.segmentation)
            labels = region.paste(result.labels, volume.voxels.shape) if region else result.labels
            node = request.segmentation or segmentations.create(request.volume)
            made = segmentations.write(labels, request.volume, node, request.output)
            if request.surface and labels.any():
                self.panel.later(lambda: segmentations.show_surface(node))
            nodes = Nodes(request.volume, node, _table_node(request, node))
            facts = {"run": result.run, "warnings": list(result.warnings), "segments": made}
            _fill(nodes, result.table, facts)
            done(nodes)

        part, inside = (region.crop(volume), region.inside) if region else (volume, None)
        self.panel.segment(part, request.settings, finish, inside=inside)

    def measure(self, nodes: Nodes, done: Callable[[Nodes], None]) -> None:
        """Measure the segments again as they are now, after corrections by hand.

        Raises:
            UserError: the segments or the CT are gone.
        """

        def finish(result: Result) -> None:
            _require(nodes.volume, nodes.segmentation, nodes.table)
            _fill(nodes, result.table, nodes.facts)
            done(nodes)

        result = self._result(nodes)
        self.panel.measure(result, result.labels, finish)

    def report(self, nodes: Nodes, folder: Path, done: Callable[[list[str]], None], *, overwrite: bool) -> None:
        """Write the report of the segments as they are now; ``done`` gets the files, the table is brought up to date.

        Raises:
            UserError: the segments or the CT are gone.
        """

        def finish(result: Result, files: list[str]) -> None:
            _require(nodes.volume, nodes.segmentation, nodes.table)
            _fill(nodes, result.table, nodes.facts)
            done(files)

        self.panel.report(self._result(nodes), folder, finish, overwrite=overwrite)

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
            name = slicer.mrmlScene.GenerateUniqueName(f"{volume.GetName()} preprocessed")
            node = slicer.util.addVolumeFromArray(image, slicer.util.vtkMatrixFromArray(affine), name)
            segmentations.put_beside(node, volume)
            done(node)

        self.panel.preview(volume_of(volume), model, finish)

    def _result(self, nodes: Nodes) -> Result:
        _require(nodes.volume, nodes.segmentation, nodes.table)
        facts, volume = nodes.facts, volume_of(nodes.volume)
        labels = segmentations.labels_of(nodes.segmentation, nodes.volume, nodes.segments)
        warnings = tuple(facts.get("warnings", volume.warnings))
        return Result(labels, replace(volume, warnings=warnings), {}, facts.get("run", {}), warnings)


def _require(*nodes: slicer.vtkMRMLNode | None) -> None:
    gone = [node for node in nodes if node is not None and not slicer.mrmlScene.IsNodePresent(node)]
    if gone:
        msg = f"“{gone[0].GetName()}” was removed from the scene meanwhile: nothing was added."
        raise UserError(msg)


def _table_node(request: Request, segmentation: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLTableNode:
    """A new table; where an earlier result is replaced, that one's."""
    if request.output.replace:
        for table in slicer.util.getNodesByClass("vtkMRMLTableNode"):
            if table.GetNodeReference(_OF) is segmentation:
                return table
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", f"{segmentation.GetName()} measures")
    table.SetNodeReferenceID(_OF, segmentation.GetID())
    segmentations.put_beside(table, request.volume)
    return table


def _fill(nodes: Nodes, table: dict[str, Any], facts: dict[str, Any]) -> None:
    """Positions were measured in the straight grid nearest to the volume; the table gets where they really lie."""
    affine = world_affine(nodes.volume)
    lesions = [
        lesion | {"centroid_mm": exact_place(nodes.volume, lesion["centroid_mm"], affine)}
        for lesion in table["lesions"]
    ]
    tables.fill(nodes.table, lesions)
    patient = {name: value for name, value in table.items() if name != "lesions"}
    kept = {name: facts[name] for name in ("run", "warnings", "segments")}
    nodes.table.SetAttribute(_FACTS, json.dumps(patient | kept))
