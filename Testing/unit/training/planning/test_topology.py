import pytest
import torch
from torch import nn

from LiverTumorSegLib import networks
from LiverTumorSegLib.training.planning.topology import topology_for


def test_the_finest_axes_are_halved_first_and_have_kernels_first():
    found = topology_for((5.0, 0.8, 0.8), (20, 160, 160))
    assert found.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2))
    assert found.kernels == ((1, 3, 3), (1, 3, 3), *[(3, 3, 3)] * 4)
    assert (found.patch, found.multiples) == ((20, 160, 160), (4, 32, 32))


def test_no_axis_is_halved_below_four_voxels_nor_one_alone_from_less_than_twelve():
    assert topology_for((1.0, 1.0), (7, 7)).strides == ((1, 1),)
    assert topology_for((1.0, 1.0), (8, 7)).strides == ((1, 1),)
    assert topology_for((1.0, 1.0), (12, 7)).strides == ((1, 1), (2, 1))
    assert topology_for((1.0, 1.0), (8, 8)).strides == ((1, 1), (2, 2))


def test_a_patch_grows_to_what_can_be_halved():
    assert topology_for((1.0, 1.0, 1.0), (37.5, 33, 100)).patch == (40, 40, 112)


def test_features_double_up_to_the_most():
    deep = (2.0**9,) * 2
    assert topology_for((1.0, 1.0), deep).features == (32, 64, 128, 256, 512, 512, 512, 512)
    assert topology_for((1.0, 1.0, 1.0), (128,) * 3).features == (32, 64, 128, 256, 320, 320)


@pytest.mark.parametrize(("spacing", "patch"), [((5.0, 0.8, 0.8), (20, 96, 64)), ((0.7, 0.7), (96, 80))])
def test_feature_values_are_those_that_the_networks_convolutions_give(spacing, patch):
    found, classes = topology_for(spacing, patch), 3
    counts = []
    kinds = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    options = {
        "strides": [list(stride) for stride in found.strides],
        "kernels": [list(kernel) for kernel in found.kernels],
        "encoder": [2] * len(found.strides),
    }
    with torch.device("meta"), torch.no_grad():
        network = networks.create(f"plain_conv_unet_{len(patch)}d", 1, classes, **options).eval()
        for module in network.modules():
            if isinstance(module, kinds):
                module.register_forward_hook(lambda *seen: counts.append(seen[-1].numel()))
        network(torch.zeros(1, 1, *found.patch))
    assert found.feature_values(classes) == sum(counts)
