import pytest
import torch
from support.training_cases import at_step

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.callbacks import LowerOnPlateau
from LiverTumorSegLib.training.recipe_options import Plateau
from LiverTumorSegLib.training.scoring import Scores


def started(rate=1.0):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    return LowerOnPlateau(Plateau(factor=0.1, patience=2)), at_step(1, optimizers=[optimiser])


def go_through(callback, trainer, values):
    for value in values:
        callback.validated(trainer, Scores(0.0, {"liver": value}))
    return trainer.optimizers[0].param_groups[0]["lr"]


def test_the_learning_rate_is_lowered_where_validations_stay_as_they_are():
    callback, trainer = started()
    callback.on_train_start(trainer, None)
    assert go_through(callback, trainer, [0.5, 0.5]) == 1.0
    assert go_through(callback, trainer, [0.4]) == pytest.approx(0.1)


def test_its_state_goes_on_elsewhere():
    before, trainer = started()
    before.on_train_start(trainer, None)
    go_through(before, trainer, [0.5, 0.5])
    after, trainer = started()
    after.load_state_dict(before.state_dict())
    after.on_train_start(trainer, None)
    assert go_through(after, trainer, [0.5]) == pytest.approx(0.1)
