"""Measure every case; one that cannot be measured does not stop the others."""

from __future__ import annotations

from collections.abc import Iterable

from ..processes import for_each
from ..progress import Job
from .case import Case, measure_files
from .pairs.pairing import EvaluationPair
from .settings import Settings


def measure_all(
    pairs: Iterable[EvaluationPair], settings: Settings, processes: int, job: Job
) -> tuple[dict[str, Case], dict[str, str]]:
    """Measure cases.

    Args:
        pairs: the files of each.
        settings: the definitions.
        processes: how many cases at once; 1 stays in this process.
        job: told after every case.

    Returns:
        What was measured by case, in the order given, and a sentence for each that could not be.

    Raises:
        Cancelled: the user asked to stop.
    """
    return for_each({pair.case: (pair, settings) for pair in pairs}, measure_files, processes, job)
