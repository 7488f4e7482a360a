"""Every volume of a sequence, and every CT of a folder, as jobs that follow each other, with one table at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import slicer
import vtk

from ...core.errors import UserError
from . import mrml_sequences
from .batch import BatchAnswer, BatchItem, Take
from .job_runner import Answer
from .mrml_jobs import Request, SceneJobs
from .mrml_results import ResultNodes
from .mrml_segmentations import SegmentOutput
from .panel import Panel, PanelSettings

OUTPUT_ENDING = ".seg.nrrd"


class SequenceBatch:
    """The volumes of a sequence, and the sequence of what was found in them.

    Args:
        jobs: segment the volumes.
        sequence: of CTs.
        settings: how to segment.
        output: how labels become segments.
    """

    def __init__(
        self,
        jobs: SceneJobs,
        sequence: slicer.vtkMRMLSequenceNode,
        settings: PanelSettings,
        output: SegmentOutput,
    ) -> None:
        self.sequence, self.made = sequence, mrml_sequences.create_beside(sequence)
        self._jobs, self._settings, self._output = jobs, settings, output

    def items(self) -> list[BatchItem]:
        """One for each volume, called by its place and its index value."""
        return [self._item(number) for number in range(self.sequence.GetNumberOfDataNodes())]

    def finish(self) -> None:
        """Play along what was found; a sequence of nothing goes."""
        if not slicer.mrmlScene.IsNodePresent(self.made):
            return
        if self.made.GetNumberOfDataNodes() and slicer.mrmlScene.IsNodePresent(self.sequence):
            mrml_sequences.play_along(self.made, self.sequence)
        else:
            slicer.mrmlScene.RemoveNode(self.made)

    def _item(self, number: int) -> BatchItem:
        name, value = self.sequence.GetName(), self.sequence.GetNthIndexValue(number)
        unit = self.sequence.GetIndexUnit() or ""
        held = ExitStack()

        def start(take: Take) -> None:
            _require(self.sequence, self.made)
            node = self.sequence.GetNthDataNode(number)
            if not node.IsA("vtkMRMLScalarVolumeNode"):
                msg = f"“{name}” holds no volume at {value} {unit}".rstrip() + ": choose a sequence of CTs."
                raise UserError(msg)
            volume = held.enter_context(mrml_sequences.in_scene(node, f"{name} {number + 1}"))
            request = Request(volume, settings=self._settings, output=self._output, surface=False)
            self._jobs.segment(request, lambda nodes: self._keep(nodes, value, take))

        return BatchItem(f"{name} {number + 1}: {value} {unit}".rstrip(), start, held.close)

    def _keep(self, nodes: ResultNodes, value: str, take: Take) -> None:
        facts = nodes.facts
        self.made.SetDataNodeAtValue(nodes.segmentation, value)
        for node in (nodes.segmentation, nodes.table):
            slicer.mrmlScene.RemoveNode(node)
        take(facts, facts["warnings"])


def folder_items(panel: Panel, cases: Iterable[Answer], output: Path, settings: PanelSettings) -> list[BatchItem]:
    """One for each CT that the worker found, segmented into ``NAME.seg.nrrd``; what is there already stays.

    Args:
        panel: segments.
        cases: ``name``, ``path`` and ``series`` of each.
        output: folder that is there.
        settings: how to segment.
    """
    return [_file_item(panel, case, output / f"{case['name']}{OUTPUT_ENDING}", settings) for case in cases]


def find_cases(panel: Panel, folder: Path, output: Path, done: Callable[[list[Answer], list[str]], None]) -> None:
    """Look for CTs in a folder but for that of the outputs; ``done`` gets them and remarks on what was left out."""
    places = {"folder": str(folder), "without": str(output)}
    panel.begin("find_cases", lambda answer, _: done(answer["cases"], answer["remarks"]), {}, **places)


def _file_item(panel: Panel, case: Answer, output: Path, settings: PanelSettings) -> BatchItem:
    source = Path(case["path"])

    def start(take: Take) -> None:
        if output.exists():
            msg = f"{output} is there already and was left as it is: move it away to segment this CT again."
            raise UserError(msg)

        def done(answer: Answer) -> None:
            take(answer["table"], answer["warnings"])

        panel.segment_file(source, output, settings, done, series=case["series"])

    return BatchItem(case["name"], start, folders=(output.parent, source.parent))


HEADINGS = ("CT", "liver (ml)", "lesions", "lesions (ml)", "remarks")
"""Columns of the table; numbers that are not known are NaN, which a saved scene keeps."""

_MEASURES = ("liver_ml", "lesion_count", "lesion_ml")


def table_of(answers: Sequence[BatchAnswer], name: str) -> slicer.vtkMRMLTableNode:
    """A new table node with a row a CT: its measures and warnings, or the sentence on what failed."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", slicer.mrmlScene.GenerateUniqueName(name))
    measures = [answer.table or {} for answer in answers]
    columns: tuple[list[Any], ...] = (
        [answer.name for answer in answers],
        *([_number(table.get(key)) for table in measures] for key in _MEASURES),
        [" ".join(answer.remarks) for answer in answers],
    )
    wasmodified = node.StartModify()
    node.RemoveAllColumns()
    for heading, values in zip(HEADINGS, columns, strict=True):
        column = vtk.vtkStringArray() if heading in (HEADINGS[0], HEADINGS[-1]) else vtk.vtkDoubleArray()
        column.SetName(heading)
        for value in values:
            column.InsertNextValue(value)
        node.AddColumn(column)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    node.EndModify(wasmodified)
    return node


def _number(value: float | None) -> float:
    return math.nan if value is None else round(float(value), 3)


def _require(*nodes: slicer.vtkMRMLNode) -> None:
    for node in nodes:
        if not slicer.mrmlScene.IsNodePresent(node):
            msg = f"“{node.GetName()}” was removed from the scene meanwhile: nothing was added."
            raise UserError(msg)
