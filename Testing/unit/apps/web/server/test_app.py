import asyncio
import json
import os
import signal
import tempfile
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import WSMsgType
from support.web_front_cases import driven, until, visiting
from yarl import URL

from LiverTumorSegLib.apps.web.server.session_process import COMMAND, DOWNLOADS, HEADER, UPLOADS
from LiverTumorSegLib.core.atomic_files import SHARED_PREFIX, remove_leftovers

ENDED = "This session has ended"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where the folders of sessions are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def undeletable(monkeypatch):
    """Makes the system keep a file, whatever deletes it, until told otherwise."""
    unlink, kept = os.unlink, {"kept.nii"}

    def refuse(path, **options):
        if Path(path).name in kept:
            raise PermissionError(1, "Operation not permitted", str(path))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    return kept


def folder_of(facts):
    return Path(facts["temporary"])


async def until_status(browser, url, status):
    while (await browser.ask("GET", url))[0] != status:
        await asyncio.sleep(0.05)


def test_each_tab_has_a_session_of_its_own_and_a_reload_keeps_it(place):
    async def use():
        async with visiting() as browser:
            one, other = await browser.open(), await browser.open()
            pids = [(await browser.facts(session))["pid"] for session in (one, other, one)]
            return pids[0] == pids[2], pids[0] != pids[1]

    assert driven(use()) == (True, True)
    assert list(place.glob(f"{SHARED_PREFIX}*")) == []


