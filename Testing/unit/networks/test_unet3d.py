import pytest
import torch
from support.network_tester import NetworkTester
from torch import nn

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError

NARROW = {"features": (4, 4, 8, 8, 8, 4)}
SIZES = [(32, 128, 128), (33, 131, 97), (64, 96, 160)]


class TestUNet3D(NetworkTester):
    name = "unet3d"
    channels = 1
    options = NARROW
    small = (32, 40, 37)
    sizes = SIZES


def narrow(**options):
    torch.manual_seed(0)
    return networks.create("unet3d", 1, 2, **NARROW, **options)


def test_a_patch_is_normalised_by_itself_in_training_too():
    network, patches = narrow().train(), torch.rand(2, 1, 32, 32, 48)
    with torch.no_grad():
        assert torch.allclose(network(patches)[:1], network(patches[:1]), atol=1e-5)
    assert not any(isinstance(part, nn.BatchNorm3d) for part in network.modules())


def test_batch_normalisation_is_an_option():
    parts = list(narrow(norm="batch").modules())
    assert any(isinstance(part, nn.BatchNorm3d) for part in parts)
    assert not any(isinstance(part, nn.InstanceNorm3d) for part in parts)


def test_every_convolution_but_the_last_has_three_axes_and_is_same_padded():
    kernels = [part.kernel_size for part in narrow().modules() if isinstance(part, nn.Conv3d)]
    assert kernels == [(3, 3, 3)] * 18 + [(1, 1, 1)]


def test_the_smallest_patch_can_be_trained_alone():
    network = narrow().train()
    assert torch.isfinite(network(torch.rand(1, 1, *[network.smallest] * 3))).all()


def test_slices_are_refused():
    with pytest.raises(UserError, match=r"takes \[batch, 1, depth, height, width\], not \[1, 1, 64, 64\]"):
        narrow()(torch.zeros(1, 1, 64, 64))
