from typing import ClassVar

import pytest
import torch
from support.network_tester import NetworkTester
from torch import nn
from torch.nn import functional as F

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks.segnet import unpool as unpooled


class TestSegNet(NetworkTester):
    name = "segnet"
    options: ClassVar = {"features": (8, 8, 16, 16, 16)}


def full_width(classes=3):
    with torch.device("meta"):
        return networks.create("segnet", 3, classes)


def test_it_has_13_and_13_convolutions_and_normalises_all_but_the_last():
    network = full_width()
    for half in (network.encoder, network.decoder):
        convolutions = [part for part in half.modules() if isinstance(part, nn.Conv2d)]
        assert len(convolutions) == 13
        assert all(part.kernel_size == (3, 3) for part in convolutions)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in network.modules()) == 25
    assert isinstance(list(network.decoder.modules())[-1], nn.Conv2d)


def test_the_encoder_has_as_many_parameters_as_vgg16s():
    parameters = list(full_width().encoder.parameters())
    assert sum(p.numel() for p in parameters) == 14_723_136
    assert sum(p.numel() for p in parameters if p.ndim == 4) == 14_714_688 - 4_224  # but for the biases


def test_the_convolutions_are_where_torchvisions_keys_have_them():
    places = [number for number, layer in enumerate(full_width().encoder) if isinstance(layer, nn.Conv2d)]
    assert places == [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]


def test_the_last_convolution_of_each_decoder_stage_narrows_the_channels():
    widths = [
        [part.out_channels for part in stage.modules() if isinstance(part, nn.Conv2d)]
        for stage in full_width(2).decoder
    ]
    assert widths == [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64, 2]]


@pytest.mark.parametrize("size", [(32, 32), (33, 35), (2, 3), (511, 16)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_unpooling_is_that_of_pytorch_bit_for_bit(size, dtype):
    torch.manual_seed(0)
    pooled, places = F.max_pool2d(torch.randn(2, 3, *size).to(dtype), 2, return_indices=True)
    assert torch.equal(unpooled(pooled, places, size), F.max_unpool2d(pooled, places, 2, output_size=size))


def test_unpooling_is_the_same_for_both_memory_layouts():
    torch.manual_seed(0)
    slices = torch.randn(2, 3, 9, 7)
    usual, other = (
        unpooled(*F.max_pool2d(slices.contiguous(memory_format=layout), 2, return_indices=True), (9, 7))
        for layout in (torch.contiguous_format, torch.channels_last)
    )
    assert torch.equal(usual, other)


def test_the_gradient_of_unpooling_is_taken_where_the_maxima_were():
    torch.manual_seed(0)
    slices = torch.randn(1, 2, 5, 6)
    wanted = torch.randn(1, 2, 5, 6)
    gradients = []
    for unpool in (unpooled, lambda features, places, size: F.max_unpool2d(features, places, 2, output_size=size)):
        pooled, places = F.max_pool2d(slices, 2, return_indices=True)
        (unpool(pooled.requires_grad_(), places, (5, 6)) * wanted).sum().backward()
        gradients.append(pooled.grad)
    assert torch.equal(*gradients)


def test_a_decoder_stage_gets_the_maxima_of_the_encoder_stage_of_its_size():
    """Without convolutions in between, all that is left are the slice's maxima of 32 x 32 blocks, where they were."""
    network = networks.create("segnet", 1, 1, features=(1, 1, 1, 1, 1)).eval()
    network.encoder = nn.Sequential(*(layer for layer in network.encoder if isinstance(layer, nn.MaxPool2d)))
    network.decoder = nn.ModuleList(nn.Identity() for _ in range(5))
    torch.manual_seed(0)
    slices = torch.rand(1, 1, 70, 99)
    maxima, places = F.max_pool2d(slices, 32, return_indices=True)
    wanted = torch.zeros(70 * 99)
    wanted[places.flatten()] = maxima.flatten()
    assert torch.equal(network(slices).flatten(), wanted)


def test_features_for_another_number_of_stages_are_refused():
    with pytest.raises(UserError, match="“segnet” cannot be built"):
        networks.create("segnet", 1, 2, features=(8, 8))


def test_a_batch_of_one_of_the_smallest_slices_can_be_trained():
    network = networks.create("segnet", 1, 2, features=(4, 4, 4, 4, 4)).train()
    network(torch.rand(1, 1, network.smallest, network.smallest)).mean().backward()
