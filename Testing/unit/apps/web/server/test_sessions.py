import asyncio
import json
import os
import signal
import tempfile
from contextlib import asynccontextmanager

import aiohttp
import pytest
from support.web_front_cases import PAGE, driven, is_alive, until

from LiverTumorSegLib.apps.web.server.session_process import HEADER
from LiverTumorSegLib.apps.web.server.sessions import Sessions
from LiverTumorSegLib.core.atomic_files import SHARED_PREFIX
from LiverTumorSegLib.core.errors import UserError


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where the folders of sessions are."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "pids").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


class Told:
    """What a front hears of its sessions."""

    def __init__(self):
        self.heard, self.gone = [], []

    def hear(self, name, message):
        self.heard.append((name, message))

    async def go(self, name):
        self.gone.append(name)


def folders(place):
    return sorted((place / "temporary").glob(f"{SHARED_PREFIX}*"))


def pids(place):
    return [int(path.name) for path in (place / "pids").iterdir()]


async def pid_of(session):
    async with aiohttp.ClientSession(headers={HEADER: session.child.key}) as client:
        async with client.get(f"http://127.0.0.1:{session.child.port}/") as answer:
            return json.loads(await answer.text())["pid"]


@asynccontextmanager
async def opened(place, most=3, *, told=None, words=(), **options):
    told = told or Told()
    command = (*PAGE, "--pids", str(place / "pids"), *words)
    sessions = Sessions(most, told.hear, told.go, command=command, **options)
    try:
        yield sessions
    finally:
        await sessions.close()


def test_sessions_opened_at_the_same_time_keep_the_limit_and_share_nothing(place):
    async def use():
        async with opened(place, most=3) as sessions:
            await sessions.tidy()
            ends = await asyncio.gather(*(sessions.open() for _ in range(6)), return_exceptions=True)
            await sessions.tidy()
            opened_ones = [end for end in ends if not isinstance(end, BaseException)]
            assert len({await pid_of(session) for session in opened_ones}) == 3
            assert len({session.folder for session in opened_ones}) == len(folders(place)) == 3
            return [end for end in ends if isinstance(end, BaseException)]

    refused = driven(use())
    assert [type(error) for error in refused] == [UserError] * 3
    assert "All 3 sessions are taken" in str(refused[0])
    assert len(pids(place)) == 3
    assert not any(map(is_alive, pids(place)))
    assert folders(place) == []


def test_a_process_is_started_ahead_within_the_limit(place):
    async def use():
        async with opened(place, most=2) as sessions:
            counts = []
            for _ in range(2):
                await sessions.tidy()
                await sessions.tidy()
                await until(lambda: len(pids(place)) == len(counts) + 1)
                session = await sessions.open()
                counts.append(len(pids(place)))
                assert await pid_of(session) in pids(place)
            await sessions.tidy()
            return counts, len(folders(place))

    assert driven(use()) == ([1, 2], 2)


def test_a_process_started_ahead_that_was_killed_is_replaced(place):
    async def use():
        async with opened(place) as sessions:
            await sessions.tidy()
            await until(lambda: sessions._spare.done())
            first = sessions._spare.result().child
            os.kill(pids(place)[0], signal.SIGKILL)
            await until(lambda: not first.alive)
            session = await sessions.open()
            return session.child.alive, len(folders(place))

    assert driven(use()) == (True, 1)


def test_a_failed_start_is_told_and_tried_again_for_the_next(place):
    broken = place / "broken"
    broken.touch()

    async def use():
        async with opened(place, words=("--fails", str(broken))) as sessions:
            await sessions.tidy()
            await until(lambda: sessions._spare.done())
            with pytest.raises(UserError, match=r"There is no such library\."):
                await sessions.open()
            assert folders(place) == []
            broken.unlink()
            return (await sessions.open()).child.alive

    assert driven(use()) is True


