import pytest

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
import lightning.pytorch as lightning
from lightning.pytorch.trainer.states import TrainerFn

from LiverTumorSegLib.training.callbacks import Stopping
from LiverTumorSegLib.training.recipe_options import EarlyStopping
from LiverTumorSegLib.training.scoring import Scores


def stops(stopping, values, of="liver"):
    trainer = lightning.Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    trainer.state.fn = TrainerFn.FITTING
    stopping.setup(trainer, None, "fit")
    found = []
    for value in values:
        trainer.should_stop = False
        stopping.validated(trainer, Scores(value, {}) if of == "loss" else Scores(0.0, {"liver": value}))
        found.append(trainer.should_stop)
    return found


def test_it_stops_at_the_last_of_so_many_validations_that_are_not_better():
    stopping = Stopping(EarlyStopping(patience=2))
    assert stops(stopping, (0.5, 0.4, 0.6, 0.6, 0.5)) == [False, False, False, False, True]


def test_a_smaller_loss_is_better_and_one_that_is_no_number_is_not():
    stopping = Stopping(EarlyStopping(patience=2, monitor="loss"))
    assert stops(stopping, (0.5, 0.6, 0.4, float("nan"), 0.4), of="loss") == [False, False, False, False, True]


def test_its_state_goes_on_elsewhere():
    before, after = (Stopping(EarlyStopping(patience=2)) for _ in range(2))
    assert stops(before, (0.5, 0.4)) == [False, False]
    after.load_state_dict(before.state_dict())
    assert stops(after, (0.45,)) == [True]


def test_the_state_of_an_older_checkpoint_goes_on():
    stopping = Stopping(EarlyStopping(patience=2))
    assert stopping.state_key == "Stopping"
    stopping.load_state_dict({"best": 0.5, "waited": 1})
    assert stops(stopping, (0.45,)) == [True]
    stopping.load_state_dict({"best": 0.5, "waited": 1})
    assert stops(stopping, (0.55, 0.5)) == [False, False]
