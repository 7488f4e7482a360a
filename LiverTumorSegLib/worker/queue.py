"""Jobs of several sessions in one worker, one after another, each with its place and its progress.

As with :class:`.client.Worker` there is no thread: a timer of any event loop calls :meth:`Queue.poll`. The worker gets
a job when the one before it has ended, so that one that dies takes no other job with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from typing import Any

from ..errors import UserError
from .client import Worker
from .protocol import START, Message

GRACE_SECONDS = 0.5
"""A worker that does not answer a cancel in this time is ended; the next job starts another."""


class State(Enum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


@dataclass(eq=False)
class QueuedJob:
    """What a session holds of its job; its queue keeps it up to date.

    Args:
        command: of the worker.
        arguments: of the command.
        state: how far it is.
        fraction: done of it, from 0 to 1.
        stage: what is being done, in words.
        result: the worker's answer, once done.
        error: one sentence, where it failed.
        details: for a report of the failure.
    """

    command: str
    arguments: dict[str, Any]
    state: State = State.WAITING
    fraction: float = 0.0
    stage: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    details: str = ""


class Queue:
    """First come, first served.

    Files that jobs read and write belong into folders of the sessions: the worker's own is gone when it is ended.

    Args:
        worker: asked by nobody else.
        clock: seconds, ever rising.
    """

    def __init__(self, worker: Worker, clock: Callable[[], float] = monotonic) -> None:
        self.worker = worker
        self._clock = clock
        self._waiting: deque[QueuedJob] = deque()
        self._running: tuple[int, QueuedJob] | None = None
        self._cancel_by: float | None = None

    def submit(self, command: str, /, **arguments: Any) -> QueuedJob:
        """Queue a job behind all that are there."""
        job = QueuedJob(command, arguments)
        self._waiting.append(job)
        return job

    def submit_next(self, command: str, /, **arguments: Any) -> QueuedJob:
        """Queue a short job before all that wait."""
        job = QueuedJob(command, arguments)
        self._waiting.appendleft(job)
        return job

    def place(self, job: QueuedJob) -> int | None:
        """How many jobs have to end before this one runs; None where it has ended, or is of another queue."""
        ahead = ([self._running[1]] if self._running else []) + list(self._waiting)
        return ahead.index(job) if job in ahead else None

    def cancel(self, job: QueuedJob) -> None:
        """Take a waiting job out at once; a running one ends within a second, one that has ended stays as it is."""
        if job in self._waiting:
            self._waiting.remove(job)
            job.state = State.CANCELLED
        elif self._running and self._running[1] is job and self._cancel_by is None:
            self.worker.cancel(self._running[0])
            self._cancel_by = self._clock() + GRACE_SECONDS

    def poll(self) -> None:
        """Take in what the worker said, and give it the next job where it has none; it never waits."""
        for message in self.worker.poll():
            self._take(message)
        if self._running and self._cancel_by is not None:
            if not self.worker.alive or self._clock() > self._cancel_by:
                self.worker.close()
                self._end(State.CANCELLED)
        elif self._running and not self.worker.alive:  # its idle time was over just when it was asked
            self._waiting.appendleft(self._running[1])
            self._running = None
        if not self._running and self._waiting:
            self._begin(self._waiting.popleft())

    def close(self) -> None:
        """Cancel every job and end the worker."""
        self.worker.close()
        self._end(State.CANCELLED)
        while self._waiting:
            self._waiting.popleft().state = State.CANCELLED

    def _begin(self, job: QueuedJob) -> None:
        job.state = State.RUNNING
        try:
            self._running = self.worker.ask(job.command, **job.arguments), job
        except UserError as error:
            job.state, job.error = State.FAILED, str(error)
        except (ValueError, RecursionError) as error:  # what JSON cannot hold: one session must not end the others'
            job.state, job.error = State.FAILED, f"The job cannot be handed over ({error})."

    def _take(self, message: Message) -> None:
        number = message.get("id")
        if not self._running or number not in (START, self._running[0]):
            return
        job = self._running[1]
        if "error" in message:
            if number == START:
                self.worker.close()
            job.error, job.details = message["error"], message.get("details", "")
            self._end(State.FAILED if self._cancel_by is None else State.CANCELLED)
        elif "says" in message:
            job.fraction, job.stage = message["at"], message["says"]
        elif number == START:
            job.stage = ""
        else:
            job.result = message.get("result", {})
            self._end(State.CANCELLED if "cancelled" in message else State.DONE)

    def _end(self, state: State) -> None:
        if self._running:
            self._running[1].state = state
        self._running = self._cancel_by = None