def test_a_killed_process_ends_its_session_alone(place):
    told = Told()

    async def use():
        async with opened(place, told=told) as sessions:
            one, other = await sessions.open(), await sessions.open()
            os.kill(await pid_of(one), signal.SIGKILL)
            await until(lambda: folders(place) == [other.folder])
            return sessions.find(one.name), sessions.find(other.name) is other, told.gone == [one.name]

    assert driven(use()) == (None, True, True)


def test_what_a_process_says_is_heard_with_its_session(place):
    told = Told()

    async def use():
        async with opened(place, told=told, words=("--says", '{"id": 1, "do": "models"}')) as sessions:
            session = await sessions.open()
            await until(lambda: told.heard)
            return told.heard == [(session.name, {"id": 1, "do": "models"})]

    assert driven(use()) is True


def test_a_session_that_nobody_looks_at_ends_and_one_that_is_watched_stays(place):
    async def use():
        async with opened(place, grace_seconds=0) as sessions:
            never, closed, watched = [await sessions.open() for _ in range(3)]
            with closed.watched():
                pass
            with watched.watched():
                with watched.watched():
                    pass
                await sessions.tidy()
                return [sessions.find(session.name) is not None for session in (never, closed, watched)]

    assert driven(use()) == [False, False, True]


def test_a_session_waits_for_a_browser_that_loads_its_page_again(place):
    async def use():
        async with opened(place, grace_seconds=30) as sessions:
            session = await sessions.open()
            with session.watched():
                pass
            await sessions.tidy()
            return sessions.find(session.name) is session

    assert driven(use()) is True


def test_an_end_cancels_what_is_written_and_deletes_the_folder_last(place):
    class Slow(Told):
        async def go(self, name):
            await asyncio.sleep(0.1)
            self.gone.append((name, [path.name for path in folders(place)]))

    told = Slow()

    async def write(session, begun):
        with session.writing():
            begun.set()
            await asyncio.sleep(600)

    async def use():
        async with opened(place, told=told) as sessions:
            session, begun = await sessions.open(), asyncio.Event()
            writing = asyncio.create_task(write(session, begun))
            await begun.wait()
            await sessions.end(session)
            return told.gone == [(session.name, [session.folder.name])], folders(place), writing.cancelled()

    assert driven(use()) == (True, [], True)


def test_an_end_that_is_given_up_still_ends_all(place):
    async def use():
        async with opened(place) as sessions:
            session = await sessions.open()
            end = asyncio.create_task(sessions.end(session))
            await asyncio.sleep(0)
            end.cancel()
            await asyncio.gather(end, return_exceptions=True)
        return folders(place)

    assert driven(use()) == []
    assert not any(map(is_alive, pids(place)))


def test_closing_gives_up_what_is_starting_and_opens_no_more(place):
    async def use():
        async with opened(place, words=("--hangs",)) as sessions:
            await sessions.tidy()
            opening = asyncio.create_task(sessions.open())
            await until(lambda: pids(place))
            await sessions.close()
            ends = await asyncio.gather(opening, return_exceptions=True)
            with pytest.raises(UserError):
                await sessions.open()
            return isinstance(ends[0], BaseException)

    assert driven(use()) is True
    assert folders(place) == []
    assert not any(map(is_alive, pids(place)))


def test_what_a_killed_front_left_is_deleted_by_the_next(place):
    left = place / "temporary" / f"{SHARED_PREFIX}killed"
    left.mkdir()
    (left / ".in-use").touch()
    (left / "ct.nii.gz").write_bytes(b"patient")

    async def use():
        async with opened(place):
            return folders(place)

    assert driven(use()) == []


def test_a_folder_that_cannot_be_made_is_told(place, monkeypatch):
    async def use():
        async with opened(place) as sessions:
            monkeypatch.setattr(tempfile, "tempdir", str(place / "none"))
            with pytest.raises(UserError, match=r"No session's folder can be made in .*none"):
                await sessions.open()

    driven(use())