def test_where_all_sessions_are_taken_a_page_says_so():
    async def use():
        async with visiting(most=1) as browser:
            await browser.open()
            return await browser.ask("GET", f"{browser.address}/")

    status, text, headers = driven(use())
    assert (status, headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "All 1 sessions are taken" in text


def test_asking_for_the_head_of_the_address_opens_no_session():
    async def use():
        async with visiting(most=1) as browser:
            status = (await browser.ask("HEAD", f"{browser.address}/"))[0]
            await browser.open()
            return status

    assert driven(use()) == 405


@pytest.mark.parametrize("how", ["killed", "ended by itself"])
def test_a_process_that_dies_ends_its_session_alone(place, how):
    async def use():
        async with visiting() as browser:
            one, other = await browser.open(), await browser.open()
            facts = await browser.facts(one)
            async with browser.client.ws_connect(f"{one}ws") as socket:
                if how == "killed":
                    os.kill(facts["pid"], signal.SIGKILL)
                else:
                    await socket.send_str("end")
                closed = await socket.receive(), socket.close_code
            await until_status(browser, one, 410)
            await until(lambda: not folder_of(facts).exists())
            answers = await browser.ask("GET", one), await browser.ask("PUT", f"{one}upload/b/ct.nii", data=b"x")
            return closed, answers, (await browser.facts(other))["pid"] != facts["pid"]

    (message, code), (page, upload), other_lives = driven(use())
    assert (message.type, code) == (WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
    assert ENDED in page[1]
    assert page[2]["Content-Type"] == "text/html; charset=utf-8"
    assert upload[:2] == (410, "This session has ended, and what it had is deleted.")
    assert other_lives


def test_what_cannot_be_deleted_is_not_said_to_be(place, undeletable, caplog):
    """The page and the log say so, and the next start deletes it."""

    async def use():
        async with visiting() as browser:
            session = await browser.open()
            facts = await browser.facts(session)
            folder = folder_of(facts)
            (folder / "ct").mkdir()
            (folder / "ct" / "kept.nii").write_bytes(b"patient")
            os.kill(facts["pid"], signal.SIGKILL)
            said = set()
            while not any("could be deleted" in words for words in said):
                said.add((await browser.ask("GET", session))[1])
                await asyncio.sleep(0.02)
            return folder, said, browser.front.undeleted

    folder, said, undeleted = driven(use())
    assert not any("is deleted" in words for words in said)
    assert undeleted == [folder]
    assert f"{folder} is not needed any more, but cannot be deleted" in caplog.text
    assert (folder / "ct" / "kept.nii").exists()
    undeletable.clear()
    remove_leftovers(place, SHARED_PREFIX)
    assert list(place.iterdir()) == []


def test_a_closed_tab_ends_its_session_after_the_grace_time():
    async def use():
        async with visiting(grace_seconds=0.5) as browser:
            session = await browser.open()
            async with browser.client.ws_connect(f"{session}ws") as socket:
                await asyncio.sleep(3)  # longer than the grace time, and than it takes to look for it
                await socket.send_str("still there")
                said = await socket.receive_str()
            await until_status(browser, f"{session}index.html", 410)
            return said

    assert driven(use()) == "still there"


def test_a_session_has_so_many_websockets_and_room_again_once_one_is_closed():
    async def use():
        async with visiting() as browser:
            address = f"{await browser.open()}ws"
            open_now = [await browser.client.ws_connect(address) for _ in range(16)]
            status, _, _ = await browser.ask("GET", address)
            await open_now.pop().close()
            await until_status(browser, address, 400)  # it is let through, and asks for no websocket
            return status, len({socket.closed for socket in open_now})

    assert driven(use()) == (429, 1)


def test_a_launcher_tells_the_address_of_the_websocket():
    async def use():
        async with visiting() as browser:
            session = await browser.open()
            _, text, _ = await browser.ask("POST", f"{session}paraview/", json={"application": "trame"})
            async with browser.client.ws_connect(json.loads(text)["sessionURL"]) as socket:
                await socket.send_str("hello")
                return await socket.receive_str()

    assert driven(use()) == "hello"


def test_the_job_of_a_session_that_ends_makes_room_for_the_next():
    segment, report = '{"id": 1, "do": "segment", "with": {}}', '{"id": 1, "do": "report", "with": {}}'

    async def use():
        async with visiting() as browser:
            one, other = await browser.open(), await browser.open()
            for session, question in ((one, segment), (other, report)):
                async with browser.client.ws_connect(f"{session}ws") as socket:
                    await socket.send_str(f"say {question}")
                await wait_for(browser, session, "Segmenting" if session == one else "Waiting: 1 job is before yours")
            os.kill((await browser.facts(one))["pid"], signal.SIGKILL)
            return await wait_for(browser, other, "report")

    async def wait_for(browser, session, words):
        while not [said for said in (await browser.facts(session))["heard"] if words in str(said)]:
            await asyncio.sleep(0.05)
        return words

    assert driven(use()) == "report"


def test_a_folder_is_uploaded_file_by_file_and_the_page_is_told(place):
    names = ["study 1/100% CT.nii", "study 1/Größe #2?.nii", "a.nii"]

    async def use():
        async with visiting() as browser:
            session = await browser.open()
            for name in names:
                url = URL.build(path=f"{URL(session).path}upload/b-1/{name}")
                status, _, _ = await browser.ask("PUT", URL(session).join(url), data=name.encode())
                assert status == 201
            status, _, _ = await browser.ask("POST", f"{session}upload/b-1")
            while not (facts := await browser.facts(session))["heard"]:
                await asyncio.sleep(0.01)
            uploads = folder_of(facts) / UPLOADS / "b-1"
            arrived = {path.relative_to(uploads).as_posix() for path in uploads.rglob("*") if path.is_file()}
            return status, facts["heard"], arrived

    status, heard, arrived = driven(use())
    assert (status, heard) == (204, [{"arrived": "b-1"}])
    assert len(arrived) == 3
    assert {"study 1/100% CT.nii", "a.nii"} < arrived


def test_uploads_that_cannot_be_taken_are_told_in_plain_text():
    async def use():
        async with visiting(most_bytes=10) as browser:
            session = await browser.open()
            return [
                await browser.ask("PUT", f"{session}upload/b/ct.nii", data=b"x" * 11),
                await browser.ask("PUT", f"{session}upload/b/ct.nii", data=no_length()),
                await browser.ask("POST", f"{session}upload/none"),
            ], (await browser.facts(session))["heard"]

    async def no_length():
        yield b"x"

    answers, heard = driven(use())
    assert [status for status, _, _ in answers] == [413, 400, 404]
    assert {headers["Content-Type"] for _, _, headers in answers} == {"text/plain; charset=utf-8"}
    assert "too large" in answers[0][1]
    assert "without its size" in answers[1][1]
    assert answers[2][1] == "Nothing has arrived: choose the files again."
    assert heard == []


def test_a_session_that_ends_in_the_middle_of_an_upload_leaves_nothing(place):
    async def half(begun):
        yield b"x" * 500_000
        begun.set()
        await asyncio.sleep(600)

    async def use():
        async with visiting() as browser:
            session, begun = await browser.open(), asyncio.Event()
            facts = await browser.facts(session)
            upload = asyncio.create_task(
                browser.ask("PUT", f"{session}upload/b/ct.nii", data=half(begun), headers={"Content-Length": "1000000"})
            )
            await begun.wait()
            await until(lambda: list(place.rglob(".unfinished-*")))
            os.kill(facts["pid"], signal.SIGKILL)
            ends = await asyncio.gather(upload, return_exceptions=True)
            await until(lambda: not folder_of(facts).exists())
            return ends[0]

    assert isinstance(driven(use()), aiohttp.ClientError)


def test_what_the_page_has_written_can_be_downloaded(place):
    async def use():
        async with visiting() as browser:
            session = await browser.open()
            folder = folder_of(await browser.facts(session)) / DOWNLOADS
            folder.mkdir()
            (folder / "a b.csv").write_text("1,2")
            names = "a%20b.csv", "..%2F.in-use"
            return [await browser.ask("GET", URL(f"{session}download/{name}", encoded=True)) for name in names]

    found, outside = driven(use())
    assert found[:2] == (200, "1,2")
    assert 'filename="a b.csv"' in found[2]["Content-Disposition"]
    assert outside[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_page_can_only_be_looked_at(method):
    async def use():
        async with visiting() as browser:
            return (await browser.ask(method, f"{await browser.open()}index.html"))[0]

    assert driven(use()) == 405


def is_page(process):
    """Whether a child is a session's; one that has ended, of another test, is not."""
    try:
        return "LiverTumorSegLib.apps.web.session" in process.cmdline()
    except psutil.ZombieProcess:
        return False


def test_the_real_page_comes_through_and_nobody_else_gets_it(place):
    async def use():
        async with visiting(COMMAND, most=1) as browser:
            session = await browser.open()
            _, text, _ = await browser.ask("GET", f"{session}index.html")
            async with browser.client.ws_connect(f"{session}ws") as socket:
                is_open = not socket.closed
            [page] = filter(is_page, psutil.Process().children())
            [at] = [c.laddr for c in page.net_connections() if c.status == psutil.CONN_LISTEN]
            direct, statuses = f"http://{at.ip}:{at.port}", []
            for headers in ({}, {HEADER: "guessed"}):
                statuses.append((await browser.ask("GET", f"{direct}/index.html", headers=headers))[0])
                try:
                    await browser.client.ws_connect(f"{direct}/ws", headers=headers)
                except aiohttp.WSServerHandshakeError as error:
                    statuses.append(error.status)
            return "<html" in text.lower(), is_open, at.ip, statuses

    assert driven(use()) == (True, True, "127.0.0.1", [403] * 4)
    assert list(place.glob(f"{SHARED_PREFIX}*")) == []
