"""Several services and a real PostgreSQL."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("procrastinate", reason="needs procrastinate: pip install 'livertumorseg[shared]'")
pytest.importorskip("psycopg", reason="needs psycopg: pip install 'livertumorseg[shared]'")

import psycopg
from support.shared_queue_cases import SERIES, STUDY, database, jobs, server, shared

from LiverTumorSegLib.apps.pacs.connection import Unreachable
from LiverTumorSegLib.apps.pacs.shared_queue import SharedQueue

__all__ = ["database", "server", "shared"]


def at_once(do, things):
    """Do something with many things at the same time."""
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(do, things))


def test_tables_are_made_once_by_many_services_that_start_at_once(database):
    at_once(lambda _: SharedQueue(database).prepare(), range(8))
    assert jobs(database) == []


def test_a_series_that_many_watchers_find_is_in_the_queue_once(database, shared):
    at_once(lambda number: SharedQueue(database).offer(STUDY, SERIES[number % 5]), range(20))
    assert sorted(jobs(database)) == [(series, "todo") for series in SERIES[:5]]


@pytest.mark.parametrize("state", ["doing", "succeeded", "failed", "cancelled", "aborted"])
def test_a_series_that_was_ever_in_the_queue_never_comes_into_it_again(database, shared, state):
    shared.offer(STUDY, SERIES[0])
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE procrastinate_jobs SET status = %s", [state])
    shared.offer(STUDY, SERIES[0])
    assert jobs(database) == [(SERIES[0], state)]


def test_the_database_has_no_word_of_a_patient_but_uids(database, shared):
    shared.offer(STUDY, SERIES[0])
    with psycopg.connect(database) as connection:
        [(arguments,)] = connection.execute("SELECT args FROM procrastinate_jobs").fetchall()
    assert arguments.pop("made").endswith("+00:00")
    assert arguments == {"study": STUDY, "series": SERIES[0]}


def test_a_database_that_is_not_there_is_told_in_words(tmp_path):
    with pytest.raises(Unreachable, match="No such file or directory"):
        SharedQueue(f"postgresql://nobody@/none?host={tmp_path}").offer(STUDY, SERIES[0])


def test_what_the_database_says_of_a_row_is_not_told(database, shared):
    shared.offer(STUDY, SERIES[0])
    with psycopg.connect(database) as connection:  # as a newer version of procrastinate may have it
        connection.execute("ALTER TABLE procrastinate_jobs RENAME queueing_lock TO renamed")
    with pytest.raises(Unreachable) as raised:
        shared.offer(STUDY, SERIES[1])
    assert "1.2.826" not in str(raised.value)


@pytest.mark.parametrize("package", ["procrastinate", "psycopg"])
def test_what_is_missing_is_named_with_the_line_that_installs_it(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{package}.*pip install 'livertumorseg\[shared\]'"):
        SharedQueue("postgresql://localhost/none")


def test_windows_is_told_that_it_cannot_share(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UserError, match="only on Linux and macOS"):
        SharedQueue("postgresql://localhost/none")
