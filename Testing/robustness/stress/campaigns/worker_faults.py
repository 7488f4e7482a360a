"""Workers that die, hang or print rubbish: the user reads a plain sentence, and the next click works.

Most tries are of a stand-in that runs the worker's own loop and begins at once; one in :data:`REAL_EVERY` kills a real
one, which loads PyTorch first.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil

from LiverTumorSegLib.apps.panel.job_runner import IDLE, JobRunner, PanelState
from LiverTumorSegLib.apps.worker.client import Worker

from ..tally import Tally

TRIES, REAL_EVERY = 330, 15

_SCRIPT = Path(__file__).parents[1] / "bad_worker.py"
_ANSWERS = ("rubbish", "noise", "long_line")
_ENDS = ("half_line", "exits", "exits_at_work", "mute")
_HANGS = ("silent", "deaf", "endless")
_SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
_KINDS = (*_ANSWERS, *_ENDS, *_HANGS, *_SIGNALS, *_SIGNALS)
_LONGEST_S, _PATIENCE_S, _REAL_S = 60.0, 0.3, 20.0


def run(tries: int, seed: int, folder: Path) -> Tally:
    tally = Tally()
    for number in range(tries):
        chance = random.Random(f"{seed} {number}")
        is_real = number % REAL_EVERY == REAL_EVERY - 1
        kind = "killed" if is_real else _KINDS[number % len(_KINDS)]
        failure = _one(kind, chance, folder, is_real=is_real)
        if failure:
            tally.failed.append(f"seed {seed}, try {number}, {kind}{' for real' if is_real else ''}: {failure}")
        tally.handled += not failure and kind in _ANSWERS
        tally.refused += not failure and kind not in _ANSWERS
    return tally


def _one(kind: str, chance: random.Random, folder: Path, *, is_real: bool) -> str:
    before = _zombies()
    bad = [sys.executable] if is_real else _stand_in("good" if kind in _SIGNALS else kind, chance)
    runner = JobRunner(Worker(bad, temporary=folder, start_seconds=_PATIENCE_S))
    try:
        failure = _said(kind, runner, chance, is_real=is_real) or _next_click(runner)
    finally:
        runner.close()
    return failure or _left(folder, before)


def _stand_in(kind: str, chance: random.Random) -> list[str]:
    return [sys.executable, str(_SCRIPT), kind, str(chance.random())]


def _said(kind: str, runner: JobRunner, chance: random.Random, *, is_real: bool) -> str:
    """Start a job and have it go wrong; what was wrong with what the user then sees."""
    runner.begin("devices", lambda *_: None, {})
    if kind in _SIGNALS:
        _poll_for(runner, chance.uniform(0, _REAL_S if is_real else 2 * _PATIENCE_S))
        _hit(runner, _SIGNALS[kind])
    if kind in _HANGS or kind == "stopped":
        _poll_for(runner, 2 * _PATIENCE_S)  # as long as a user would wait
        runner.cancel()
    settled = _poll_for(runner, _LONGEST_S)
    wanted = {PanelState.DONE} if kind in _ANSWERS else {PanelState.FAILED}
    if kind in _HANGS or kind in _SIGNALS:
        wanted |= {PanelState.DONE, PanelState.CANCELLED}
    if not settled or runner.state not in wanted:
        return f"it is {runner.state.value} after {_LONGEST_S if not settled else 0:g} s: {runner.error}"
    return _plain(runner) if runner.state is PanelState.FAILED else ""


def _plain(runner: JobRunner) -> str:
    is_plain = runner.error.endswith(".") and "\n" not in runner.error and "Traceback" not in runner.error
    return "" if is_plain else f"this is no plain sentence: {runner.error!r}"


def _hit(runner: JobRunner, number: int) -> None:
    child = runner.worker._run.child if runner.worker._run else None
    if child is not None and child.poll() is None:
        os.kill(child.pid, number)


def _next_click(runner: JobRunner) -> str:
    """Whether the next job is done, by a worker that is as it should be; a user may have to click twice."""
    runner.worker.python = _stand_in("good", random.Random(0))
    for is_last in (False, True):
        runner.begin("devices", lambda *_: None, {})
        _poll_for(runner, _LONGEST_S if is_last else 4 * _PATIENCE_S)
        runner.cancel()  # where it hangs, as one may that was hit while it had nothing to do
        _poll_for(runner, _LONGEST_S)
        if runner.state is PanelState.DONE:
            return ""
    return f"the next click ends {runner.state.value}: {runner.error}"


def _poll_for(runner: JobRunner, seconds: float) -> bool:
    """Poll as a timer does, until the job is over or the time is; whether it is over."""
    end = time.monotonic() + seconds
    while runner.state not in IDLE and time.monotonic() < end:
        runner.poll()
        time.sleep(0.005)
    return runner.state in IDLE


def _left(folder: Path, before: set[psutil.Process]) -> str:
    """What stays once the worker is closed: processes, also those that ended and nobody waited for, and files."""
    processes = [child for child in psutil.Process().children(recursive=True) if _SCRIPT.name in _words(child)]
    zombies = _zombies() - before
    if processes or zombies:
        return f"{len(processes)} processes and {len(zombies)} zombies stay"
    return f"{next(folder.iterdir())} stays" if any(folder.iterdir()) else ""


def _zombies() -> set[psutil.Process]:
    return {child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE}


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
