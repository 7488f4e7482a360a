"""Other candidates for lesions, as the slider takes them: a step of the corrections, which can be undone and redone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from undo_stack import UndoCommand

from ....core.errors import UserError
from ...panel.mrml_jobs import SceneJobs
from ...panel.mrml_results import CANDIDATES, FACTS, ResultNodes, labels_checksum
from ...panel.mrml_segmentations import made_here
from ...panel.result import Result
from ...worker.protocol import PAINTED
from .edited_segments import Box, CorrectedSegments, VoxelLabels
from .painting import Corrections

_CHANGED = "The segments were changed meanwhile, so nothing else was done: move the slider again."


class CandidateSteps:
    """Takes other candidates, and measures; what was painted stays.

    Args:
        jobs: that know what a result is made of.
        corrections: whose steps these are.
        taken: called with each step, undo and redo, before anything is measured.
    """

    def __init__(self, jobs: SceneJobs, corrections: Corrections, taken: Callable[[], None]) -> None:
        self._jobs, self._corrections, self._taken = jobs, corrections, taken

    def choose(self, nodes: ResultNodes, sensitivity: float, done: Callable[[], None]) -> None:
        """Take the candidates of a sensitivity, in false lesions a patient; ``done`` is called when they are shown.

        Raises:
            UserError: the segments or the CT are gone, or segments were changed while it was measured.
        """
        segments = self._corrections.segments
        if segments is None:
            raise UserError(_CHANGED)
        labels = segments.labels
        before, facts = self._jobs.described(nodes, labels)
        theirs = segments.lesions_outside(made_here(nodes.segmentation))
        is_found = facts.get("found") == labels_checksum(labels)

        def finish(result: Result) -> None:
            if segments is not self._corrections.segments or not np.array_equal(segments.labels, labels):
                raise UserError(_CHANGED)
            found = labels_checksum(result.labels) if is_found else facts.get("found")
            self._take(nodes, segments, result, found)
            done()

        sent = np.where(theirs, np.uint8(PAINTED), labels)
        self._jobs.panel.measure(before, sent, finish, sensitivity=sensitivity)

    def _take(self, nodes: ResultNodes, segments: CorrectedSegments, result: Result, found: int | None) -> None:
        after = segments.like(result.labels)
        states = _State.of(nodes), _State(result.run, found, result.marks, result.candidates)

        def also(done: bool) -> None:
            states[done].put(nodes)
            self._taken()

        self._corrections.step(_SparseChange(segments, after, also))


@dataclass(frozen=True)
class _State:
    """What is known of a result that depends on its candidates."""

    run: dict[str, Any]
    found: int | None
    marks: Any
    candidates: str

    @classmethod
    def of(cls, nodes: ResultNodes) -> _State:
        facts = nodes.facts
        return cls(facts["run"], facts.get("found"), facts.get("marks"), nodes.candidates)

    def put(self, nodes: ResultNodes) -> None:
        facts = nodes.facts | {"run": self.run, "found": self.found, "marks": self.marks}
        nodes.table.SetAttribute(FACTS, json.dumps(facts))
        nodes.table.SetAttribute(CANDIDATES, self.candidates)


class _SparseChange(UndoCommand):
    """Change of voxels all over the liver, of which those alone are kept that change."""

    def __init__(self, segments: CorrectedSegments, after: VoxelLabels, also: Callable[[bool], None]) -> None:
        super().__init__()
        self._segments, self._also = segments, also
        before = segments.labels_of_box(_whole(after))
        changed = (before.organ != after.organ) | (before.lesion != after.lesion)
        self._box = _around(changed)
        before, after, changed = before.of(self._box), after.of(self._box), changed[self._box]
        self._at = np.nonzero(changed)
        self._kept = [(one.organ[self._at], one.lesion[self._at]) for one in (before, after)]

    def undo(self) -> None:
        self._put(False)

    def redo(self) -> None:
        self._put(True)

    def _put(self, done: bool) -> None:
        labels = self._segments.labels_of_box(self._box)
        labels.organ[self._at], labels.lesion[self._at] = self._kept[done]
        self._segments.put(self._box, labels)
        self._also(done)


def _whole(labels: VoxelLabels) -> Box:
    k, j, i = (slice(0, size) for size in labels.organ.shape)
    return k, j, i


def _around(changed: NDArray[np.bool_]) -> Box:
    """The box of what changes; a single voxel where nothing does, as what is known of the result changes anyway."""
    (box,) = ndimage.find_objects(changed.view(np.uint8)) or [(slice(0, 1),) * 3]
    return box
