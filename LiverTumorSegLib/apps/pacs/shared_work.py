"""A service takes series from the shared queue and stays with each until it has ended here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException

from .connection import Rejected, Unreachable
from .queue import SeriesQueue
from .queue_reader import UNDONE, SeriesState
from .shared_queue import CONNECTION, EXCLUSIVE_TRANSACTION, PATIENCE_SECONDS, QUEUE, TASK, SharedQueue, database_error

_log = logging.getLogger(__name__)

_MOST_AT_ONCE = 2
"""Series that a service takes: one is fetched or sent while another is segmented."""

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_LOOK_SECONDS, _POLL_SECONDS = 1.0, 5.0
_KEPT_HOURS = 400 * 24
"""The time that a series which has ended stays known: no watcher asks for studies of more than 365 days ago."""

_GIVEN_BACK = "It went back to the shared queue before all its images were here."
_CONNECTION_ERRORS = (psycopg.Error, ConnectorException, Unreachable)


class SeriesFailed(Exception):
    """A series has ended without a result."""


class SharedWork:
    """Takes series of the shared queue, one after the other, and has this service's own queue do them.

    A service that is silent for a time has died: its series go to others. Should it live, after all, both send the same
    objects, since all that they are made from, the time ``made`` too, is the same.

    Args:
        shared: the queue of all services.
        queue: of this service.
        fetch: gets all images of a series, by the UIDs of its study and itself, into this service's queue; raises
            :class:`Unreachable` where that may succeed later, and :class:`Rejected` where it never will.
        sender: where they are fetched from, in the words of the queue.
        heartbeat_seconds: between two signs of life of a service.
        silent_seconds: a service without one for so long is taken for dead.
    """

    def __init__(
        self,
        shared: SharedQueue,
        queue: SeriesQueue,
        fetch: Callable[[str, str], None],
        sender: str,
        *,
        heartbeat_seconds: float = 10,
        silent_seconds: float = 60,
    ) -> None:
        self._shared, self._queue, self._fetch, self._sender = shared, queue, fetch, sender
        self._heartbeat, self._silent = heartbeat_seconds, silent_seconds

    async def run(self) -> None:
        """Take series until cancelled; a database that is down is asked again, ever less often."""
        await asyncio.to_thread(self._give_back)
        pause = _FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._take()
                said = "the shared queue cannot be used (the connection ended)"
            except _CONNECTION_ERRORS as error:
                said = str(error) if isinstance(error, Unreachable) else database_error(error)
            except Exception:  # noqa: BLE001 whatever it is, series are taken again later
                said = "sharing failed unexpectedly"
                _log.exception(said)
            lasted = asyncio.get_running_loop().time() - began
            pause = _FIRST_PAUSE if lasted > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
            _log.warning("%s: tried again in %d s", said, pause)
            await asyncio.sleep(pause)

    async def _take(self) -> None:
        """Take series as long as the database is there."""
        await asyncio.to_thread(self._shared.prepare)
        connector = procrastinate.PsycopgConnector(
            conninfo=self._shared.database,
            kwargs=CONNECTION,
            min_size=1,
            max_size=_MOST_AT_ONCE + 2,
            timeout=PATIENCE_SECONDS,
        )
        app = procrastinate.App(connector=connector)
        app.task(name=TASK, queue=QUEUE, retry=_Retries())(self._segment)
        async with app.open_async():
            await app.job_manager.delete_old_jobs(
                _KEPT_HOURS, QUEUE, include_failed=True, include_cancelled=True, include_aborted=True
            )
            giving = asyncio.create_task(self._give_on(app, connector))
            try:
                await app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=_MOST_AT_ONCE,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=_POLL_SECONDS,
                    shutdown_graceful_timeout=0,
                    update_heartbeat_interval=self._heartbeat,
                    stalled_worker_timeout=self._silent,
                )
            finally:
                giving.cancel()
                await asyncio.gather(giving, return_exceptions=True)

    async def _give_on(self, app: procrastinate.App, connector: procrastinate.PsycopgConnector) -> None:
        """Put the series of silent services back, again and again."""
        jobs = app.job_manager
        while True:
            with suppress(*_CONNECTION_ERRORS):  # which the worker meets, too, and ends by
                async with connector.pool.connection() as alone:
                    await alone.execute(EXCLUSIVE_TRANSACTION)
                    for job in await jobs.get_stalled_jobs(task_name=TASK, seconds_since_heartbeat=self._silent):
                        await jobs.retry_job(job)
                        _log.info("a service was silent for %g s, and a series of it is given to another", self._silent)
            await asyncio.sleep(self._heartbeat)

    async def _segment(self, study: str, series: str, made: str) -> None:
        """Do a task of the shared queue, which lasts until the series has ended in this service's queue."""
        try:
            await asyncio.to_thread(self._get, study, series, datetime.fromisoformat(made))
        except Unreachable:
            await asyncio.to_thread(self._give_back, series)
            raise
        except Rejected as error:
            await asyncio.to_thread(self._fail, series, f"Its images cannot be fetched: {error}.")
        while not await asyncio.to_thread(self._has_ended, series):
            await asyncio.sleep(_LOOK_SECONDS)

    def _get(self, study: str, series: str, made: datetime) -> None:
        """Fetch a series, unless it is here from before this service ended or lost the database."""
        self._queue.expect(series, study, self._sender, made)
        known = self._queue.of(series)
        if known and (known.state is SeriesState.RECEIVING or known.why == _GIVEN_BACK):
            self._fetch(study, series)

    def _give_back(self, series: str | None = None) -> None:
        """Wait no longer for the images of a series, or of all that were being fetched as this service ended."""
        for known in self._queue.in_state(SeriesState.RECEIVING):
            if known.sender == self._sender and series in (None, known.series):
                self._queue.passed(known.number, _GIVEN_BACK)

    def _fail(self, series: str, sentence: str) -> None:
        known = self._queue.of(series)
        if known:
            self._queue.failed(known.number, sentence)

    def _has_ended(self, series: str) -> bool:
        known = self._queue.of(series)
        if known is None or known.state is SeriesState.FAILED:
            raise SeriesFailed
        return known.state not in UNDONE


class _Retries(procrastinate.BaseRetryStrategy):
    """A series comes into the queue again at once from a service that ends, later where it could not be fetched."""

    def get_retry_decision(
        self, *, exception: BaseException, job: procrastinate.jobs.Job
    ) -> procrastinate.RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return procrastinate.RetryDecision()
        if isinstance(exception, Unreachable):
            seconds = min(_FIRST_PAUSE * 2 ** min(job.attempts, 10), 12 * _LONGEST_PAUSE)
            return procrastinate.RetryDecision(retry_in={"milliseconds": round(1000 * seconds)})
        return None
