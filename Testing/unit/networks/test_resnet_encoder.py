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


@pytest.mark.parametrize("size", [(64, 96), (65, 63)])
def test_the_coarsest_features_are_those_that_monais_resnet_averages(size):
    options = {"spatial_dims": 2, "n_input_channels": 3, "conv1_t_stride": 2, "bias_downsample": False}
    reference = nets.resnet18(**options, feed_forward=False, shortcut_type="B").eval()
    own = ResNetEncoder("basic", (2, 2, 2, 2), 3).eval()
    own.load_state_dict(reference.state_dict())
    slices = torch.rand(1, 3, *size)
    with torch.inference_mode():
        features = own(slices)
        assert torch.allclose(features[-1].mean(dim=(2, 3)), reference(slices), atol=1e-5)
    assert [level.shape[1] for level in features] == [64, 64, 128, 256, 512]
    assert [level.shape[3] for level in features] == [-(-size[1] // 2**n) for n in range(1, 6)]
