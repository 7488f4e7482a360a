import pytest
from training_cases import at_step

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.callback_options import EarlyStopping
from LiverTumorSegLib.training.callbacks.stopping import Stopping
from LiverTumorSegLib.training.scores import Scores


def stops(stopping, values):
    found = []
    for value in values:
        trainer = at_step(1)
        stopping.validated(trainer, Scores(0.0, {"liver": value}))
        found.append(trainer.should_stop)
    return found


def test_it_stops_at_the_last_of_so_many_validations_that_are_not_better():
    stopping = Stopping(EarlyStopping(patience=2))
    assert stops(stopping, (0.5, 0.4, 0.6, 0.6, 0.5)) == [False, False, False, False, True]


def test_its_state_goes_on_elsewhere():
    before, after = (Stopping(EarlyStopping(patience=2)) for _ in range(2))
    assert stops(before, (0.5, 0.4)) == [False, False]
    after.load_state_dict(before.state_dict())
    assert stops(after, (0.45,)) == [True]
