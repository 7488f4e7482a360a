"""The rest of a cohort in other processes, where this one has lost a GPU: each begins with GPUs that answer.

An assertion on a GPU, or a driver that was reset, leaves a process without it for good. Without this the whole night's
cases would go to the CPU, or fail where the GPU was named.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import Protocol

from ...core.device_loss import has_lost_device
from ...core.process_pool import lone_process
from ...core.progress import CancelToken, Job
from .cases import CohortCase
from .records import CaseRecord


class CaseSegmenter(Protocol):
    """As :class:`.segment.CohortWork` has it."""

    def attempt(self, case: CohortCase, task: Job) -> CaseRecord:
        """Read and segment a case, and record it, or why it cannot be."""

    def fail(self, case: CohortCase, sentence: str) -> CaseRecord:
        """Record why a case could not be segmented."""


_ENOUGH = 2
"""Processes in a row that lost the GPU with their first case: it will not come back."""

_ENDED = "The process that segmented it ended unexpectedly, perhaps because memory ran out: close other programs."


def segment_elsewhere(
    work: CaseSegmenter, cases: Sequence[CohortCase], cancel: CancelToken, tell: Callable[[CohortCase], object]
) -> Iterator[CaseRecord]:
    """Segment cases in a process of their own, and in the next one where that loses the GPU too.

    Args:
        work: segments them.
        cases: that are left.
        cancel: ends a process in the middle of a case, whose files are then removed with the next run.
        tell: told of each case before it is segmented.

    Yields:
        The record of each case; of fewer where the GPU does not come back, or no process can be started.

    Raises:
        Cancelled: ``cancel`` was used.
    """
    left, content, in_vain = list(cases), pickle.dumps(work), 0
    while left and in_vain < _ENOUGH:
        done, lost = 0, False
        with lone_process(cancel.check) as call:
            if not _begins(call):
                return
            while left and not lost:
                case = left.pop(0)
                tell(case)
                try:
                    record, lost = call(_segment_case, content, case)
                except BrokenProcessPool:
                    record, lost = work.fail(case, _ENDED), True
                done += 1
                yield record
        in_vain = in_vain + 1 if done == 1 else 0


def _begins(call: Callable[..., object]) -> bool:
    """Whether a process starts at all: one that does not says nothing about a case."""
    try:
        call(has_lost_device)
    except BrokenProcessPool:
        return False
    return True


def _segment_case(content: bytes, case: CohortCase) -> tuple[CaseRecord, bool]:
    """Segment a case in this process; its record, and whether the GPU was lost over it."""
    return _load(content).attempt(case, Job()), has_lost_device()


@cache
def _load(content: bytes) -> CaseSegmenter:
    work: CaseSegmenter = pickle.loads(content)  # noqa: S301, our own parent's
    return work
