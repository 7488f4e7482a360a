import pytest
import torch

from LiverTumorSegLib.training.recipe_options import Plateau


def test_a_plateau_lowers_the_rate_at_the_last_of_so_many_validations_that_are_not_better():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = Plateau(factor=0.1, patience=2).scheduler(optimiser)
    rates = []
    for value in (0.5, 0.5, 0.50001, 0.4, 0.3, 0.2, 0.1):
        scheduler.step(value)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01])
