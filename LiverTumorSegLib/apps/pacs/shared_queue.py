"""A queue that several services beside one archive take their series from: procrastinate, on PostgreSQL.

DICOM has a worklist of its own for this, the Unified Procedure Steps (PS3.4 annex CC, PS3.18 section 11), but few
archives serve it, Orthanc among those that do not. RabbitMQ hands work out and takes it back from a service that dies,
but does not remember what was ever asked for, so two watchers could ask for the same series twice; with Redis both
would have to be written here. PostgreSQL answers in one transaction whether a series was ever asked for, hospitals run
and back it up already, and procrastinate adds the queue: a series is handed to one service, whose heartbeat says that
it lives, and goes to another service once that stops.

The database holds UIDs of studies and series, and no other word of a patient.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...core.errors import UserError
from .connection import Unreachable

if TYPE_CHECKING:
    import psycopg

QUEUE, TASK = "livertumorseg", "segment"
PATIENCE_SECONDS = 10
"""A database that does not answer for so long is down."""

CONNECTION: dict[str, Any] = {"connect_timeout": PATIENCE_SECONDS, "tcp_user_timeout": 30_000, "keepalives_idle": 30}
"""Options by which a database is noticed that has gone without a word, as by a power cut."""

EXCLUSIVE_TRANSACTION = """
    SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '10s';
    SELECT pg_advisory_xact_lock(1279874629)
"""
"""Beginning of a transaction that waits until no other service is in such a one, and so may change what it reads.

A service that stands still in the middle is thrown out, and holds up no other.
"""


class SharedQueue:
    """The queue as watchers see it, who put series in; :class:`shared_work.SharedWork` takes them out.

    Args:
        database: of PostgreSQL, as ``postgresql://user@host/name``.

    Raises:
        UserError: the packages are missing.
    """

    def __init__(self, database: str) -> None:
        _require_packages()
        import procrastinate

        self.database = database
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())

    def offer(self, study: str, series: str) -> None:
        """Put a series into the queue, unless any service ever did; from then on the time of its result is fixed.

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
        """Make the tables where they are missing; several services may do so at once.

        Raises:
            Unreachable: the database cannot be used now.
        """
        with self._alone() as connection:
            found = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
            if found == (None,):
                connection.execute(self._app.schema_manager.get_schema())

    @contextmanager
    def _alone(self) -> Iterator[psycopg.Connection]:
        """A transaction during which no other service is in one."""
        import procrastinate
        import psycopg

        try:
            with psycopg.connect(self.database, **CONNECTION) as connection:
                connection.execute(EXCLUSIVE_TRANSACTION)
                yield connection
        except (psycopg.Error, procrastinate.exceptions.ConnectorException) as error:
            raise Unreachable(database_error(error)) from error


def database_error(error: Exception) -> str:
    """Why the database cannot be used, on one line; what it says of a row is left out, since that has UIDs."""
    import psycopg

    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    words = str(cause).strip().splitlines() if isinstance(cause, psycopg.OperationalError) else []
    return f"the shared queue cannot be used ({words[0] if words else type(cause or error).__name__})"


def _require_packages() -> None:
    """Say what is missing; procrastinate alone could be loaded without what it needs for PostgreSQL."""
    if sys.platform == "win32":  # psycopg does not work with asyncio's event loop there
        msg = "[share] works only on Linux and macOS: leave it out, and this service works alone."
        raise UserError(msg)
    try:
        for name in ("procrastinate", "psycopg_pool", "psycopg"):
            import_module(name)
    except ImportError as error:
        lacking = error.name or "libpq"
        msg = f"[share] needs packages that are not installed ({lacking}): pip install 'livertumorseg[shared]'."
        raise UserError(msg) from error
