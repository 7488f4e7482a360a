import asyncio
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from LiverTumorSegLib.apps.web.session.server_link import ServerLink

HANG_SECONDS = 20
PROCESS = """
import subprocess, sys, time
from LiverTumorSegLib.apps.web.session.server_link import ServerLink
link = ServerLink.of_this_process()
started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
print("printed")
link.send({"started": started.pid})
time.sleep(600)  # as in a start that hangs
"""


@pytest.fixture
def ends():
    """A link, the files of its other side, and an event that it ends with."""
    (arriving, far_out), (far_in, leaving) = os.pipe(), os.pipe()
    ended = threading.Event()
    near = os.fdopen(arriving, "rb", buffering=0), os.fdopen(leaving, "wb", buffering=0)
    far = os.fdopen(far_out, "wb", buffering=0), os.fdopen(far_in, "rb")
    yield ServerLink(*near, ended.set), *far, ended
    far[0].close()
    assert ended.wait(HANG_SECONDS)
    for file in (*near, far[1]):
        file.close()


def heard(link, count):
    """Listen until so many messages have been taken; returns them, and the threads they were taken on."""

    async def listen():
        took, threads, all_there = [], set(), asyncio.Event()

        def take(message):
            took.append(message)
            threads.add(threading.get_ident())
            if len(took) == count:
                all_there.set()

        link.listen(take)
        await asyncio.wait_for(all_there.wait(), HANG_SECONDS)
        return took, threads

    return asyncio.run(listen())


def test_messages_that_came_before_anybody_listened_are_handed_over_first(ends):
    link, out, _, _ = ends
    out.write(b'{"n": 1}\n{"n": 2}\nno message\n')
    later = threading.Timer(0.3, out.write, [b'{"n": 3}\n'])
    later.start()
    took, threads = heard(link, 3)
    later.join()
    assert took == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert threads == {threading.get_ident()}


def test_a_message_that_comes_in_parts_is_whole(ends):
    link, out, _, _ = ends
    out.write(b'{"name": "a')
    time.sleep(0.05)
    out.write(b' b"}\n')
    assert heard(link, 1)[0] == [{"name": "a b"}]


def test_what_is_sent_arrives_at_once_as_a_line_of_json(ends):
    link, _, back, _ = ends
    link.send({"says": "Größe\n"})
    assert back.readline() == b'{"says": "Gr\\u00f6\\u00dfe\\n"}\n'


def test_sending_to_a_front_that_is_gone_does_nothing(ends):
    link, _, back, _ = ends
    back.close()
    link.send({"says": 1})


def test_the_end_of_the_front_is_told_though_nobody_listens(ends):
    _, out, _, ended = ends
    assert not ended.is_set()
    out.close()
    assert ended.wait(HANG_SECONDS)


@pytest.mark.skipif(sys.platform == "win32", reason="a process group is ended")
def test_a_process_ends_with_all_that_it_started_when_the_front_is_gone():
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    ) as process:
        line = process.stdout.readline()
        started = psutil.Process(int(line.split()[-1].rstrip(b"}")))
        assert line == f'{{"started": {started.pid}}}\n'.encode()  # and nothing that was printed
        process.stdin.close()
        assert process.wait(HANG_SECONDS) != 0
        assert process.stderr.read() == b"printed\n"
    psutil.wait_procs([started], timeout=HANG_SECONDS)
    assert not started.is_running() or started.status() == psutil.STATUS_ZOMBIE
