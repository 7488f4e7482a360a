import pytest
import torch
from monai.networks import nets
from torch import nn

from LiverTumorSegLib import networks
from LiverTumorSegLib.networks.resnet import ResNetEncoder

PUBLISHED = {"resnet18": 11_176_512, "resnet34": 21_284_672, "resnet50": 23_508_032, "resnet101": 42_500_160}


def encoder(name):
    with torch.device("meta"):
        return networks.create(name, 3, 2).encoder


@pytest.mark.parametrize("name", PUBLISHED)
def test_encoders_have_as_many_parameters_as_torchvisions_without_fc(name):
    assert sum(p.numel() for p in encoder(name).parameters()) == PUBLISHED[name]


@pytest.mark.parametrize(
    ("name", "tensors"), [("resnet18", 120), ("resnet34", 216), ("resnet50", 318), ("resnet101", 624)]
)
def test_encoders_have_as_many_tensors_as_torchvisions_without_fc(name, tensors):
    assert len(encoder(name).state_dict()) == tensors


def shapes(part, keys):
    state = part.state_dict()
    return [tuple(state[key].shape) for key in keys]


def test_basic_blocks_have_torchvisions_names_and_shapes():
    keys = ["conv1.weight", "layer1.1.conv2.weight", "layer2.0.conv1.weight", "layer2.0.downsample.0.weight"]
    assert shapes(encoder("resnet18"), keys) == [(64, 3, 7, 7), (64, 64, 3, 3), (128, 64, 3, 3), (128, 64, 1, 1)]
    downsampled = {key.split(".downsample")[0] for key in encoder("resnet34").state_dict() if "downsample" in key}
    assert downsampled == {"layer2.0", "layer3.0", "layer4.0"}
    assert not any("downsample" in key and key.endswith("0.bias") for key in encoder("resnet34").state_dict())


def test_bottlenecks_have_torchvisions_names_shapes_and_stride():
    keys = ["layer1.0.conv1.weight", "layer1.0.conv3.weight", "layer4.2.conv2.weight", "layer1.0.downsample.0.weight"]
    part = encoder("resnet50")
    assert shapes(part, keys) == [(64, 64, 1, 1), (256, 64, 1, 1), (512, 512, 3, 3), (256, 64, 1, 1)]
    first = part.layer3[0]
    assert (first.conv1.stride, first.conv2.stride, first.conv3.stride) == ((1, 1), (2, 2), (1, 1))


def test_the_first_layers_are_torchvisions():
    part = encoder("resnet18")
    assert (part.conv1.stride, part.conv1.padding, part.conv1.bias) == ((2, 2), (3, 3), None)
    pooling = part.maxpool
    assert (pooling.kernel_size, pooling.stride, pooling.padding, pooling.ceil_mode) == (3, 2, 1, False)
    assert all(part.eps == 1e-5 for part in part.modules() if isinstance(part, nn.BatchNorm2d))


OPTIONS = {"spatial_dims": 2, "n_input_channels": 3, "conv1_t_stride": 2, "bias_downsample": False}


def both(block):
    """Ours and MONAI's, made with the same random numbers."""
    torch.manual_seed(0)
    ours = ResNetEncoder(block, (2, 1, 2, 1), 3, width=4)
    torch.manual_seed(0)
    theirs = nets.ResNet(block, [2, 1, 2, 1], [4, 8, 16, 32], feed_forward=False, **OPTIONS)
    return ours, theirs


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_weights_have_monais_names_and_begin_as_monais(block):
    ours, theirs = (network.state_dict() for network in both(block))
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("size", [(64, 96), (65, 63)])
def test_coarsest_features_and_gradients_are_monais_to_the_last_bit(block, size):
    slices = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    ours, theirs = both(block)
    features = ours(slices)
    means = [features[-1].mean(dim=(2, 3), keepdim=True).flatten(1), theirs(slices)]
    assert torch.allclose(*means, rtol=0, atol=1e-6)  # theirs is averaged by a layer
    theirs.avgpool = nn.Identity()
    assert torch.equal(features[-1].flatten(1), theirs(slices))
    for each in (features[-1], theirs(slices)):
        each.square().mean().backward()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(one.grad, other.grad) for one, other in pairs)


@pytest.mark.parametrize("size", [(64, 96), (65, 63)])
def test_features_halve_from_level_to_level(size):
    features = encoder_on_cpu()(torch.rand(1, 3, *size))
    assert [level.shape[1] for level in features] == [64, 64, 128, 256, 512]
    assert [level.shape[3] for level in features] == [-(-size[1] // 2**n) for n in range(1, 6)]


def encoder_on_cpu():
    return ResNetEncoder("basic", (1, 1, 1, 1), 3).eval()
