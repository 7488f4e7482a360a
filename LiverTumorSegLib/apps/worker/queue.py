"""The life of jobs in one worker: they wait, run one after another, are cancelled, fail with it, and end.

As with :class:`.client.Worker` there is no thread: a timer of any event loop calls :meth:`JobQueue.poll`. The worker
gets a job when the one before it has ended, so that one that dies takes no other job with it.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from typing import Any

from ...core.errors import UserError
from .client import WorkerInterface
from .protocol import START, Message

GRACE_SECONDS = 0.5
"""A worker that does not answer a cancel in this time is ended; the next job starts another."""

_AT_REST = "The segmentation process had just gone to rest: try again."


class JobState(Enum):
    """State of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(eq=False)
class QueuedJob:
    """Job as its session holds it; its queue keeps it up to date.

    Args:
        command: of the worker.
        arguments: of the command.
        state: how far it is.
        begun: whether a worker that has loaded everything got it; one that still starts has it, but works on nothing.
        number: of the worker's messages on it, once it has it.
        fraction: done of it, from 0 to 1.
        stage: what is being done, in words.
        result: the worker's answer, once done.
        error: one sentence, where it failed.
        details: for a report of the failure.
    """

    command: str
    arguments: dict[str, Any]
    state: JobState = JobState.WAITING
    begun: bool = False
    number: int | None = None
    fraction: float = 0.0
    stage: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    details: str = ""

    def fail(self, error: str, details: str = "") -> None:
        """End it with a sentence on what went wrong."""
        self.state, self.error, self.details = JobState.FAILED, error, details


