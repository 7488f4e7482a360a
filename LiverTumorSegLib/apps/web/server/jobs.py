"""The questions of all sessions to the one worker, in turn.

From a session come the messages of :mod:`...worker.protocol` to a worker, and ``{"close": true}``, which cancels all
of its jobs. It gets a worker's messages; those of the number 0 tell about one job until it begins::

    {"id": 0, "of": 7, "at": 0.0, "says": "Waiting: 1 job is before yours"}
    {"id": 0, "of": 7, "result": {}}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...worker.protocol import START, Message, is_question
from ...worker.queue import ENDED, JobQueue, JobState, QueuedJob

SHARED_COMMANDS = ("models", "devices")
"""Asked once for all sessions."""

JOB_COMMANDS = ("segment", "measure", "report", "write_objects", "open_objects", "preview", "prepare_clicks", "click")
Send = Callable[[Message], None]


@dataclass(eq=False)
class _Question:
    """Question of a session.

    Args:
        session: who asked.
        number: of its messages.
        job: in the queue; that of a shared question is of others, too.
        send: sends a message to the session.
        told: what it was told last.
        begun: whether it was told that the job began.
    """

    session: str
    number: int
    job: QueuedJob
    send: Send
    told: Message | None = None
    begun: bool = False

    @property
    def is_shared(self) -> bool:
        return self.job.command in SHARED_COMMANDS


class SessionJobs:
    """Every session sees its own jobs, and how many of others are before them.

    Args:
        queue: whose worker is asked, by nobody else.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._asked: list[_Question] = []
        self._known = {command: queue.submit(command) for command in SHARED_COMMANDS}

    def take(self, session: str, message: Message, send: Send) -> None:
        """Take in what a session says.

        Args:
            session: whose message it is.
            message: a question, a cancel or the end of all jobs of the session; others are passed over.
            send: sends messages to the session; it must not raise.
        """
        if message.get("close") is True:
            self._cancel(session)
        elif not is_question(message):
            return
        elif "cancel" in message:
            self._cancel(session, message["cancel"])
        else:
            self._ask(session, message, send)

    def drop(self, session: str) -> None:
        """Cancel all jobs of a session that has ended."""
        self._cancel(session)
        self._asked = [asked for asked in self._asked if asked.session != session]

    def poll(self) -> None:
        """Let the queue go on, and tell each session what has changed; call it some 20 times a second."""
        self._queue.poll()
        for asked in self._asked:
            self._tell(asked)
        self._asked = [asked for asked in self._asked if asked.job.state not in ENDED]

    def _ask(self, session: str, message: Message, send: Send) -> None:
        command, number = message["do"], message["id"]
        if command in SHARED_COMMANDS:
            job = self._shared(command)
        elif command in JOB_COMMANDS:
            job = self._queue.submit(command, **message.get("with", {}))
        else:
            send({"id": number, "error": f"A page may not ask for “{command}”.", "details": ""})
            return
        self._asked.append(_Question(session, number, job, send))

    def _shared(self, command: str) -> QueuedJob:
        if self._known[command].state in (JobState.FAILED, JobState.CANCELLED):
            self._known[command] = self._queue.submit_next(command)
        return self._known[command]

    def _cancel(self, session: str, number: int | None = None) -> None:
        for asked in self._asked:
            if asked.session == session and number in (None, asked.number) and not asked.is_shared:
                self._queue.cancel(asked.job)

    def _tell(self, asked: _Question) -> None:
        if asked.is_shared and asked.job.state not in ENDED:
            return
        if not asked.begun and asked.job.state is JobState.RUNNING and asked.job.begun:
            asked.begun = True
            asked.send({"id": START, "of": asked.number, "result": {}})
        message = self._news(asked)
        if message != asked.told:
            asked.told = message
            asked.send(message)

    def _news(self, asked: _Question) -> Message:
        number, job = asked.number, asked.job
        if job.state is JobState.DONE:
            return {"id": number, "result": job.result}
        if job.state is JobState.FAILED:
            return {"id": number, "error": job.error, "details": job.details}
        if job.state is JobState.CANCELLED:
            return {"id": number, "cancelled": True}
        if asked.begun:
            return {"id": number, "at": job.fraction, "says": job.stage}
        return {"id": START, "of": number, "at": 0.0, "says": self._wait(asked) or job.stage}

    def _wait(self, asked: _Question) -> str:
        """Number of jobs of others that are before; the shared questions are so short that they do not count."""
        place = self._queue.place(asked.job) or 0
        others = (other for other in self._asked if other.session != asked.session and not other.is_shared)
        before = sum((ahead := self._queue.place(other.job)) is not None and ahead < place for other in others)
        if not before:
            return ""
        return "Waiting: 1 job is before yours" if before == 1 else f"Waiting: {before} jobs are before yours"
