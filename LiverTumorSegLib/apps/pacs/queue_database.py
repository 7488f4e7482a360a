"""The SQLite file of the queue: its tables, and transactions that are on the disk when they end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core.errors import UserError

VERSION = 2
"""Version of the tables; a newer program raises it where it changes them."""

_APPLICATION = 0x4C545351
"""SQLite's ``application_id`` of this program's queues: “LTSQ”."""

_BUSY_SECONDS = 30
_TABLES = """
CREATE TABLE series (
    number INTEGER PRIMARY KEY,
    series TEXT NOT NULL UNIQUE,
    study TEXT NOT NULL,
    sender TEXT NOT NULL,
    state TEXT NOT NULL,
    made TEXT NOT NULL,
    since TEXT NOT NULL,
    whole_at TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try TEXT,
    why TEXT NOT NULL DEFAULT ''
);
CREATE INDEX series_by_state ON series (state, number);
CREATE TABLE images (
    uid TEXT PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES series (number),
    file INTEGER
) WITHOUT ROWID;
CREATE INDEX images_by_series ON images (number);
CREATE TABLE late_images (
    uid TEXT PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES series (number)
) WITHOUT ROWID;
CREATE INDEX late_images_by_series ON late_images (number);
CREATE TABLE objects (
    number INTEGER NOT NULL REFERENCES series (number),
    place INTEGER NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (number, place)
) WITHOUT ROWID;
"""
_SINCE_VERSION_2 = """
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    time TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE names (
    number INTEGER PRIMARY KEY REFERENCES series (number),
    accession TEXT NOT NULL,
    patient TEXT NOT NULL
);
"""
_DAMAGED = (
    "{} is damaged: move its folder away; the service then begins anew, and series that were not yet done have to be "
    "sent to it again."
)


class QueueFile:
    """The file, by one connection for all threads; other processes may use the file, too.

    Args:
        path: of the file.
        create: make it where it is not there.

    Raises:
        UserError: the file is missing, damaged, of a newer version or of another program, or cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path, self._lock = path, threading.RLock()
        if not create and not path.is_file():
            msg = f"{path} is not there: the service has not run yet with this configuration."
            raise UserError(msg)
        with self._in_words():
            options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, **options)
        try:
            with self._in_words():
                self._prepare()
                if create:  # by the service, at its start: it takes a while where there are millions of images
                    self._refuse_damaged()
        except UserError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Have all that is done in the block, by any methods, done or not; other threads and processes wait."""
        with self._lock:
            if self._connection.in_transaction:  # this thread's, as it has the lock
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that a statement answers with."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def _prepare(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            self.rows(f"PRAGMA {pragma}")
        with self.transaction():
            if self._number("PRAGMA user_version") == self._number("SELECT count(*) FROM sqlite_master") == 0:
                self._make(_TABLES)
                self.rows("PRAGMA user_version = 1")
                self.rows(f"PRAGMA application_id = {_APPLICATION}")
            self._refuse_others()
            if self._number("PRAGMA user_version") == 1:
                self._make(_SINCE_VERSION_2)
                self.rows(f"PRAGMA user_version = {VERSION}")

    def _make(self, tables: str) -> None:
        for statement in tables.split(";"):
            self.rows(statement)

    def _refuse_others(self) -> None:
        if self._number("PRAGMA application_id") != _APPLICATION:
            msg = f"{self._path} is a database of another program: give the service a folder of its own."
            raise UserError(msg)
        if self._number("PRAGMA user_version") > VERSION:
            msg = f"{self._path} was made by a newer version of this program: install that one, or give another folder."
            raise UserError(msg)

    def _refuse_damaged(self) -> None:
        if self.rows("PRAGMA quick_check(1)") != [("ok",)]:
            raise UserError(_DAMAGED.format(self._path))

    def _number(self, sql: str) -> int:
        return int(self.rows(sql)[0][0])

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            msg = f"{self._path} cannot be used ({error}): check permissions and free disk space."
            raise UserError(msg) from error
        except sqlite3.DatabaseError as error:
            raise UserError(_DAMAGED.format(self._path)) from error
