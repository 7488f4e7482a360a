import asyncio
import os
import signal
import sys
import threading

import pytest

from LiverTumorSegLib.apps.http_server import END_SIGNALS, run_until_signal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent to this process")


@pytest.fixture(autouse=True)
def not_ignored():
    """In the background, or under nohup, tests are started with some signals ignored."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in END_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def later(number, seconds=0.1):
    timer = threading.Timer(seconds, os.kill, [os.getpid(), number])
    timer.start()
    return timer


@pytest.mark.parametrize("number", END_SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_the_work_which_tidies_up_and_then_it_is_as_before(number):
    done, before = [], signal.getsignal(number)

    async def work():
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.3)
            done.append("tidy")

    timers = later(number), later(number, 0.2)  # an impatient second one
    assert asyncio.run(run_until_signal(work())) == number
    for timer in timers:
        timer.join()
    assert done == ["tidy"]
    assert signal.getsignal(number) is before


def test_a_signal_that_was_ignored_still_is():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        timers = later(signal.SIGHUP), later(signal.SIGTERM, 0.3)
        assert asyncio.run(run_until_signal(asyncio.sleep(30))) == signal.SIGTERM
        for timer in timers:
            timer.join()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_work_that_fails_is_not_hidden():
    async def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_until_signal(fail()))
