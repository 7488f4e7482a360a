"""Measure every case, in processes of their own; one that cannot be measured does not stop the others."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from typing import TypeVar

from ..errors import UserError
from ..progress import Job
from .case import Case, measure_files
from .pairs.pairing import EvaluationPair
from .settings import Settings

Result = TypeVar("Result")
Work = Callable[..., Result]

_LOST = "The process that measured it ended unexpectedly, perhaps for want of memory: try --processes 1."
_MEMORY = "There is not enough memory to measure it: close other programs, or try --processes 1."


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


def for_each(
    tasks: Mapping[str, tuple], work: Work[Result], processes: int, job: Job
) -> tuple[dict[str, Result], dict[str, str]]:
    """Call ``work`` with the arguments of each task; as :func:`measure_all` else."""
    done: dict[str, Result] = {}
    failed: dict[str, str] = {}
    job.at(0, "Measuring")
    with closing(_outcomes(tasks, work, min(processes, len(tasks)))) as outcomes:
        for name, get in outcomes:
            try:
                done[name] = get()
            except (UserError, OSError) as error:
                failed[name] = str(error)
            except MemoryError:
                failed[name] = _MEMORY
            except BrokenProcessPool:
                failed[name] = _LOST
            job.at((len(done) + len(failed)) / len(tasks), f"Measured {name}")
    return _in_order(done, tasks), _in_order(failed, tasks)


def _in_order(results: Mapping[str, Result], tasks: Mapping[str, tuple]) -> dict[str, Result]:
    return {name: results[name] for name in tasks if name in results}


def _outcomes(
    tasks: Mapping[str, tuple], work: Work[Result], processes: int
) -> Generator[tuple[str, Callable[[], Result]], None, None]:
    if processes <= 1:
        for name, arguments in tasks.items():
            yield name, partial(work, *arguments)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _leave_interrupts_to_parent)
    try:
        futures: dict[Future[Result], str] = {pool.submit(work, *args): name for name, args in tasks.items()}
        for future in as_completed(futures):
            yield futures.pop(future), future.result
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