class JobQueue:
    """First come, first served.

    Args:
        worker: asked by nobody else.
        clock: seconds, ever rising.
        again: a job that reached a worker on its way to rest is given to the next one. Otherwise it fails, as it must
            where its files lie in the worker's own folder, which is gone with it.
    """

    def __init__(self, worker: WorkerInterface, clock: Callable[[], float] = monotonic, *, again: bool = True) -> None:
        self.worker = worker
        self._clock, self._again = clock, again
        self._waiting: deque[QueuedJob] = deque()
        self._running: QueuedJob | None = None
        self._beside: list[QueuedJob] = []
        self._cancel_by: float | None = None
        self._dropped: set[int] = set()
        self._drop_by: float | None = None

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

    def ask(self, command: str, /, **arguments: Any) -> QueuedJob:
        """Give the worker a short question at once, whatever it does; it holds up no job, and cannot be cancelled."""
        job = QueuedJob(command, arguments)
        if self._hand_over(job):
            self._beside.append(job)
        return job

    def place(self, job: QueuedJob) -> int | None:
        """Number of jobs that have to end before this one runs; None where it has ended, or is of another queue."""
        ahead = ([self._running] if self._running else []) + list(self._waiting)
        return ahead.index(job) if job in ahead else None

    def cancel(self, job: QueuedJob) -> None:
        """End a job that waits, or that the worker gets to only once it has started, at once.

        One that has begun ends within a second, and one that has ended stays as it is.
        """
        if job in self._waiting:
            self._waiting.remove(job)
            job.state = JobState.CANCELLED
        elif job is self._running and job.number is not None and self._cancel_by is None:
            self.worker.cancel(job.number)
            if job.begun:
                self._cancel_by = self._clock() + GRACE_SECONDS
            else:
                self._dropped.add(job.number)
                self._end(JobState.CANCELLED)

    def poll(self) -> None:
        """Take in what the worker said, and give it the next job where it has none; it never waits."""
        if self._beside and not self.worker.alive:
            self._ask_again()
        for message in self.worker.poll():
            self._take(message)
        if self._drop_by is not None and self._clock() > self._drop_by:
            self._end_worker()  # it is at a job that was cancelled while it started, and does not answer
        if self._running and self._cancel_by is not None:
            if not self.worker.alive or self._clock() > self._cancel_by:
                self._end_worker()
                self._end(JobState.CANCELLED)
        elif self._running and not self.worker.alive:  # its idle time was over just when it was asked
            self._lose(self._running)
        self.begin_next()

    def begin_next(self) -> None:
        """Give the worker the next job where it has none."""
        if not self._running and self._waiting:
            job = self._waiting.popleft()
            if self._hand_over(job):
                self._running = job

    def close(self) -> None:
        """Cancel every job and end the worker."""
        self._end_worker()
        self._end(JobState.CANCELLED)
        while self._waiting:
            self._waiting.popleft().state = JobState.CANCELLED

    def _hand_over(self, job: QueuedJob) -> bool:
        job.state = JobState.RUNNING
        try:
            job.number = self.worker.ask(job.command, **job.arguments)
        except UserError as error:
            job.fail(str(error), traceback.format_exc())
        except (ValueError, RecursionError) as error:  # what JSON cannot hold: one session must not end the others'
            job.fail(f"The job cannot be handed over ({error}).")
        job.begun = job.state is JobState.RUNNING and self.worker.ready
        return job.state is JobState.RUNNING

    def _lose(self, job: QueuedJob) -> None:
        self._running = None
        if self._again:
            self._waiting.appendleft(job)
        else:
            job.fail(_AT_REST)

    def _ask_again(self) -> None:
        """Give the next worker what was asked beside, of one that ended with its idle time, or lost its GPU."""
        lost, self._beside = self._beside, []
        self._beside += [job for job in lost if self._hand_over(job)]

    def _end_worker(self) -> None:
        """Nobody answers any more what was asked beside."""
        self.worker.close()
        self._dropped.clear()
        self._drop_by = None
        for job in self._beside:
            job.state = JobState.CANCELLED
        self._beside.clear()

    def _take(self, message: Message) -> None:
        number = message.get("id")
        self._watch_dropped(message)
        if number == START and "error" in message:
            self._fail_start(message)
        elif self._running and number in (START, self._running.number):
            self._take_news(self._running, message)
        else:
            self._take_beside(message)

    def _watch_dropped(self, message: Message) -> None:
        """Give a worker that has started the usual time for jobs that were cancelled before."""
        if message.get("id") == START and "result" in message and self._dropped:
            self._drop_by = self._clock() + GRACE_SECONDS
        if "at" not in message:
            self._dropped.discard(message.get("id", START))
        if not self._dropped:
            self._drop_by = None

    def _fail_start(self, message: Message) -> None:
        """The worker could not start, or has died: what it was asked fails with it."""
        error, details = message["error"], message.get("details", "")
        for job in self._beside:
            job.fail(error, details)
        self._beside.clear()
        self._end_worker()
        if self._running:
            self._fail(self._running, message)

    def _take_news(self, job: QueuedJob, message: Message) -> None:
        if "error" in message:
            self._fail(job, message)
        elif "says" in message:
            job.fraction, job.stage = message["at"], message["says"]
        elif message.get("id") == START:
            job.begun = job.begun or "result" in message
            job.stage = ""
        else:
            job.result = message.get("result", {})
            self._end(JobState.CANCELLED if "cancelled" in message else JobState.DONE)

    def _fail(self, job: QueuedJob, message: Message) -> None:
        cancelled = self._cancel_by is not None
        job.error, job.details = message["error"], message.get("details", "")
        self._end(JobState.CANCELLED if cancelled else JobState.FAILED)

    def _take_beside(self, message: Message) -> None:
        for job in [each for each in self._beside if each.number == message.get("id") and "at" not in message]:
            self._beside.remove(job)
            if "error" in message:
                job.fail(message["error"], message.get("details", ""))
            else:
                job.result = message.get("result", {})
                job.state = JobState.DONE if "result" in message else JobState.CANCELLED

    def _end(self, state: JobState) -> None:
        if self._running:
            self._running.state = state
        self._running = self._cancel_by = None
