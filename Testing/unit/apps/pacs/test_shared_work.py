"""Several services, as tasks of this process or as processes of their own, and a real PostgreSQL."""

import asyncio
import logging
import subprocess
import sys
import time

import pytest
from support.repository import SUPPORT

pytest.importorskip("procrastinate", reason="needs procrastinate: pip install 'livertumorseg[shared]'")
pytest.importorskip("psycopg", reason="needs psycopg: pip install 'livertumorseg[shared]'")

import psycopg
from support.shared_pacs import SharingService
from support.shared_queue_cases import SERIES, STUDY, database, jobs, server, shared

from LiverTumorSegLib.apps.pacs import shared_work
from LiverTumorSegLib.apps.pacs.connection import Rejected, Unreachable
from LiverTumorSegLib.apps.pacs.queue import SeriesQueue
from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState

__all__ = ["database", "server", "shared"]

HANG_SECONDS = 60
PROGRAM = SUPPORT / "shared_pacs.py"


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "archive.txt"
    path.touch()
    return path


@pytest.fixture
def make_service(database, tmp_path, archive):
    """Make a service of the shared database."""
    return lambda name, **options: SharingService(database, tmp_path / name, archive, **options)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(shared_work, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(shared_work, "_POLL_SECONDS", 0.1)
    monkeypatch.setattr(shared_work, "_FIRST_PAUSE", 0.1)
    monkeypatch.setattr(shared_work, "PATIENCE_SECONDS", 1)


def results(archive):
    """The series of the results that are in the archive."""
    return [line.split()[0] for line in archive.read_text().splitlines()]


def until(is_so, *services):
    """Let services run until something is so; what never is, hangs, which is limited."""

    async def run():
        running = [asyncio.create_task(service.run()) for service in services]
        while not is_so():
            assert not [task.exception() for task in running if task.done()]
            await asyncio.sleep(0.02)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), HANG_SECONDS))


def test_two_services_do_each_series_once(database, shared, archive, make_service):
    for series in SERIES:
        shared.offer(STUDY, series)
    services = [make_service(name, seconds=0.05) for name in ("one", "other")]
    until(lambda: {state for _, state in jobs(database)} == {"succeeded"}, *services)
    assert sorted(results(archive)) == sorted(SERIES)
    assert sorted(services[0].fetched + services[1].fetched) == sorted(SERIES)
    assert services[0].fetched
    assert services[1].fetched


