"""The nodes of a result: segments and a table, with all that is known of it in the table's attributes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.labels import LESION
from ...reporting.lesion_notes import clean_note
from ...reporting.lesion_numbers import LesionNumbers, read_numbers
from ...reporting.lesion_origins import LesionMark, LesionOrigin, read_marks
from . import lesion_notes, mrml_tables
from .mrml_kept_clicks import CLICKS
from .mrml_segmentations import put_beside
from .mrml_volumes import to_world
from .result import Note, Result

FACTS, CANDIDATES, NUMBERS = "LiverTumorSeg.facts", "LiverTumorSeg.candidates", "LiverTumorSeg.numbers"
KEPT = (FACTS, CANDIDATES, NUMBERS, CLICKS)
"""Attributes of a table with all that is known of a result."""
_SEGMENTATION, _CT, _NAMES_CT = "LiverTumorSeg.segmentation", "LiverTumorSeg.ct", "LiverTumorSeg.names_ct"
_LINES = ("axial_line_mm", "short_axial_line_mm")


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
        return json.loads(self.table.GetAttribute(FACTS) or "{}")

    def place(self, row: int) -> tuple[float, float, float]:
        """Middle of a lesion's axial diameter as it lies now, in world RAS, also after the CT was moved.

        It lies in the slice that was measured; scenes of earlier versions know the centroid alone.
        """
        facts = self.facts
        r, a, s = to_world(self.volume, np.array([facts.get("measured", facts["voxels"])[row]]))[0]
        return float(r), float(a), float(s)

    @property
    def places(self) -> list[list[float]]:
        """Middle of each lesion's axial diameter, in voxels ``(i, j, k)``."""
        facts = self.facts
        return facts.get("measured", facts.get("voxels", []))

    def lines(self, row: int) -> list[list[list[float]]]:
        """Ends of a lesion's two diameters, in voxels; empty in scenes of earlier versions."""
        lines = self.facts.get("lines", [])
        return lines[row] if row < len(lines) else []

    @property
    def notes(self) -> list[Note]:
        """What was noted about lesions that are there, with a voxel of each."""
        return [((i, j, k), text) for (i, j, k), text, row in self.facts.get("notes", []) if row is not None]

    def note_of(self, row: int) -> str:
        """What was noted about a lesion."""
        return lesion_notes.text_of(self.facts.get("notes", []), row)

    def note(self, row: int, text: str) -> None:
        """Note something about a lesion, in place of what was noted before; no words take it away.

        Raises:
            UserError: the scene is of an earlier version, which did not keep where a lesion can be found.
        """
        facts, voxel, text = self.facts, self.inside(row), clean_note(text)
        others = [note for note in facts.get("notes", []) if note[2] != row]
        facts["notes"] = [*others, [voxel, text, row]] if text else others
        self.table.SetAttribute(FACTS, json.dumps(facts))
        mrml_tables.set_note(self.table, row, text)

    @property
    def marks(self) -> tuple[LesionMark, ...] | None:
        """What marked the lesions; None in scenes of earlier versions, of which nothing is known."""
        return read_marks(self.facts.get("marks"))

    def mark(self, marks: Iterable[LesionMark]) -> None:
        """Keep other marks, as after clicks; the next measurement says by them how the lesions came about."""
        self.table.SetAttribute(FACTS, json.dumps(self.facts | {"marks": list(marks)}))

    @property
    def origins(self) -> list[LesionOrigin | None]:
        """How the lesion of each row came about; None where it is not known."""
        facts = self.facts
        told = facts.get("origins") or [None] * len(facts.get("rows", []))
        return [LesionOrigin(**one) if one else None for one in told]

    def inside(self, row: int) -> list[int]:
        """A voxel ``(i, j, k)`` of a lesion.

        Raises:
            UserError: the scene is of an earlier version.
        """
        inside = self.facts.get("inside", [])
        if row >= len(inside):
            msg = "This result is of an earlier version: press Measure again first."
            raise UserError(msg)
        return inside[row]

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
        return self.table.GetAttribute(CANDIDATES) or ""

    @property
    def numbers(self) -> LesionNumbers | None:
        """Lesions by the numbers that they keep; None in scenes of earlier versions."""
        shape = slicer.util.arrayFromVolume(self.volume).shape
        return read_numbers(self.table.GetAttribute(NUMBERS) or "", shape)

    @property
    def row_numbers(self) -> list[int]:
        """The number of each row's lesion; in scenes of earlier versions that of the row."""
        facts = self.facts
        told: list[int] = facts.get("numbers") or list(range(1, 1 + len(facts.get("rows", []))))
        return told


def labels_checksum(labels: NDArray[np.unsignedinteger]) -> int:
    """By which labels are told from others, whichever lesion a voxel is of."""
    return zlib.crc32(np.ascontiguousarray(np.minimum(labels, LESION.label), np.uint8).data)


def new_table(
    segmentation: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLVolumeNode
) -> slicer.vtkMRMLTableNode:
    """A table for a CT's result in a segmentation."""
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", f"{segmentation.GetName()} measures")
    table.SetNodeReferenceID(_SEGMENTATION, segmentation.GetID())
    name_ct(table, volume)
    put_beside(table, volume)
    return table


