from typing import ClassVar

import pytest
import torch
from support.mirror_images import logits_are_mirrored_with
from support.network_tester import NetworkTester
from torch import nn

from LiverTumorSegLib import networks

DEPTHS = {"resnet18": 18, "resnet34": 34, "resnet50": 50, "resnet101": 101}


class TestResNet18(NetworkTester):
    name = "resnet18"
    options: ClassVar = {"width": 8}


class TestResNet18WithSkips(NetworkTester):
    name = "resnet18"
    options: ClassVar = {"width": 8, "skips": True}


class TestResNet34(NetworkTester):
    name = "resnet34"
    options: ClassVar = {"width": 4}


class TestResNet50(NetworkTester):
    name = "resnet50"
    options: ClassVar = {"width": 4}


class TestResNet101(NetworkTester):
    name = "resnet101"
    options: ClassVar = {"width": 4}


@pytest.mark.parametrize("name", DEPTHS)
def test_the_decoder_has_as_many_convolutions_as_the_encoder(name):
    with torch.device("meta"):
        network = networks.create(name, 1, 3)
    convolutions = [key for key, part in network.named_modules() if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d))]
    encoder = [key for key in convolutions if key.startswith("encoder") and "downsample" not in key]
    decoder = [key for key in convolutions if not key.startswith("encoder")]
    assert len(encoder) == len(decoder) == DEPTHS[name] - 1  # the last layer that gives a ResNet its number is fc


@pytest.mark.parametrize("options", [{}, {"skips": True}], ids=["plain", "skips"])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_logits_lie_where_their_features_look(name, options):
    """With 32 n + 1 pixels all levels are centred: a shift anywhere would make the mirrored slice's logits differ."""
    torch.manual_seed(0)
    network = networks.create(name, 1, 2, width=4, **options)
    assert logits_are_mirrored_with(network, torch.randn(1, 1, 65, 97))


@pytest.mark.parametrize("size", [(64, 65), (63, 97)])
def test_each_decoder_stage_has_the_size_of_the_encoder_stage_before(size):
    network = networks.create("resnet18", 1, 2, width=4)
    sizes = {}
    for number, stage in enumerate(network.decoder):
        stage.register_forward_hook(lambda _, __, output, key=number: sizes.update({key: output.shape}))
    slices = torch.rand(2, 1, *size)
    network(slices)
    assert list(sizes.values()) == [level.shape for level in network.encoder(slices)[-2::-1]]


def test_skips_are_off_unless_asked_for_and_cost_no_parameters():
    torch.manual_seed(0)
    plain = networks.create("resnet18", 1, 2, width=4).eval()
    skipping = networks.create("resnet18", 1, 2, width=4, skips=True).eval()
    skipping.load_state_dict(plain.state_dict())
    slices = torch.rand(1, 1, 64, 64)
    assert not torch.allclose(plain(slices), skipping(slices))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_batch_of_one_of_the_smallest_slices_can_be_trained(name):
    network = networks.create(name, 1, 2, width=4).train()
    network(torch.rand(1, 1, network.smallest, network.smallest)).mean().backward()
