import sys

import pytest
from stress.campaigns import worker_faults
from stress.campaigns.worker_faults import _KINDS, _one

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs POSIX signals")


def test_after_any_fault_of_a_worker_the_next_click_works(tmp_path):
    tally = worker_faults.run(len(_KINDS), 0, tmp_path)
    assert tally.failed == []
    assert tally.handled >= 3
    assert tally.refused >= 8


def test_a_worker_whose_rubbish_is_taken_for_an_answer_would_be_found(tmp_path, monkeypatch):
    from random import Random

    from LiverTumorSegLib.worker import client

    monkeypatch.setattr(client, "is_answer", lambda _: True)
    monkeypatch.setattr(worker_faults, "_LONGEST_S", 5.0)
    with pytest.raises((TypeError, KeyError, AttributeError)):
        for seed in range(20):
            failure = _one("rubbish", Random(seed), tmp_path, is_real=False)
            assert not failure, failure
