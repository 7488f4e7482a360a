import math

import pytest
import torch

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training.network import check_finite_weights


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused_with_what_to_try(wrong):
    network = torch.nn.BatchNorm2d(3)
    check_finite_weights(network, 0.5)
    network.running_mean[1] = wrong
    with pytest.raises(UserError, match=r"diverged .* try a smaller schedule\.learning_rate than 0\.5\."):
        check_finite_weights(network, 0.5)