def earlier_table(
    segmentation: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLVolumeNode | None = None
) -> slicer.vtkMRMLTableNode | None:
    """The table of the result that a segmentation holds, or None; with a volume, no table of another CT."""
    tables = slicer.util.getNodesByClass("vtkMRMLTableNode")
    own = (table for table in tables if table.GetNodeReference(_SEGMENTATION) is segmentation)
    return next((table for table in own if volume is None or not _is_of_another(table, volume)), None)


def name_ct(table: slicer.vtkMRMLTableNode, volume: slicer.vtkMRMLVolumeNode) -> None:
    """Let a table be a CT's; all that it says of another, as notes, goes."""
    if _is_of_another(table, volume):
        for name in KEPT:
            table.RemoveAttribute(name)
    table.SetNodeReferenceID(_CT, volume.GetID())
    table.SetAttribute(_NAMES_CT, "true")


def ct_of(table: slicer.vtkMRMLTableNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The CT of a table; None where it was removed, or the scene is of an earlier version."""
    return table.GetNodeReference(_CT)


def _is_of_another(table: slicer.vtkMRMLTableNode, volume: slicer.vtkMRMLVolumeNode) -> bool:
    """Whether a table is another CT's, also one that was removed since; earlier versions did not say whose it is."""
    return table.GetAttribute(_NAMES_CT) is not None and ct_of(table) is not volume


def rows_segments(numbered: NDArray[np.unsignedinteger], owners: NDArray[np.uint16], names: list[str]) -> list[str]:
    """The segment that holds each lesion, in the order of the table."""
    at = np.flatnonzero(numbered >= LESION.label)
    _, first = np.unique(numbered.ravel()[at], return_index=True)
    return [names[owners.ravel()[at[place]] - 1] for place in first]


def fill(nodes: ResultNodes, result: Result, facts: dict[str, Any], rows: list[str], *, by_hand: bool = False) -> None:
    """Fill table and facts with a result; notes are looked for by the voxels that they were written about.

    Positions were measured in the straight grid that the CT had then; voxels stay true when it is moved.

    Args:
        nodes: of the result.
        result: as it was measured, with a value a lesion.
        facts: that stay true.
        rows: the segment of each lesion.
        by_hand: the segments were corrected, so that a lesion may have moved a little from its note.
    """
    lesions = result.table["lesions"]
    own = [lesion["number"] for lesion in lesions]
    notes = lesion_notes.placed(nodes.facts.get("notes", []), result.labels, result.volume, own, by_hand=by_hand)
    to_voxel = np.linalg.inv(result.volume.affine)
    voxels = [(to_voxel @ [*lesion["centroid_mm"], 1])[:3].tolist() for lesion in lesions]
    middles = [np.mean(lesion["axial_line_mm"], axis=0) for lesion in lesions]
    measured = [(to_voxel @ [*middle, 1])[:3].tolist() for middle in middles]
    places = [tuple(to_world(nodes.volume, np.array([voxel]))[0].tolist()) for voxel in voxels]
    moved = [
        lesion | {"centroid_mm": place, "note": lesion_notes.text_of(notes, row)}
        for row, (lesion, place) in enumerate(zip(lesions, places, strict=True))
    ]
    mrml_tables.fill(nodes.table, moved)
    patient = {name: value for name, value in result.table.items() if name != "lesions"}
    kept: dict[str, Any] = {"warnings": list(result.warnings), "segments": facts["segments"]}
    kept |= {"rows": rows, "numbers": own, "voxels": voxels, "measured": measured}
    kept["inside"] = [list(lesion["inside_voxel"]) for lesion in lesions]
    kept["lines"] = [[_voxels(to_voxel, lesion[name]) for name in _LINES] for lesion in lesions]
    kept["notes"] = notes
    kept["origins"] = [lesion.get("origin") for lesion in lesions]
    kept["marks"] = result.marks
    kept["run"] = result.run
    kept["one_each"] = facts.get("one_each", False)
    kept["found"] = facts.get("found")  # scenes of earlier versions have none
    nodes.table.SetAttribute(FACTS, json.dumps(patient | kept))
    numbers = result.numbers.after(result.labels) if result.numbers else LesionNumbers.of(result.labels)
    nodes.table.SetAttribute(NUMBERS, numbers.to_text())


def _voxels(to_voxel: NDArray[np.floating], points: Iterable[Sequence[float]]) -> list[list[float]]:
    return [(to_voxel @ [*point, 1])[:3].tolist() for point in points]


def require(*nodes: slicer.vtkMRMLNode | None) -> None:
    """Refuse nodes that are not in the scene any more.

    Raises:
        UserError: one is gone.
    """
    gone = [node for node in nodes if node is not None and not slicer.mrmlScene.IsNodePresent(node)]
    if gone:
        msg = f"“{gone[0].GetName()}” was removed from the scene meanwhile: nothing was added."
        raise UserError(msg)
