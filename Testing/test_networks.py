import pytest
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.errors import UserError


@pytest.mark.parametrize("size", [(64, 64), (50, 50), (51, 51), (48, 80)])
def test_unet_keeps_the_size(size):
    network = networks.create("unet", 3, 3, features=[4, 4, 8, 8, 8, 4]).eval()
    assert network(torch.zeros(1, 3, *size)).shape == (1, 3, *size)


def test_gradient_reaches_every_parameter_of_the_unet():
    network = networks.create("unet", 1, 3, features=[4, 4, 4, 4, 4, 4])
    network(torch.rand(2, 1, 64, 64)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(UserError, match="no network called “unit”: choose one of unet"):
        networks.create("unit", 1, 3)


@pytest.mark.parametrize(("channels", "classes"), [(0, 3), (1, 0)])
def test_counts_below_one_are_refused(channels, classes):
    with pytest.raises(UserError, match="at least one"):
        networks.create("unet", channels, classes)


def test_an_option_the_network_does_not_take_is_named():
    with pytest.raises(UserError, match="depth"):
        networks.create("unet", 1, 3, depth=5)
