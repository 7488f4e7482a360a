from types import SimpleNamespace

import pytest
import torch
from support.training_cases import at_step

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.callbacks import BestWeights
from LiverTumorSegLib.training.scoring import Scores


def go_through(values, monitor="score", best=None):
    network = torch.nn.Linear(1, 1, bias=False)
    best = best or BestWeights(SimpleNamespace(network=network), monitor)
    for step, value in values:
        best._averaging.network.weight.data.fill_(float(step))
        best.validated(at_step(step), Scores(value, {"liver": value}))
    return best


def test_the_weights_of_the_first_best_validation_are_kept():
    best = go_through([(10, 0.3), (20, 0.8), (30, 0.8), (40, 0.5)])
    assert (best.step, best.value, best.weights["weight"].item()) == (20, 0.8, 20.0)


def test_of_the_loss_less_is_better():
    assert go_through([(10, 0.3), (20, 0.8), (30, 0.1)], "loss").step == 30


def test_without_a_number_there_are_weights_all_the_same():
    assert go_through([(10, float("nan")), (20, float("nan"))]).weights["weight"].item() == 10.0


@pytest.mark.parametrize("monitor", ["score", "loss"])
def test_a_first_validation_without_a_number_gives_way_to_one_with(monitor):
    best = go_through([(10, float("nan")), (20, 0.3), (30, float("nan"))], monitor)
    assert (best.step, best.weights["weight"].item()) == (20, 20.0)


def test_its_state_goes_on_elsewhere():
    again = go_through([])
    again.load_state_dict(go_through([(10, 0.3), (20, 0.8)]).state_dict())
    assert go_through([(30, 0.7)], best=again).step == 20
    assert go_through([(40, 0.9)], best=again).weights["weight"].item() == 40.0
