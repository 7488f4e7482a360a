import threading
import time
from itertools import count, islice
from typing import NamedTuple

import pytest
import torch

from LiverTumorSegLib.core.prefetch import PrefetchedBatches, pin_memory


class Pair(NamedTuple):
    one: torch.Tensor
    other: int


def test_batches_come_in_their_order_to_the_last():
    assert list(PrefetchedBatches(range(5))) == [0, 1, 2, 3, 4]
    assert list(islice(PrefetchedBatches(count()), 4)) == [0, 1, 2, 3]
    assert list(PrefetchedBatches([])) == []


def test_they_are_drawn_in_one_other_thread_a_few_ahead():
    threads, drawn = set(), []

    def draw():
        for number in range(100):
            threads.add(threading.current_thread())
            drawn.append(number)
            yield number

    seen = iter(PrefetchedBatches(draw()))
    assert [next(seen) for _ in range(3)] == [0, 1, 2]
    seen.close()
    assert threads.isdisjoint({threading.main_thread()})
    assert [thread.is_alive() for thread in threads] == [False]
    assert 3 <= len(drawn) <= 5


def test_what_goes_wrong_there_is_raised_here():
    def draw():
        yield 1
        msg = "no slice"
        raise ValueError(msg)

    seen = iter(PrefetchedBatches(draw()))
    assert next(seen) == 1
    with pytest.raises(ValueError, match="no slice"):
        next(seen)


class Numbered:
    """Batches of which every third takes long, and each says who drew it."""

    def __init__(self, first=0, fails_at=None):
        self.first, self.fails_at, self.threads, self.drawn = first, fails_at, set(), []

    def draw(self, number):
        time.sleep(0.02 if number % 3 == 0 else 0)
        self.threads.add(threading.current_thread())
        self.drawn.append(number)
        if number == self.fails_at:
            msg = "no slice"
            raise ValueError(msg)
        return number


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_numbered_batches_come_in_their_order_whoever_draws_them(threads):
    batches = Numbered(first=7)
    assert list(islice(PrefetchedBatches(batches, threads=threads), 20)) == list(range(7, 27))
    assert len(batches.threads) <= threads
    assert (threads > 1) == (batches.drawn != sorted(batches.drawn))
    assert max(batches.drawn) <= 27 + threads
    assert not any(thread.is_alive() for thread in batches.threads)


def test_several_threads_draw_at_the_same_time():
    met = threading.Barrier(3, timeout=10)

    class Meeting(Numbered):
        def draw(self, number):
            met.wait()
            return number

    seen = iter(PrefetchedBatches(Meeting(), threads=3))
    try:
        assert [next(seen) for _ in range(2)] == [0, 1]
    finally:
        met.abort()  # else those that are left wait for each other
        seen.close()


def test_what_goes_wrong_with_a_batch_is_raised_in_its_turn():
    seen = iter(PrefetchedBatches(Numbered(fails_at=4), threads=4))
    assert [next(seen) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="no slice"):
        next(seen)


def test_batches_without_numbers_have_one_thread_however_many_are_asked_for():
    assert list(PrefetchedBatches(range(50), threads=4)) == list(range(50))


def test_all_tensors_of_a_batch_are_pinned(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 10)
    there = torch.zeros(1, device="meta")
    batch = {"a": torch.zeros(1), "b": Pair(torch.ones(1), 3), "c": [torch.ones(1)], "d": 0.5, "e": there}
    made = pin_memory(batch)
    assert (float(made["a"]), float(made["b"].one), made["b"].other, float(made["c"][0])) == (10, 11, 3, 11)
    assert made["d"] == 0.5
    assert made["e"] is there
    assert float(next(iter(PrefetchedBatches([batch], pinned=True)))["a"]) == 10
