"""One job at a time in a warm worker, as states that a user interface can show.

A timer of the user interface calls :meth:`JobRunner.poll`, which never waits.
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

from . import exchange
from .errors import UserError
from .worker.client import Worker
from .worker.interface import AnyWorker
from .worker.protocol import START, Message

GRACE_SECONDS = 0.5
_SURE_SECONDS, _SURE_FRACTION = 1.0, 0.05
Answer = dict[str, Any]
Placed = tuple[Any, Any]
"""An array and its affine to RAS."""


class State(Enum):
    """What is being done; a job can be started in those of :data:`IDLE`."""

    NEEDS_SETUP = "needs setup"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"


IDLE = frozenset({State.READY, State.CANCELLED, State.DONE, State.FAILED})


@dataclass
class _Job:
    number: int
    folder: Path
    finish: Callable[[Answer, Path], None]
    began: float
    cancel_by: float | None = None


class JobRunner:
    """Runs jobs in a worker and knows what to show of them.

    Args:
        worker: not started yet, or shared with what came before.
        missing: packages without which nothing can run.
        clock: seconds, ever rising.
    """

    def __init__(
        self, worker: AnyWorker | None = None, missing: Sequence[str] = (), clock: Callable[[], float] = monotonic
    ) -> None:
        self.worker: AnyWorker = worker or Worker()
        self.changed: list[Callable[[], None]] = []
        self.missing = tuple(missing)
        self.state = State.NEEDS_SETUP if missing else State.READY
        self.fraction, self.stage = 0.0, ""
        self.error, self.details = "", ""
        self._clock = clock
        self._job: _Job | None = None
        self._asked: dict[int, Callable[[Answer], None]] = {}
        self._later: list[Callable[[], None]] = []

    @property
    def busy(self) -> bool:
        """True while a job runs; then the one button cancels."""
        return self._job is not None

    @property
    def seconds_left(self) -> float | None:
        """Guess of the time a running job still needs; None until it can be told."""
        if self._job is None or self.state is not State.RUNNING or self.fraction < _SURE_FRACTION:
            return None
        passed = self._clock() - self._job.began
        return passed * (1 - self.fraction) / self.fraction if passed > _SURE_SECONDS else None

    def setup_done(self, missing: Sequence[str] = ()) -> None:
        """Say what is still missing after an installation."""
        self.missing = tuple(missing)
        if not missing:
            self.error = self.details = ""
        self._show(State.NEEDS_SETUP if missing else State.READY)

    def begin(
        self, command: str, finish: Callable[[Answer, Path], None], files: dict[str, Placed | None], **chosen: Any
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
            paths = {name: str(_put(folder / f"{name}.nrrd", content)) for name, content in files.items()}
            number = self.worker.ask(command, **chosen, **paths)
        except (UserError, OSError) as error:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
            self._fail(str(error), traceback.format_exc())
            return
        self._job = _Job(number, folder, finish, self._clock())
        self._show(State.RUNNING if self.worker.ready else State.STARTING)

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
        self._show(self.state if self.busy else State.FAILED)

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
        """Ask the worker something beside the job; no answer comes where that fails."""
        try:
            self._asked[self.worker.ask(command)] = answer
        except UserError as error:
            self._fail(str(error))

    def cancel(self) -> None:
        """Ask the running job to stop; a worker that does not answer soon is ended with all it started."""
        if self._job is None or self.state is State.CANCELLING:
            return
        self.worker.cancel(self._job.number)
        if self.state is State.STARTING:  # it will drop the job when it gets to it, and is warm then
            self._end(State.CANCELLED)
        else:
            self._job.cancel_by = self._clock() + GRACE_SECONDS
            self._show(State.CANCELLING)

    def reset(self) -> None:
        """Forget how the last job ended; one that runs goes on."""
        if self.state in IDLE:
            self.error = self.details = ""
            self._show(State.READY)

    def poll(self) -> None:
        """Take in what the worker said; call it some ten times a second."""
        if self._later:
            self._later.pop(0)()
        for message in self.worker.poll():
            self._take(message)
        if self._job and self._job.cancel_by is not None and self._clock() > self._job.cancel_by:
            self.worker.close()
            self._asked.clear()
            self._end(State.CANCELLED)
        elif self._job and not self.worker.alive:  # its idle time was over just when it was asked
            self._fail("The segmentation process had just gone to rest: try again.")

    def close(self) -> None:
        """End the worker; a running job is lost."""
        self._asked.clear()
        if self._job:
            self._end(State.CANCELLED)
        self.worker.close()

    def _take(self, message: Message) -> None:
        number = message.get("id")
        if number == START:
            self._take_start(message)
        elif self._job and number == self._job.number:
            self._take_news(message)
        elif number in self._asked and "at" not in message:
            answer = self._asked.pop(number)
            if "result" in message:
                answer(message["result"])

    def _take_start(self, message: Message) -> None:
        if "error" in message:
            self._asked.clear()
            self.worker.close()
            if self.state is State.CANCELLING:
                self._end(State.CANCELLED)
            elif self._job or not message.get("was_ready"):
                self._fail(message["error"], message["details"])
        elif self.state is State.STARTING and self._job:
            self.stage = message.get("says", "")
            self._job.began = self._clock()
            self._show(State.RUNNING if "result" in message else State.STARTING)

    def _take_news(self, message: Message) -> None:
        if "at" in message:
            self.fraction, self.stage = message["at"], message["says"]
            self._show(self.state)
        elif "error" in message and self.state is not State.CANCELLING:
            self._fail(message["error"], message.get("details", ""))
        elif "result" in message and self.state is not State.CANCELLING:
            self._finish(message["result"])
        else:
            self._end(State.CANCELLED)

    def _finish(self, answer: Answer) -> None:
        if self._job is None:
            return
        try:
            self._job.finish(answer, self._job.folder)
        except UserError as error:
            self._fail(str(error), traceback.format_exc())
        except Exception as error:  # noqa: BLE001 whatever the user interface does with it, the next job must work
            sentence = f"The result could not be shown ({error}): please report it with the details."
            self._fail(sentence, traceback.format_exc())
        else:
            self._end(State.DONE)

    def _fail(self, sentence: str, details: str = "") -> None:
        self.error, self.details = sentence, details or self.worker.log()
        self._end(State.FAILED)

    def _end(self, state: State) -> None:
        if self._job:
            shutil.rmtree(self._job.folder, ignore_errors=True)
        self._job = None
        self.fraction, self.stage = (1.0 if state is State.DONE else 0.0), ""
        self._show(state)

    def _show(self, state: State) -> None:
        self.state = state
        for tell in self.changed:
            tell()


def _put(path: Path, content: Placed | None) -> Path:
    if content is not None:
        exchange.put(path, *content)
    return path
