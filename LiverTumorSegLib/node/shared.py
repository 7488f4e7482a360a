"""A queue that several nodes beside one archive take their series from: procrastinate, on PostgreSQL.

DICOM has a worklist of its own for this, the Unified Procedure Steps (PS3.4 annex CC, PS3.18 section 11), but few
archives serve it, Orthanc among those that do not. RabbitMQ hands work out and takes it back from a node that dies,
but does not remember what was ever asked for, so two watchers could ask for the same series twice; with Redis both
would have to be written here. PostgreSQL answers in one transaction whether a series was ever asked for, hospitals run
and back it up already, and procrastinate adds the queue: a series is handed to one node, whose heartbeat says that it
lives, and goes to another node once that stops.

The database holds UIDs of studies and series, and no other word of a patient.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timezone
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .config import Share
from .queue import SeriesQueue
from .reaching import Unreachable

if TYPE_CHECKING:
    import psycopg

    from .watcher import Watcher

QUEUE, TASK = "livertumorseg", "segment"
PATIENCE_SECONDS = 10
"""A database that does not answer for so long is down."""

CONNECTION: dict[str, Any] = {"connect_timeout": PATIENCE_SECONDS, "tcp_user_timeout": 30_000, "keepalives_idle": 30}
"""How a database is noticed that has gone without a word, as by a power cut."""

ALONE = """
    SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '10s';
    SELECT pg_advisory_xact_lock(1279874629)
"""
"""Waits until no other node is in a transaction that began so: it may look at the queue and change it by that.

A node that stands still in the middle is thrown out, and holds up no other.
"""


class SharedQueue:
    """Where watchers put series; the nodes that segment them are :class:`shared_work.SharedWork`.

    Args:
        database: of PostgreSQL, as ``postgresql://user@host/name``.

    Raises:
        UserError: the packages are missing.
    """

    def __init__(self, database: str) -> None:
        _require()
        import procrastinate

        self.database = database
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())

    def offer(self, study: str, series: str) -> None:
        """Put a series into the queue, unless any node ever did; from then on the time of its result is fixed.

        Args:
            study: its UID.
            series: its UID.

        Raises:
            Unreachable: the database cannot be used now.
        """
        with self._alone() as connection:
            asked = "SELECT 1 FROM procrastinate_jobs WHERE task_name = %s AND queueing_lock = %s"
            if connection.execute(asked, [TASK, series]).fetchone():
                return
            options: dict[str, Any] = {"queue": QUEUE, "lock": series, "queueing_lock": series}
            job = self._app.configure_task(TASK, connection=connection, **options)
            job.defer(study=study, series=series, made=datetime.now(timezone.utc).isoformat())

    def prepare(self) -> None:
        """Make the tables where they are missing; several nodes may do so at once.

        Raises:
            Unreachable: the database cannot be used now.
        """
        with self._alone() as connection:
            found = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
            if found == (None,):
                connection.execute(self._app.schema_manager.get_schema())

    @contextmanager
    def _alone(self) -> Iterator[psycopg.Connection]:
        """A transaction during which no other node is in one."""
        import procrastinate
        import psycopg

        try:
            with psycopg.connect(self.database, **CONNECTION) as connection:
                connection.execute(ALONE)
                yield connection
        except (psycopg.Error, procrastinate.exceptions.ConnectorException) as error:
            raise Unreachable(why(error)) from error


@asynccontextmanager
async def sharing(share: Share, queue: SeriesQueue, watcher: Watcher) -> AsyncIterator[None]:
    """Share the work with other nodes for as long as the block takes.

    Args:
        share: the configuration's part.
        queue: of this node.
        watcher: that has looked for nothing yet; what it finds goes into the shared queue.

    Raises:
        UserError: the packages are missing.
    """
    shared = SharedQueue(share.database)
    from .shared_work import SharedWork

    watcher.take = shared.offer
    work = asyncio.create_task(SharedWork(shared, queue, watcher.fetch, watcher.name).run())
    try:
        yield
    finally:
        watcher.stop()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def why(error: Exception) -> str:
    """Why the database cannot be used, on one line; what it says of a row is left out, since that has UIDs."""
    import psycopg

    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    words = str(cause).strip().splitlines() if isinstance(cause, psycopg.OperationalError) else []
    return f"the shared queue cannot be used ({words[0] if words else type(cause or error).__name__})"


def _require() -> None:
    """Say what is missing; procrastinate alone could be loaded without what it needs for PostgreSQL."""
    if sys.platform == "win32":  # psycopg does not work with asyncio's event loop there
        msg = "[share] works on Linux and macOS alone: leave it out, so that this node works for itself."
        raise UserError(msg)
    try:
        for name in ("procrastinate", "psycopg_pool", "psycopg"):
            import_module(name)
    except ImportError as error:
        lacking = error.name or "libpq"
        msg = f"[share] needs packages that are not here ({lacking}): pip install 'livertumorseg[shared]'."
        raise UserError(msg) from error
