import asyncio
import os
import signal

import aiohttp
import psutil
import pytest
from support.web_front_cases import PAGE, driven, is_alive, until

from LiverTumorSegLib.apps.web.server.session_process import HEADER, KEY_VARIABLE, SessionProcess
from LiverTumorSegLib.core.errors import UserError


async def order(child, words):
    """Give an order to a stand-in; returns its answer."""
    headers = {HEADER: child.key}
    async with aiohttp.ClientSession(headers=headers) as client:
        async with client.ws_connect(f"http://127.0.0.1:{child.port}/ws") as socket:
            await socket.send_str(words)
            return (await socket.receive()).data


async def facts(child, key):
    async with aiohttp.ClientSession(headers={HEADER: key}) as client:
        async with client.get(f"http://127.0.0.1:{child.port}/") as answer:
            return answer.status, await answer.json(content_type=None) if answer.status == 200 else None


def with_child(folder, use, *words):
    """Run ``use(child, pid)`` with a process that is ended afterwards."""

    async def run():
        child = await SessionProcess.start((*PAGE, *words), folder)
        try:
            _, said = await facts(child, child.key)
            return await use(child, said["pid"])
        finally:
            await child.end()

    return driven(run())


def test_a_process_answers_who_has_its_key(tmp_path):
    async def use(child, pid):
        return pid != os.getpid(), (await facts(child, "another"))[0], (await facts(child, child.key))[0]

    assert with_child(tmp_path, use) == (True, 403, 200)


def test_messages_go_both_ways_and_none_is_lost_behind_the_first(tmp_path):
    async def both(child, _):
        child.send({"one": 1})
        child.send({"two": [2]})
        while len(heard := (await facts(child, child.key))[1]["heard"]) < 2:
            pass
        return await anext(child.messages), heard

    assert with_child(tmp_path, both, "--says", '{"first": 1}') == ({"first": 1}, [{"one": 1}, {"two": [2]}])


def test_temporary_files_lie_in_the_folder_of_the_session(tmp_path):
    async def use(child, _):
        return (await facts(child, child.key))[1]["temporary"]

    assert with_child(tmp_path, use) == str(tmp_path)


def test_the_key_is_on_no_command_line_and_not_known_to_what_is_started(tmp_path):
    async def use(child, pid):
        started = psutil.Process(int(await order(child, "child")))
        words = [*psutil.Process(pid).cmdline(), *started.cmdline()]
        return child.key in " ".join(words), KEY_VARIABLE in started.environ(), child.key in started.environ().values()

    assert with_child(tmp_path, use) == (False, False, False)


def test_what_is_printed_without_end_is_kept_neither_in_files_nor_in_memory(tmp_path):
    async def use(child, _):
        await order(child, "print 5000000")
        await until(lambda: child.last_words == "the end")
        return len(child._printed), list(tmp_path.iterdir())

    kept, files = with_child(tmp_path, use)
    assert kept < 10_000
    assert files == []


def test_the_end_takes_what_the_process_started(tmp_path):
    async def use(child, pid):
        started = int(await order(child, "child"))
        await child.end()
        await until(lambda: not is_alive(started))
        return is_alive(pid), child.alive

    assert with_child(tmp_path, use) == (False, False)


def test_the_end_takes_what_a_killed_process_left(tmp_path):
    async def use(child, pid):
        started = int(await order(child, "child"))
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not child.alive)
        was_left = is_alive(started)
        await child.end()
        await until(lambda: not is_alive(started))
        return was_left

    assert with_child(tmp_path, use) is True


def test_the_messages_of_a_killed_process_end_and_sending_to_it_does_nothing(tmp_path):
    async def use(child, pid):
        os.kill(pid, signal.SIGKILL)
        said = [message async for message in child.messages]
        for _ in range(20):
            child.send({"fill": "x" * 100_000})
        return said

    assert with_child(tmp_path, use) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--fails", "."), "There is no such library."), (("--hangs",), "it said nothing"), (("--odd",), "--odd")],
)
def test_a_process_that_is_never_ready_is_told_and_ended(tmp_path, words, says):
    pids = tmp_path / "pids"
    pids.mkdir()
    with pytest.raises(UserError, match=says):
        driven(SessionProcess.start((*PAGE, "--pids", str(pids), *words), tmp_path, start_seconds=3))
    assert not any(is_alive(int(path.name)) for path in pids.iterdir())


def test_a_program_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="could not be started"):
        driven(SessionProcess.start([str(tmp_path / "none")], tmp_path))


def test_a_start_that_is_given_up_leaves_no_process(tmp_path):
    async def give_up():
        start = asyncio.create_task(SessionProcess.start((*PAGE, "--pids", str(tmp_path), "--hangs"), tmp_path))
        await until(lambda: list(tmp_path.iterdir()))
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        return int(next(tmp_path.iterdir()).name)

    assert not is_alive(driven(give_up()))
