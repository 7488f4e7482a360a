import threading
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


def test_all_tensors_of_a_batch_are_pinned(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 10)
    there = torch.zeros(1, device="meta")
    batch = {"a": torch.zeros(1), "b": Pair(torch.ones(1), 3), "c": [torch.ones(1)], "d": 0.5, "e": there}
    made = pin_memory(batch)
    assert (float(made["a"]), float(made["b"].one), made["b"].other, float(made["c"][0])) == (10, 11, 3, 11)
    assert made["d"] == 0.5
    assert made["e"] is there
    assert float(next(iter(PrefetchedBatches([batch], pinned=True)))["a"]) == 10
