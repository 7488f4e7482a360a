from types import SimpleNamespace

import pytest
from training_cases import at_step

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.progress import Cancelled, CancelToken, job
from LiverTumorSegLib.training.callbacks.reporting import Reporting


def test_the_step_and_the_newest_loss_and_score_are_told():
    told, log = [], SimpleNamespace(latest={})
    reporting = Reporting(job(lambda *words: told.append(words), None), log)
    reporting.on_train_batch_end(at_step(1, of=4))
    log.latest = {"loss": 0.5, "learning_rate": 0.1, "score": 0.25}
    reporting.on_train_batch_end(at_step(2, of=4))
    assert told == [(0.25, "Step 1 of 4"), (0.5, "Step 2 of 4, loss 0.500, score 0.250")]


def test_a_training_can_be_cancelled():
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        Reporting(job(None, cancel), SimpleNamespace(latest={})).on_train_batch_end(at_step(1))
