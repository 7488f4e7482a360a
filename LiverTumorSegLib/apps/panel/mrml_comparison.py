"""The nodes of a comparison of two CTs: a table with a row a lesion, the transform, and by role what was compared."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from ...core.errors import UserError
from .mrml_segmentations import put_beside
from .mrml_volumes import REGISTERED, ijk_to_local, to_world, world_affine
from .result import Answer

FACTS = "LiverTumorSeg.comparison"
EARLIER, LATER = 0, 1
_ROLES = ("earlierVolume", "laterVolume", "earlierSegmentation", "laterSegmentation", "transform")
_ROLE = "LiverTumorSeg.{}"
_AS_SCANNED = "LiverTumorSeg.asScanned"


@dataclass(frozen=True)
class ComparisonNodes:
    """Nodes of a comparison; all of it is saved with the scene.

    Args:
        table: a row a lesion, with the other nodes as its references and the rest in an attribute.
    """

    table: slicer.vtkMRMLTableNode

    @property
    def facts(self) -> Answer:
        """What the worker answered, with places as voxels, see :mod:`...apps.worker.compared_scans`."""
        return json.loads(self.table.GetAttribute(FACTS) or "{}")

    @property
    def volumes(self) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLScalarVolumeNode]:
        """The earlier CT and the later one."""
        return self._of("earlierVolume"), self._of("laterVolume")

    @property
    def segmentations(self) -> tuple[slicer.vtkMRMLSegmentationNode, slicer.vtkMRMLSegmentationNode]:
        """Of the earlier CT and of the later one."""
        return self._of("earlierSegmentation"), self._of("laterSegmentation")

    @property
    def transform(self) -> slicer.vtkMRMLTransformNode:
        """Where points of the later CT lie in the earlier one, as *from parent*."""
        return self._of("transform")

    @property
    def is_whole(self) -> bool:
        """Whether all nodes are in the scene."""
        return all(self.table.GetNodeReference(_ROLE.format(role)) for role in _ROLES)

    @property
    def is_registered(self) -> bool:
        """Whether the earlier CT is shown as registered."""
        return self.volumes[EARLIER].GetTransformNodeID() == self.transform.GetID()

    def place(self, row: int, side: int) -> tuple[float, float, float]:
        """Where a row's lesion lies now, in world RAS, in the earlier (0) or the later CT (1).

        A lesion that this CT does not have lies where the registration brings it.
        """
        facts = self.facts
        sides = [facts["rows"][row][name] for name in ("before", "after")]
        found = side if sides[side] else 1 - side
        places = {
            one["number"]: (one["volume_ml"], voxels)
            for one, voxels in zip(facts["lesions"][found], facts["voxels"][found], strict=True)
        }
        _, voxels = max(places[number] for number in sides[found])
        r, a, s = to_world(self.volumes[side], np.array([voxels[0 if found == side else 1]]))[0]
        return float(r), float(a), float(s)

    def show_registered(self, registered: bool) -> None:
        """Hang what belongs to the earlier CT under the transform, or where it hung before; nothing is hardened."""
        volume, segmentation = self.volumes[EARLIER], self.segmentations[EARLIER]
        if registered == self.is_registered:
            return
        before = volume.GetTransformNodeID()
        if registered:
            self.table.SetNodeReferenceID(_AS_SCANNED, before)
        own = self.transform.GetID() if registered else self.table.GetNodeReferenceID(_AS_SCANNED)
        for node in (segmentation, volume):
            if node.GetTransformNodeID() == before:
                node.SetAndObserveTransformNodeID(own)

    def _of(self, role: str) -> Any:
        return self.table.GetNodeReference(_ROLE.format(role))


def all_comparisons() -> list[ComparisonNodes]:
    """Those of the scene whose nodes are all there."""
    tables = slicer.util.getNodesByClass("vtkMRMLTableNode")
    return [nodes for nodes in map(ComparisonNodes, tables) if table_is_comparison(nodes.table) and nodes.is_whole]


def table_is_comparison(table: slicer.vtkMRMLTableNode | None) -> bool:
    """Whether a table is that of a comparison."""
    return table is not None and bool(table.GetAttribute(FACTS))


def create(
    volumes: Sequence[slicer.vtkMRMLScalarVolumeNode],
    segmentations: Sequence[slicer.vtkMRMLSegmentationNode],
    transform_file: Path,
) -> ComparisonNodes:
    """Nodes of a new comparison, or those of the same two segmentations with another transform.

    Args:
        volumes: the earlier CT and the later one.
        segmentations: theirs.
        transform_file: as the worker wrote it.

    Raises:
        UserError: the file cannot be read.
    """
    known = find(segmentations)
    nodes = known or ComparisonNodes(_table(volumes))
    table, given = nodes.table, (*volumes, *segmentations)
    for role, node in zip(_ROLES, given, strict=False):
        table.SetNodeReferenceID(_ROLE.format(role), node.GetID())
    transform = nodes.transform or slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLTransformNode", slicer.mrmlScene.GenerateUniqueName(f"{volumes[LATER].GetName()} from earlier CT")
    )
    transform.SetAttribute(REGISTERED, "yes")
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(transform_file))
    if not storage.ReadData(transform):
        msg = "The transform between the CTs cannot be read: compare them again."
        raise UserError(msg)
    put_beside(transform, volumes[LATER])
    table.SetNodeReferenceID(_ROLE.format("transform"), transform.GetID())
    return nodes


def find(segmentations: Sequence[slicer.vtkMRMLSegmentationNode]) -> ComparisonNodes | None:
    """The comparison of two segmentations, or None."""
    return next((nodes for nodes in all_comparisons() if nodes.segmentations == tuple(segmentations)), None)


def write_transform(nodes: ComparisonNodes, path: Path) -> None:
    """Write the transform to an ``.h5`` file, as the worker reads it.

    Raises:
        UserError: it cannot be written.
    """
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(path))
    if not storage.WriteData(nodes.transform):
        msg = f"{path} cannot be written: free some space on the disk that holds the temporary folder."
        raise UserError(msg)


def fill(nodes: ComparisonNodes, answer: Answer) -> None:
    """Keep what the worker answered, and put a row a lesion into the table.

    Args:
        nodes: of the comparison, its CTs as they were handed over; the earlier one as scanned.
        answer: of ``compare_scans`` or ``change_pairs``; the first has places, from which voxels follow.
    """
    facts = dict(answer)
    if "places" in facts:
        facts["voxels"] = _voxels(nodes, facts.pop("places"))
    nodes.table.SetAttribute(FACTS, json.dumps(facts))
    _fill_table(nodes.table, facts["rows"])


def _table(volumes: Sequence[slicer.vtkMRMLScalarVolumeNode]) -> slicer.vtkMRMLTableNode:
    name = slicer.mrmlScene.GenerateUniqueName(f"{volumes[LATER].GetName()} compared")
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    put_beside(table, volumes[LATER])
    return table


def _voxels(nodes: ComparisonNodes, places: Sequence[Sequence[Sequence[Sequence[float]]]]) -> list[Any]:
    """Places as voxels ``(i, j, k)`` of the CT that they lie in, which stay true when it is moved."""
    earlier, later = nodes.volumes
    inverse = (np.linalg.inv(ijk_to_local(earlier)), np.linalg.inv(world_affine(later)))
    own = ((0, 1), (1, 0))
    return [
        [[_apply(inverse[at], point) for at, point in zip(own[side], pair, strict=True)] for pair in places[side]]
        for side in (EARLIER, LATER)
    ]


def _apply(affine: NDArray[np.floating], point: Sequence[float]) -> list[float]:
    return [float(x) for x in (affine @ [*point, 1])[:3]]


_NUMBERS = (
    ("volume before (ml)", "ml", 0),
    ("volume now (ml)", "ml", 1),
    ("volume change (%)", "ml_percent", None),
    ("axial diameter before (mm)", "mm", 0),
    ("axial diameter now (mm)", "mm", 1),
    ("diameter change (%)", "mm_percent", None),
    ("growth (% a day)", "growth_rate", None),
)


def _fill_table(node: slicer.vtkMRMLTableNode, rows: Sequence[Answer]) -> None:
    wasmodified = node.StartModify()
    node.RemoveAllColumns()
    words = {
        "before": [numbers_in_words(row["before"]) for row in rows],
        "now": [numbers_in_words(row["after"]) for row in rows],
        "what": [row["what"] for row in rows],
        "pair": ["by hand" if row["by_hand"] else row["grade"] for row in rows],
    }
    for name, texts in words.items():
        node.AddColumn(_column(vtk.vtkStringArray(), name, texts))
    for name, key, side in _NUMBERS:
        values = [row[key] if side is None else row[key][side] for row in rows]
        node.AddColumn(_column(vtk.vtkDoubleArray(), name, [math.nan if one is None else one for one in values]))
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    node.EndModify(wasmodified)


def numbers_in_words(numbers: Sequence[int]) -> str:
    """Numbers of lesions that belong together; empty where there is none."""
    return " + ".join(map(str, numbers))


def _column(column: Any, name: str, values: Sequence[Any]) -> Any:
    column.SetName(name)
    for value in values:
        column.InsertNextValue(value)
    return column
