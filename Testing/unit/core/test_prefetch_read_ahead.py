import gc
import threading
import weakref
from contextlib import closing

import pytest

from LiverTumorSegLib.core.prefetch import prefetch
from LiverTumorSegLib.core.progress import Cancelled, CancelToken


class Content:
    def __init__(self, item):
        self.item = item


def test_all_items_come_in_order_each_with_what_was_read():
    taken = [(item, take().item) for item, take in prefetch("abcd", Content, CancelToken())]
    assert taken == [(item, item) for item in "abcd"]
    assert list(prefetch("", Content, CancelToken())) == []


def test_the_next_is_read_while_one_is_worked_on_and_no_further_one():
    read = []
    arrived = threading.Semaphore(0)

    def slow(item):
        read.append(item)
        arrived.release()
        return item

    with closing(prefetch("abcd", slow, CancelToken())) as readings:
        for number, (_, take) in enumerate(readings, 1):
            take()
            for _ in range({1: 2, 4: 0}.get(number, 1)):
                assert arrived.acquire(timeout=5)
            assert read == list("abcd"[: number + 1])


def test_no_more_than_two_are_kept():
    alive = weakref.WeakSet()
    most = []

    def read(item):
        content = Content(item)
        alive.add(content)
        gc.collect()
        most.append(len(alive))
        return content

    takes = []
    for _, take in prefetch(range(8), read, CancelToken()):
        takes.append(take)  # who still holds it holds nothing that was read
        take()
    assert max(most) <= 2


def test_what_reading_raises_is_raised_where_it_is_taken():
    def read(item):
        if item == "b":
            raise ValueError(item)
        return item

    with closing(prefetch("abc", read, CancelToken())) as readings:
        assert next(readings)[1]() == "a"
        with pytest.raises(ValueError, match="b"):
            next(readings)[1]()
        assert next(readings)[1]() == "c"


def test_the_wait_for_a_reading_can_be_ended():
    cancel, go_on = CancelToken(), threading.Event()
    with closing(prefetch("a", lambda _: go_on.wait(10), cancel)) as readings:
        _, take = next(readings)
        cancel.cancel()
        with pytest.raises(Cancelled):
            take()
        go_on.set()
