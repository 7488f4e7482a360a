"""One job at a time of a worker's queue, as states that a user interface can show.

What becomes of a job is decided in :mod:`..worker.queue` alone. A timer of the user interface calls
:meth:`JobRunner.poll`, which never waits.
"""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Any

from ...core.errors import UserError
from ..worker import arrays
from ..worker.client import Worker, WorkerInterface
from ..worker.queue import ENDED, JobQueue, JobState, QueuedJob

_SURE_SECONDS, _SURE_FRACTION = 1.0, 0.05
Answer = dict[str, Any]
ArrayAndAffine = tuple[Any, Any]
"""An array and its affine to RAS."""


class PanelState(Enum):
    """State of the panel; a job can be started in those of :data:`IDLE`."""

    NEEDS_SETUP = "needs setup"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"


IDLE = frozenset({PanelState.READY, PanelState.CANCELLED, PanelState.DONE, PanelState.FAILED})


@dataclass
class _Job:
    queued: QueuedJob
    folder: Path
    finish: Callable[[Answer, Path], None]
    began: float


class JobRunner:
    """Runs jobs in a worker and knows what to show of them.

    Args:
        worker: not started yet, or shared with what came before.
        missing: packages without which nothing can run.
        clock: seconds, ever rising.
    """

    def __init__(
        self, worker: WorkerInterface | None = None, missing: Sequence[str] = (), clock: Callable[[], float] = monotonic
    ) -> None:
        self.worker: WorkerInterface = worker or Worker()
        self.changed: list[Callable[[], None]] = []
        self.missing = tuple(missing)
        self.state = PanelState.NEEDS_SETUP if missing else PanelState.READY
        self.fraction, self.stage = 0.0, ""
        self.error, self.details = "", ""
        self._clock = clock
        self._queue = JobQueue(self.worker, clock, again=False)  # a job's files lie in the worker's folder
        self._job: _Job | None = None
        self._asked: list[tuple[QueuedJob, Callable[[Answer], None]]] = []
        self._later: list[Callable[[], None]] = []

    @property
    def busy(self) -> bool:
        """True while a job runs; then the one button cancels."""
        return self._job is not None

    @property
    def asking(self) -> bool:
        """True while the worker was asked something beside the job and has not answered."""
        return bool(self._asked)

    @property
    def seconds_left(self) -> float | None:
        """Guess of the time a running job still needs; None until it can be told."""
        if self._job is None or self.state is not PanelState.RUNNING or self.fraction < _SURE_FRACTION:
            return None
        passed = self._clock() - self._job.began
        return passed * (1 - self.fraction) / self.fraction if passed > _SURE_SECONDS else None

    def setup_done(self, missing: Sequence[str] = ()) -> None:
        """Say what is still missing after an installation."""
        self.missing = tuple(missing)
        if not missing:
            self.error = self.details = ""
        self._show(PanelState.NEEDS_SETUP if missing else PanelState.READY)

    def begin(
        self,
        command: str,
        finish: Callable[[Answer, Path], None],
        files: dict[str, ArrayAndAffine | None],
        **chosen: Any,
    ) -> None:
        """Start a job.

        Args:
            command: of the worker.
            finish: gets the answer and the folder of the files, while :meth:`poll` runs.
            files: arguments that are NRRD files, by name; None for those that the worker writes.
            chosen: the other arguments.

        Raises:
            RuntimeError: a job is running, or packages are missing.
        """
        if self.state not in IDLE:
            msg = f"{command} cannot start while the panel is {self.state.value}"
            raise RuntimeError(msg)
        self.error = self.details = self.stage = ""
        self.fraction = 0.0
        folder = None
        try:
            folder = Path(tempfile.mkdtemp(prefix="job-", dir=self.worker.scratch))
            paths = {name: str(_write_array(folder / f"{name}.nrrd", content)) for name, content in files.items()}
        except (UserError, OSError) as error:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
            self._fail(str(error), traceback.format_exc())
            return
        queued = self._queue.submit(command, **chosen, **paths)
        self._queue.begin_next()
        self._job = _Job(queued, folder, finish, self._clock())
        if queued.state in ENDED:
            self._take_end(self._job)
        else:
            self._show(PanelState.RUNNING if queued.begun else PanelState.STARTING)

    def later(self, work: Callable[[], None]) -> None:
        """Do something with one of the next polls, so that the user interface shows first what is there already."""
        self._later.append(work)

    @property
    def settled(self) -> bool:
        """True when no job runs and nothing is left for later."""
        return self._job is None and not self._later

    def complain(self, sentence: str, details: str = "") -> None:
        """Show an error of the user interface itself; a running job goes on."""
        self.error, self.details = sentence, details
        self._show(self.state if self.busy or self.missing else PanelState.FAILED)

    def attempt(self, start: Callable[[], None]) -> None:
        """Start a job, or do what else the user asked for; what goes wrong then is shown as an error."""
        try:
            start()
        except UserError as error:
            self.complain(str(error), traceback.format_exc())
        except Exception as error:  # noqa: BLE001 nobody reads a console: the panel has to say it
            sentence = (
                f"That failed unexpectedly ({str(error) or type(error).__name__}): please report it with the details."
            )
            self.complain(sentence, traceback.format_exc())

    def ask(self, command: str, answer: Callable[[Answer], None]) -> None:
        """Ask the worker something beside the job; where that fails, no answer comes, and an idle panel shows why."""
        self._asked.append((self._queue.ask(command), answer))
        self._follow_asked()

    def cancel(self) -> None:
        """Ask the running job to stop; a worker that does not answer soon is ended with all it started."""
        if self._job is None or self.state is PanelState.CANCELLING:
            return
        self._queue.cancel(self._job.queued)
        if self._job.queued.state in ENDED:
            self._end(PanelState.CANCELLED)
        else:
            self._show(PanelState.CANCELLING)

    def reset(self) -> None:
        """Forget how the last job ended; one that runs goes on."""
        if self.state in IDLE:
            self.error = self.details = ""
            self._show(PanelState.READY)

    def poll(self) -> None:
        """Take in what the worker said; call it some ten times a second."""
        if self._later:
            self._later.pop(0)()
        self._queue.poll()
        self._follow_asked()
        if self._job:
            self._follow(self._job)

    def refresh(self) -> None:
        """Tell everybody who shows the panel that something has changed."""
        for tell in self.changed:
            tell()

    def close(self) -> None:
        """End the worker; a running job is lost."""
        self._queue.close()
        self._asked.clear()
        if self._job:
            self._end(PanelState.CANCELLED)

    def _follow_asked(self) -> None:
        ended = [each for each in self._asked if each[0].state in ENDED]
        self._asked = [each for each in self._asked if each not in ended]
        for queued, answer in ended:
            if queued.state is JobState.DONE:
                answer(queued.result)
            elif queued.state is JobState.FAILED and not self.busy:
                self._fail(queued.error, queued.details)

    def _follow(self, job: _Job) -> None:
        """Show how far the queue is with the job."""
        queued, before = job.queued, (self.fraction, self.stage)
        self.fraction, self.stage = queued.fraction, queued.stage
        if self.state is PanelState.STARTING and queued.begun:
            job.began = self._clock()
            self._show(PanelState.RUNNING)
        if queued.state in ENDED:
            self._take_end(job)
        elif (self.fraction, self.stage) != before:
            self._show(self.state)

    def _take_end(self, job: _Job) -> None:
        if job.queued.state is JobState.FAILED:
            self._fail(job.queued.error, job.queued.details)
        elif job.queued.state is JobState.DONE and self.state is not PanelState.CANCELLING:
            self._finish(job)
        else:
            self._end(PanelState.CANCELLED)

    def _finish(self, job: _Job) -> None:
        try:
            job.finish(job.queued.result, job.folder)
        except UserError as error:
            self._fail(str(error), traceback.format_exc())
        except Exception as error:  # noqa: BLE001 whatever the user interface does with it, the next job must work
            sentence = f"The result could not be shown ({error}): please report it with the details."
            self._fail(sentence, traceback.format_exc())
        else:
            self._end(PanelState.DONE)

    def _fail(self, sentence: str, details: str = "") -> None:
        self.error, self.details = sentence, details or self.worker.log()
        self._end(PanelState.FAILED)

    def _end(self, state: PanelState) -> None:
        if self._job:
            shutil.rmtree(self._job.folder, ignore_errors=True)
        self._job = None
        self.fraction, self.stage = (1.0 if state is PanelState.DONE else 0.0), ""
        self._show(state)

    def _show(self, state: PanelState) -> None:
        self.state = state
        self.refresh()


def _write_array(path: Path, content: ArrayAndAffine | None) -> Path:
    if content is not None:
        arrays.write(path, *content)
    return path
