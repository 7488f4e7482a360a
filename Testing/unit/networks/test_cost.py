import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from LiverTumorSegLib import networks
from LiverTumorSegLib.networks.cost import cost


class TwoConvolutions(networks.SliceNetwork):
    def __init__(self):
        super().__init__(2, 1)
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 1, 1)

    def logits(self, slices):
        return self.second(self.first(slices))


def test_parameters_and_operations_are_those_counted_by_hand():
    found = cost(TwoConvolutions(), (10, 20))
    assert found.parameters == (2 * 9 * 4 + 4) + (4 + 1)
    assert found.gflop == pytest.approx(2 * 200 * (2 * 9 * 4 + 4) / 1e9)


def test_training_memory_is_that_of_the_tensors_alive_at_once():
    pixels = 200 * 4  # bytes of a float32 channel of 10 x 20
    least = 4 * pixels + pixels  # the first convolution's result is kept for the backward pass, the logits too
    assert least <= cost(TwoConvolutions(), (10, 20)).training_bytes <= least + 8 * pixels


def test_training_memory_is_what_a_real_run_allocates():
    found = cost(networks.create("unet", 1, 3), (256, 256)).training_bytes
    network = networks.create("unet", 1, 3)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    slices = torch.rand(1, 1, 256, 256)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        network(slices).sum().backward()
    now = most = 0
    for event in profiled.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    assert found == pytest.approx(most, rel=0.1)


def test_one_more_slice_takes_as_much_again():
    one, four = (cost(networks.create("unet", 1, 3), size).training_bytes for size in ((128, 128), (256, 256)))
    assert four == pytest.approx(4 * one, rel=0.02)
