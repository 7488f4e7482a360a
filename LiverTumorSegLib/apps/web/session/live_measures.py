"""Measures that follow corrections at once: this process has the voxels, and measures in a thread what has changed.

The worker would have to be handed the CT and the labels first, and might be at another session's job.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ....core.structures import LIVER_SEGMENTS
from ....reporting.liver_segments import with_liver_segments
from ....reporting.marked_lesions import tell_origins
from ....reporting.measuring import MeasuredLabels
from ...panel.mrml_jobs import SceneJobs
from ...panel.mrml_results import ResultNodes, fill
from ...panel.result import Result
from ...worker.measures import marked_by_model, measured_answer, read_choice
from .edited_segments import Box, CorrectedSegments


@dataclass(frozen=True)
class _Known:
    """Measures of the segments as they were last, and what they were measured with.

    Args:
        segments: of the result.
        measured: the labels.
        by_model: flat indices of voxels that the model marked as lesions; None where that is not known.
    """

    segments: CorrectedSegments
    measured: MeasuredLabels
    by_model: NDArray[np.int64] | None


class LiveMeasures:
    """Measures one result after another.

    Args:
        jobs: that know what a result's measures are made of.
    """

    def __init__(self, jobs: SceneJobs) -> None:
        self._jobs = jobs
        self._known: _Known | None = None
        self._forgotten = 0

    def forget(self) -> None:
        """Let the next measurement be one of the whole; one that runs is of no use any more."""
        self._known = None
        self._forgotten += 1

    async def bring_up_to_date(self, nodes: ResultNodes, segments: CorrectedSegments) -> None:
        """Measure what was changed since it was measured last, and fill the table.

        Raises:
            UserError: the segments or the CT are gone.
        """
        before, facts = self._jobs.described(nodes, segments.labels)
        boxes, known = segments.take_changes(), self._known
        self._known = None  # what fails in between is measured as a whole the next time
        if known is None or known.segments is not segments or _text(known) != before.numbers_text:
            known, boxes = None, []
        forgotten = self._forgotten
        known, result = await asyncio.to_thread(_measure, known, before, boxes, segments)
        if forgotten != self._forgotten:
            return
        if slicer.mrmlScene.IsNodePresent(nodes.table) and slicer.mrmlScene.IsNodePresent(nodes.volume):
            rows = [segments.segment_at(lesion["inside_voxel"]) for lesion in result.table["lesions"]]
            fill(nodes, result, facts, rows, by_hand=True)
            self._known = known


def _measure(
    known: _Known | None, before: Result, boxes: list[Box], segments: CorrectedSegments
) -> tuple[_Known, Result]:
    """Measure labels as the worker's command ``measure`` does."""
    run, labels = before.run, np.asarray(before.labels, np.uint8)
    if known is None:
        known = _whole(before, labels, segments)
    else:
        known.measured.change([(box, labels[box]) for box in boxes])
    measured, marks = known.measured, before.marks
    table = with_liver_segments(measured.table, measured.numbered, _liver_segments(before))
    if marks is not None:
        table, marks = tell_origins(table, marks, measured.numbered, before.volume, known.by_model)
    answer = measured_answer(table, run, marks)
    return known, replace(before.told(answer), labels=measured.numbered, numbers=measured.numbers)


def _whole(before: Result, labels: NDArray[np.uint8], segments: CorrectedSegments) -> _Known:
    """Measures of all, for which the candidates are read once."""
    run: dict[str, Any] = before.run
    choice = read_choice(before.candidates, labels.shape)
    likely, region = choice.spread() if choice else None, run.get("region", False)
    marked, numbers = run.get("labels", ("liver", "lesion")), before.numbers
    measured = MeasuredLabels(labels, before.volume, marked, likely, region=region, numbers=numbers)
    return _Known(segments, measured, marked_by_model(choice, run))


def _text(known: _Known) -> str:
    return known.measured.numbers.to_text()


def _liver_segments(before: Result) -> NDArray[np.uint8] | None:
    """Labels of the first model that looked for the liver's segments."""
    return next((each.layer.labels for each in before.others if set(each.structures) & set(LIVER_SEGMENTS)), None)
