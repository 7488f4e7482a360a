from typing import ClassVar

import pytest
import torch
from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetUpBlock
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


def monais(seed, **options):
    """The same network whose levels are MONAI's, made with the same random numbers."""
    torch.manual_seed(seed)
    network = networks.create("click_unet", 7, 1, **options)
    torch.manual_seed(seed)
    norm, act = ("instance", {"affine": True}), ("leakyrelu", {"inplace": True, "negative_slope": 0.01})
    before = [7, *options["features"]]
    for level, own in enumerate(options["features"]):
        kernel, stride = ((3, 3, 3), 2) if level else ((1, 3, 3), 1)
        network.down[level] = UnetBasicBlock(3, before[level], own, kernel, stride, norm, act)
    for level in range(len(options["features"]) - 1):
        own, coarser = options["features"][level : level + 2]
        kernel = (3, 3, 3) if level else (1, 3, 3)
        network.up[level] = UnetUpBlock(3, coarser, own, kernel, 1, 2, norm, act)
    return network


def test_names_first_weights_logits_and_gradients_are_those_of_monais_blocks():
    options = {"features": (4, 4, 8, 8)}
    torch.manual_seed(3)
    ours, theirs = networks.create("click_unet", 7, 1, **options), monais(3, **options)
    theirs.head = ours.head
    states = ours.state_dict(), theirs.state_dict()
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    patches = torch.rand(2, 7, 17, 24, 29)
    logits = ours(patches), theirs(patches)
    assert torch.equal(*logits)
    grads = [
        torch.autograd.grad(each.square().mean(), list(network.parameters()), retain_graph=True)
        for each, network in zip(logits, (ours, theirs), strict=True)
    ]
    assert all(torch.equal(*pair) for pair in zip(*grads, strict=True))


def test_other_counts_of_levels_are_refused():
    with pytest.raises(UserError, match="channels of 4 levels"):
        networks.create("click_unet", 7, 1, features=[8, 16])
