import os
import signal
from types import SimpleNamespace

import pytest
from support.training_cases import at_step

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, job
from LiverTumorSegLib.training.callbacks import ProgressReporter


def test_the_step_and_the_newest_loss_and_score_are_told():
    told, log = [], SimpleNamespace(latest={})
    reporting = ProgressReporter(job(lambda *words: told.append(words), None), log)
    reporting.on_train_batch_end(at_step(1, of=4))
    log.latest = {"loss": 0.5, "learning_rate": 0.1, "score": 0.25}
    reporting.on_train_batch_end(at_step(2, of=4))
    assert told == [(0.25, "Step 1 of 4"), (0.5, "Step 2 of 4, loss 0.500, score 0.250")]


def test_a_training_can_be_cancelled():
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        ProgressReporter(job(None, cancel), SimpleNamespace(latest={})).on_train_batch_end(at_step(1))


def test_what_one_process_is_asked_all_of_them_do():
    there = SimpleNamespace(several=True, any=lambda here: True)
    with pytest.raises(Cancelled):
        ProgressReporter(job(None, None), SimpleNamespace(latest={}), there).on_train_batch_end(at_step(1))


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_several_processes_that_are_asked_to_end_do_so_at_the_end_of_a_step():
    cancel, before = CancelToken(), signal.getsignal(signal.SIGTERM)
    try:
        alone = ProgressReporter(job(None, cancel), SimpleNamespace(latest={}))
        alone.on_train_start()
        assert signal.getsignal(signal.SIGTERM) == before
        ProgressReporter(job(None, cancel), SimpleNamespace(latest={}), SimpleNamespace(several=True)).on_train_start()
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(Cancelled):
        cancel.check()
