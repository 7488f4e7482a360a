from typing import ClassVar

import pytest
from support.network_tester import NetworkTester

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError


class TestClickUNet(NetworkTester):
    name = "click_unet"
    channels = 7
    options: ClassVar[dict] = {"features": (4, 4, 8, 8)}
    small = (16, 24, 29)
    sizes: ClassVar[list] = [(32, 48, 48), (17, 40, 33)]


def test_it_weighs_less_than_10_mb():
    network = networks.create("click_unet", 7, 1)
    assert sum(each.numel() for each in network.parameters()) * 4 < 10e6


def test_every_weight_is_its_own():
    """MONAI's DynUNet has two names for each, which safetensors refuses."""
    state = networks.create("click_unet", 7, 1).state_dict()
    assert len({each.data_ptr() for each in state.values()}) == len(state)


def test_other_counts_of_levels_are_refused():
    with pytest.raises(UserError, match="channels of 4 levels"):
        networks.create("click_unet", 7, 1, features=[8, 16])