def test_series_of_a_service_that_was_killed_are_done_by_another_and_bear_the_same_time(
    database, shared, archive, make_service, tmp_path
):
    for series in SERIES:
        shared.offer(STUDY, series)
    command = [sys.executable, str(PROGRAM), database, str(tmp_path / "killed"), str(archive), "-1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait(lambda: [state for _, state in jobs(database)].count("doing") == 2)
        taken = [series for series, state in jobs(database) if state == "doing"]
        wait(lambda: (tmp_path / "killed" / "node.sqlite").exists())
        of_killed = SeriesQueue(tmp_path / "killed" / "node.sqlite")
        wait(lambda: all(of_killed.of(series) for series in taken))
        process.kill()
        said = process.stderr.read()
    assert STUDY[:20] not in said
    assert results(archive) == []
    other = make_service("other")
    until(lambda: {state for _, state in jobs(database)} == {"succeeded"}, other)
    assert sorted(results(archive)) == sorted(SERIES)
    for series in taken:
        assert other.queue.of(series).made == of_killed.of(series).made


def wait(is_so):
    end = time.monotonic() + HANG_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_service_that_ends_in_good_order_gives_its_series_back_at_once(database, shared, archive, make_service):
    shared.offer(STUDY, SERIES[0])
    ends = make_service("ends", silent_seconds=3600)
    ends.do = lambda ended: None
    until(lambda: jobs(database) == [(SERIES[0], "doing")] and ends.fetched, ends)
    assert jobs(database) == [(SERIES[0], "todo")]
    until(lambda: jobs(database) == [(SERIES[0], "succeeded")], make_service("other"))
    assert results(archive) == [SERIES[0]]


def test_a_service_that_begins_again_goes_on_with_what_it_had_and_fetches_nothing_twice(
    database, shared, archive, make_service
):
    shared.offer(STUDY, SERIES[0])
    first = make_service("same")
    first.do = lambda ended: None
    until(lambda: first.fetched, first)
    [found] = first.queue.all()
    first.queue.waits(found.number)
    again = make_service("same")
    until(lambda: jobs(database) == [(SERIES[0], "succeeded")], again)
    assert again.fetched == []
    assert results(archive) == [SERIES[0]]


def test_a_series_that_cannot_be_fetched_now_goes_to_a_service_that_can(database, shared, archive, make_service):
    shared.offer(STUDY, SERIES[0])
    cut_off, other = make_service("cut off"), make_service("other")

    def fetch(study, series):
        cut_off.fetched.append(series)
        raise Unreachable

    cut_off.work._fetch = fetch
    until(lambda: len(cut_off.fetched) > 1, cut_off)
    [left] = cut_off.queue.all()
    assert (left.state, left.why) == (
        SeriesState.PASSED,
        "It went back to the shared queue before all its images were here.",
    )
    until(lambda: jobs(database) == [(SERIES[0], "succeeded")], other)
    assert results(archive) == [SERIES[0]]


def test_a_series_that_came_back_is_fetched_where_it_could_not_be_before(database, shared, archive, make_service):
    shared.offer(STUDY, SERIES[0])
    one = make_service("one")
    fetch = one.work._fetch

    def fail_once(study, series):
        one.work._fetch = fetch
        raise Unreachable

    one.work._fetch = fail_once
    until(lambda: jobs(database) == [(SERIES[0], "succeeded")], one)
    assert results(archive) == [SERIES[0]]


def test_a_series_that_fails_is_not_given_to_another(database, shared, archive, make_service):
    shared.offer(STUDY, SERIES[0])
    one = make_service("one")
    one.work._fetch = lambda study, series: one.queue.failed(one.queue.of(series).number, "It has two acquisitions.")
    until(lambda: jobs(database) == [(SERIES[0], "failed")], one)
    assert results(archive) == []


def test_a_series_that_the_archive_does_not_give_fails_here_and_for_all(database, shared, archive, make_service):
    shared.offer(STUDY, SERIES[0])
    one = make_service("one")

    def fetch(study, series):
        msg = "it answers 400 (Bad Request)"
        raise Rejected(msg)

    one.work._fetch = fetch
    until(lambda: jobs(database) == [(SERIES[0], "failed")], one)
    [left] = one.queue.all()
    assert (left.state, left.why) == (
        SeriesState.FAILED,
        "Its images cannot be fetched: it answers 400 (Bad Request).",
    )


def test_a_database_that_comes_later_and_goes_meanwhile_is_waited_for(
    server, database, shared, archive, make_service, caplog
):
    caplog.set_level(logging.INFO)
    for series in SERIES[:2]:
        shared.offer(STUDY, series)
    one = make_service("one", seconds=0.5)

    async def run():
        server.end()
        running = asyncio.create_task(one.run())
        while "cannot be used" not in caplog.text:
            await asyncio.sleep(0.02)
        server.start()
        while not results(archive):
            await asyncio.sleep(0.02)
        await asyncio.to_thread(server.end)
        caplog.clear()
        while "cannot be used" not in caplog.text:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(server.start)
        while {state for _, state in await asyncio.to_thread(jobs, database)} != {"succeeded"}:
            await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), HANG_SECONDS))
    assert sorted(results(archive)) == SERIES[:2]
    own = [record.getMessage() for record in caplog.records if record.name.startswith("LiverTumorSegLib")]
    assert any("tried again in" in line for line in own)
    assert not any("1.2.826" in line for line in own)


def test_what_ended_long_ago_is_forgotten_and_nothing_else(database, shared, archive, make_service):
    for series in SERIES[:3]:
        shared.offer(STUDY, series)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE lock != %s", [SERIES[2]])
        connection.execute("UPDATE procrastinate_events SET at = now() - interval '370 days'")
        connection.execute("UPDATE procrastinate_events SET at = now() - interval '401 days' WHERE job_id != 1")
    until(lambda: {state for _, state in jobs(database)} == {"succeeded"}, make_service("one"))
    assert jobs(database) == [(SERIES[0], "succeeded"), (SERIES[2], "succeeded")]
