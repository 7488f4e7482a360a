from types import SimpleNamespace

import pytest
from support.training_cases import at_step

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.callbacks import Validation


class Told(list):
    def validated(self, trainer, scores):
        self.append((trainer.global_step, scores))


class FixedScorer:
    def engine(self, network, device):
        return network, device

    def __call__(self, engine):
        return engine


@pytest.mark.parametrize(("every", "of", "wanted"), [(3, 10, [3, 6, 9, 10]), (5, 10, [5, 10]), (400, 7, [7])])
def test_averaged_weights_are_measured_every_so_many_steps_and_at_the_last(every, of, wanted):
    first, second = Told(), Told()
    validation = Validation(FixedScorer(), SimpleNamespace(network="averaged"), every, [first, second])
    for step in range(1, of + 1):
        validation.on_train_batch_end(at_step(step, of), SimpleNamespace(device="cpu"), None, None, 0)
    assert first == second == [(step, ("averaged", "cpu")) for step in wanted]
