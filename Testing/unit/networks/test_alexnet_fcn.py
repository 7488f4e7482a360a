from typing import ClassVar

import pytest
import torch
from support.mirror_images import logits_are_mirrored_with
from support.network_tester import NetworkTester
from torch.nn import functional as F

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks import create
from LiverTumorSegLib.networks.alexnet_fcn import Upsampling
from LiverTumorSegLib.preprocessing import smoothed


class TestAlexNetFCN(NetworkTester):
    name = "alexnet_fcn"
    options: ClassVar = {"fc_channels": 16}


class TestAlexNetFCNWithoutSkips(NetworkTester):
    name = "alexnet_fcn"
    options: ClassVar = {"fc_channels": 16, "skips": False}


def count(part):
    return sum(p.numel() for p in part.parameters())


def test_parts_have_as_many_parameters_as_alexnets():
    with torch.device("meta"):
        network = networks.create("alexnet_fcn", 3, 3)
    assert (count(network.encoder), count(network.fc6), count(network.fc7)) == (2_469_696, 37_752_832, 16_781_312)


def test_fc6_gives_alexnets_own_features_in_the_middle_of_a_224_pixel_image():
    """There a fully connected layer sees the 6 x 6 features that the convolution sees at place 3, 3."""
    torch.manual_seed(0)
    network = networks.create("alexnet_fcn", 3, 3, fc_channels=16).eval()
    with torch.inference_mode():
        features = network.encoder(torch.randn(1, 3, 224, 224))
        assert features.shape == (1, 256, 6, 6)
        wanted = F.linear(features.flatten(1), network.fc6.weight.flatten(1), network.fc6.bias)
        assert torch.allclose(network.fc6(features)[:, :, 3, 3], wanted, atol=1e-5)


@pytest.mark.parametrize(("last", "spacing", "first"), [(0, 4, 3), (2, 8, 7), (5, 16, 15), (12, 32, 31)])
def test_features_look_where_the_docstring_says(last, spacing, first):
    """Found by gradients alone: the pixels on which a feature depends begin and end as far from that place."""
    layers = networks.create("alexnet_fcn", 1, 2, fc_channels=1).encoder[: last + 1]
    slices = torch.ones(1, 1, 301, 301, dtype=torch.double, requires_grad=True)
    features = slices
    for layer in layers:  # averages in place of maxima, so that all pixels count
        if hasattr(layer, "weight"):
            ones = torch.ones_like(layer.weight[:1, :1], dtype=torch.double)
            features = F.conv2d(features, ones, stride=layer.stride, padding=layer.padding)
        elif hasattr(layer, "kernel_size"):
            features = F.avg_pool2d(features, layer.kernel_size, layer.stride)
    place = 4 if spacing < 32 else 3
    features[0, 0, place, place].backward()
    seen = slices.grad[0, 0].sum(dim=0).nonzero().flatten()
    assert seen[0] > 0
    assert seen[-1] < 300
    assert (seen[0] + seen[-1]) / 2 == first + spacing * place


def test_fc6_looks_at_every_second_place_of_pool2():
    """Its feature i spans pool5's features i - 3 to i + 2, around 32 (i - 1/2) + 31 = 16 (2 i) + 15."""
    network = networks.create("alexnet_fcn", 1, 2, fc_channels=1)
    features = torch.zeros(1, 256, 9, 9, requires_grad=True)
    network.fc6(features)[0, 0, 4, 4].backward()
    seen = features.grad[0].abs().sum(dim=(0, 1)).nonzero().flatten()
    assert (seen[0], seen[-1]) == (1, 6)
    assert network.fc6(features).shape[2:] == (10, 10)


@pytest.mark.parametrize(("factor", "first"), [(2, 0), (2, 1), (8, 7), (32, 15)])
def test_upsampling_a_ramp_gives_the_ramp(factor, first):
    """Features that hold the pixel they look around must be put exactly there, and what is between is linear."""
    line = first + factor * torch.arange(5.0)
    features = torch.stack([line.expand(5, 5), line.expand(5, 5).T])[None]
    columns, rows = Upsampling(2, factor, first)(features, (5 * factor, 5 * factor))[0]
    wanted = torch.arange(5.0 * factor).clamp(first, first + 4 * factor)
    assert torch.allclose(columns, wanted.expand(5 * factor, -1), atol=1e-4)
    assert torch.allclose(rows, wanted.expand(5 * factor, -1).T, atol=1e-4)


@pytest.mark.parametrize("skips", [True, False])
def test_logits_lie_where_their_features_look(skips):
    """With 32 n - 1 pixels all levels are centred: a shift anywhere would make the mirrored slice's logits differ."""
    torch.manual_seed(0)
    network = networks.create("alexnet_fcn", 1, 2, fc_channels=8, skips=skips)
    assert logits_are_mirrored_with(network, torch.randn(1, 1, 95, 159))


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("size", range(127, 160))
def test_no_border_is_left_without_scores(size, skips):
    """With scores of 1 everywhere the logits are 1 everywhere, whatever the size leaves over."""
    network = networks.create("alexnet_fcn", 1, 1, fc_channels=1, skips=skips).eval()
    with torch.inference_mode():
        for name, parameter in network.named_parameters():
            if name.startswith("score"):
                parameter.zero_()
        network.score.bias.fill_(1)
        assert torch.allclose(network(torch.rand(1, 1, size, 95)), torch.ones(1, 1, size, 95), atol=1e-5)


def test_dropout_follows_both_layers_in_training_alone():
    torch.manual_seed(0)
    network = networks.create("alexnet_fcn", 1, 2, fc_channels=8, dropout=0.5)
    slices = torch.rand(1, 1, 63, 63)
    assert not torch.equal(network(slices), network(slices))
    assert torch.equal(network.eval()(slices), network(slices))


@pytest.mark.parametrize("classes", [1, 3])
def test_the_trained_networks_probabilities_are_smoothed_and_those_in_training_are_not(classes):
    torch.manual_seed(0)
    network = create("alexnet_fcn", 1, classes, fc_channels=8, dropout=0.0, smoothing=0.5)
    slices = torch.rand(2, 1, 64, 70)

    def probabilities(logits):
        return logits.sigmoid() if classes == 1 else logits.softmax(1)

    plain = network(slices).detach()
    found = probabilities(network.eval()(slices))
    torch.testing.assert_close(found, smoothed(probabilities(plain), 0.5), rtol=1e-4, atol=1e-5)
    assert (found - probabilities(plain)).abs().max() > 1e-4


@pytest.mark.parametrize("smoothing", [-1.0, float("nan")])
def test_a_smoothing_that_is_no_size_is_refused(smoothing):
    with pytest.raises(UserError, match="smoothing is a number from 0 on"):
        create("alexnet_fcn", 1, 3, fc_channels=8, smoothing=smoothing)
