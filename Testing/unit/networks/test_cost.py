import pytest
import torch
from support.network_tester import OF_VOLUMES
from torch import nn
from torch.profiler import ProfilerActivity, profile

from LiverTumorSegLib import networks
from LiverTumorSegLib.networks.cost import cost, inference_bytes


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


@pytest.mark.parametrize("name", sorted(set(networks.names()) - set(OF_VOLUMES)))
def test_what_a_slice_takes_is_counted_for_every_network_without_changing_it(name):
    with torch.device("meta"), torch.no_grad():
        network = networks.create(name, 5 if name == "dalu_net" else 1, 3)
    before = next(network.parameters()).dtype
    half, whole = (inference_bytes(network, (192, 192), dtype) for dtype in (torch.bfloat16, torch.float32))
    assert half == pytest.approx(whole / 2, rel=0.25)  # places of maxima are int64 in both
    assert next(network.parameters()).dtype == before
    assert network.training


@pytest.mark.parametrize(
    ("name", "options", "gibibytes"),
    [
        ("dalu_net", {"slices": 5, "features": [64, 128, 256, 512, 1024]}, 22.5),
        ("unet", {"features": [16, 32, 64, 128, 256, 16]}, 1.9),
    ],
)
def test_32_slices_of_512_pixels_take_gibibytes_of_a_large_network(name, options, gibibytes):
    with torch.device("meta"), torch.no_grad():
        network = networks.create(name, 5 if name == "dalu_net" else 3, 3, **options)
    each = inference_bytes(network, (512, 512), torch.bfloat16)
    assert 32 * each / 2**30 == pytest.approx(gibibytes, rel=0.05)


def test_what_a_slice_takes_is_counted_once_for_each_size_and_type():
    class Counted(TwoConvolutions):
        passes = 0

        def logits(self, slices):
            Counted.passes += 1
            return super().logits(slices)

    network = Counted()
    asked = [((16, 16), torch.float32), ((16, 32), torch.float32), ((16, 16), torch.float16)]
    first = [inference_bytes(network, *one) for one in asked]
    passes = Counted.passes
    assert passes >= 3
    assert [inference_bytes(network, *one) for one in asked] == first
    assert Counted.passes == passes
    inference_bytes(Counted(), (16, 16), torch.float32)
    assert Counted.passes > passes
