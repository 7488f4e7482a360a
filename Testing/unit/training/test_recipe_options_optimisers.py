import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from LiverTumorSegLib.training.recipe_options import NamedOptimiser, one_cycle

READ = TypeAdapter(NamedOptimiser).validate_python
NAMES = ["sgd", "adagrad", "adam", "adamw"]


def stepped(optimiser, weights, gradients):
    for gradient in gradients:
        weights.grad = torch.tensor(gradient)
        optimiser.step()
    return weights.tolist()


def test_sgd_adds_momentum():
    weights = nn.Parameter(torch.tensor([1.0]))
    made = READ({"name": "sgd", "momentum": 0.9})([weights], 0.1)
    assert stepped(made, weights, [[1.0], [2.0]]) == pytest.approx([1 - 0.1 * 1 - 0.1 * (0.9 * 1 + 2)])


def test_adagrad_divides_by_the_root_of_all_squares():
    weights = nn.Parameter(torch.tensor([1.0]))
    made = READ("adagrad")([weights], 0.1)
    assert stepped(made, weights, [[3.0], [4.0]]) == pytest.approx([1 - 0.1 * 3 / 3 - 0.1 * 4 / 5])


@pytest.mark.parametrize(("name", "left"), [("adam", 1 - 0.1), ("adamw", 1 * (1 - 0.1 * 0.01) - 0.1)])
def test_the_first_step_of_adam_is_the_learning_rate_and_adamw_shrinks_the_weight_before(name, left):
    weights = nn.Parameter(torch.tensor([1.0]))
    assert stepped(READ(name)([weights], 0.1), weights, [[5.0]]) == pytest.approx([left])


@pytest.mark.parametrize(("name", "usual"), zip(NAMES, [0, 0, 0, 0.01], strict=True))
def test_the_usual_weight_decay_can_be_replaced(name, usual):
    weights = [nn.Parameter(torch.zeros(1))]
    assert READ(name)(weights, 0.1).defaults["weight_decay"] == usual
    assert READ(name)(weights, 0.1, 0.5).defaults["weight_decay"] == 0.5
    assert READ(name)(weights, 0.1, 0.0).defaults["weight_decay"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_one_cycle_rises_over_a_twentieth_and_falls_to_almost_nothing(name):
    made = READ(name)([nn.Parameter(torch.zeros(1))], 0.1)
    schedule, rates = one_cycle(made, 100), []
    for _ in range(100):
        rates.append(made.param_groups[0]["lr"])
        made.step()
        schedule.step()
    assert max(rates) == pytest.approx(0.1)
    assert rates.index(max(rates)) == 4
    assert rates[0] == pytest.approx(0.1 / 25)
    assert rates[-1] < 1e-5


def cycled(made, steps):
    schedule, groups = one_cycle(made, steps), []
    for _ in range(steps):
        groups.append(dict(made.param_groups[0]))
        made.step()
        schedule.step()
    return groups


@pytest.mark.parametrize("momentum", [0, 0.5, 0.9])
def test_one_cycle_leaves_the_momentum_of_sgd_to_the_recipe(momentum):
    made = READ({"name": "sgd", "momentum": momentum})([nn.Parameter(torch.zeros(1))], 0.1)
    assert {group["momentum"] for group in cycled(made, 60)} == {momentum}


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_one_cycle_takes_adams_momentum_from_0_95_to_0_85_and_back(name):
    made = READ(name)([nn.Parameter(torch.zeros(1))], 0.1)
    first = [group["betas"][0] for group in cycled(made, 100)]
    assert (first[0], first[4], first[-1]) == pytest.approx((0.95, 0.85, 0.95))


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 19, 20, 21, 39, 40, 41])
@pytest.mark.parametrize("name", NAMES)
def test_one_cycle_takes_any_number_of_steps(name, steps):
    rates = [group["lr"] for group in cycled(READ(name)([nn.Parameter(torch.zeros(1))], 0.1), steps)]
    assert rates[0] == pytest.approx(0.1 / 25)
    assert max(rates) == pytest.approx(0.1, rel=0.01) or steps == 1
    assert rates[-1] < 1e-5 or steps < 3


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("lamb", "'lamb' found using 'name' does not match .* 'adagrad'"),
        ({"name": "adamw", "momentum": 0.9}, "Extra inputs"),
        ({"name": "sgd", "momentum": 1}, "less than 1"),
        ({"momentum": 0.5}, "name"),
    ],
)
def test_a_wrong_name_or_option_is_said(entry, words):
    with pytest.raises(ValidationError, match=words):
        READ(entry)


@pytest.mark.parametrize("name", NAMES)
def test_an_optimiser_survives_being_written_down(name):
    assert READ(READ(name).model_dump(mode="json")) == READ(name)
