import sys

import pytest

from robustness.stress.campaigns import worker_faults
from robustness.stress.campaigns.worker_faults import _KINDS, _one

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs POSIX signals")


def test_after_any_fault_of_a_worker_the_next_click_works(tmp_path):
    tally = worker_faults.run(len(_KINDS), 0, tmp_path)
    assert tally.failed == []
    assert tally.handled >= 3
    assert tally.refused >= 8


def test_a_worker_whose_rubbish_is_taken_for_an_answer_would_be_found(tmp_path, monkeypatch):
    from random import Random

    from LiverTumorSegLib.apps.worker import client

    monkeypatch.setattr(client, "is_answer", lambda _: True)
    monkeypatch.setattr(worker_faults, "_LONGEST_S", 5.0)

    def is_found(seed):
        try:
            return bool(_one("rubbish", Random(seed), tmp_path, is_real=False))
        except (TypeError, KeyError, AttributeError):
            return True

    assert any(map(is_found, range(20)))
