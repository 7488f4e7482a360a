"""Work on many things, in processes of their own; one that fails does not stop the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from . import child_process
from .errors import UserError
from .progress import Job

Result = TypeVar("Result")
Work = Callable[..., Result]
Outcomes = Generator[tuple[str, Callable[[], Result]], None, None]

_POLL_SECONDS = 0.1
_MOST = 61
"""Processes that Windows can wait for."""

_LOST = "Its process ended unexpectedly, perhaps because memory ran out: close other programs, or check its files."
_MEMORY = "There is not enough memory for it: close other programs, or try --processes 1."


def for_each(
    tasks: Mapping[str, tuple], work: Work[Result], processes: int, job: Job, doing: str = "Measured"
) -> tuple[dict[str, Result], dict[str, str]]:
    """Call ``work`` with the arguments of each task.

    Args:
        tasks: arguments by name.
        work: called in another process, if several are asked for.
        processes: how many tasks at once; 1 stays in this process.
        job: told after every task.
        doing: what was done with it, in a word.

    Returns:
        What came of each task by its name, in the order given, and a sentence for each that failed.

    Raises:
        Cancelled: the user asked to stop.
    """
    done: dict[str, Result] = {}
    failed: dict[str, str] = {}
    job.at(0, "Starting")
    for outcomes in (_run_all(tasks, work, min(processes, len(tasks), _MOST)), _rerun_lost(tasks, work, done, failed)):
        with closing(outcomes):
            for name, get in outcomes:
                _store_outcome(name, get, done, failed)
                job.at((len(done) + len(failed)) / len(tasks), f"{doing} {name}")
    return _in_order(done, tasks), _in_order(failed, tasks)


@contextmanager
def lone_process(check: Callable[[], None]) -> Iterator[Callable[..., Any]]:
    """One process beside this one that lives as long as the context.

    Args:
        check: asked several times a second while a call runs; what it raises ends the process.

    Yields:
        What calls a function with arguments there, and returns or raises what it does; ``BrokenProcessPool`` where the
        process has ended.
    """
    with _pool(1) as pool:

        def call(work: Work[Result], *arguments: Any) -> Result:
            with _uninterrupted(), child_process.isolated_spawn():
                future = pool.submit(work, *arguments)
            try:
                while not wait([future], _POLL_SECONDS).done:
                    check()
            except BaseException:
                for process in list(pool._processes.values()):  # noqa: SLF001, it has no public way to end at once
                    process.kill()
                raise
            return future.result()

        yield call


def _store_outcome(name: str, get: Callable[[], Result], done: dict[str, Result], failed: dict[str, str]) -> None:
    try:
        done[name] = get()
    except (UserError, OSError) as error:
        failed[name] = str(error)
    except MemoryError:
        failed[name] = _MEMORY
    except BrokenProcessPool:
        failed[name] = _LOST
    except Exception as error:  # noqa: BLE001, what no one foresaw of one file does not cost all the others
        failed[name] = f"Something unexpected happened ({type(error).__name__}: {error}): please report it."


def _in_order(results: Mapping[str, Result], tasks: Mapping[str, tuple]) -> dict[str, Result]:
    return {name: results[name] for name in tasks if name in results}


def _run_all(tasks: Mapping[str, tuple], work: Work[Result], processes: int) -> Outcomes[Result]:
    if processes <= 1:
        for name, arguments in tasks.items():
            yield name, partial(work, *arguments)
        return
    with _pool(processes) as pool:
        with _uninterrupted(), child_process.isolated_spawn():
            futures: dict[Future[Result], str] = {pool.submit(work, *args): name for name, args in tasks.items()}
        for future in as_completed(futures):
            name = futures.pop(future)
            if not isinstance(future.exception(), BrokenProcessPool):
                yield name, future.result


def _rerun_lost(
    tasks: Mapping[str, tuple], work: Work[Result], done: Mapping[str, Result], failed: Mapping[str, str]
) -> Outcomes[Result]:
    """Each task that has no result yet, alone: a process that ends takes the results of others with it."""
    for name in [name for name in tasks if name not in done and name not in failed]:
        with _pool(1) as pool:
            with _uninterrupted(), child_process.isolated_spawn():
                future = pool.submit(work, *tasks[name])
            yield name, future.result


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    with child_process.isolated_spawn():  # it starts what frees semaphores at the end
        pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Leave Ctrl-C to this process: those begun meanwhile inherit that it is blocked, where a system has signals."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_follow, args=(parent.join,), daemon=True).start()


def _follow(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)
