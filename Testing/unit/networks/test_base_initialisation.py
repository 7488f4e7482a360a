import numpy as np
import pytest
import torch
from scipy.signal.windows import triang
from torch import nn
from torch.nn import functional as F

from LiverTumorSegLib.networks.base import he_normal, linear_interpolation


@pytest.mark.parametrize("layer", [nn.Conv2d(64, 96, 3, padding=1), nn.ConvTranspose2d(64, 96, 4, stride=2, padding=1)])
def test_rectified_features_keep_their_size_through_a_convolution(layer):
    torch.manual_seed(0)
    he_normal(nn.Sequential(layer))
    with torch.inference_mode():
        features = layer(F.relu(torch.randn(4, 64, 40, 40)))[..., 2:-2, 2:-2]
    assert float(features.square().mean()) == pytest.approx(1.0, rel=0.05)  # relu halves the mean square, He doubles it
    assert not layer.bias.any()


def test_normalisations_and_fully_connected_layers_are_left_as_they_are():
    parts = nn.Sequential(nn.BatchNorm2d(4), nn.Linear(4, 4))
    before = [p.clone() for p in parts.parameters()]
    he_normal(parts)
    assert all(torch.equal(a, b) for a, b in zip(before, parts.parameters(), strict=True))


@pytest.mark.parametrize("factor", [1, 2, 8, 32])
def test_the_interpolating_kernel_is_a_pyramid(factor):
    line = triang(2 * factor - 1)
    assert np.allclose(linear_interpolation(factor), np.outer(line, line))


@pytest.mark.parametrize("factor", [2, 8])
def test_the_kernel_interpolates_as_pytorch_does_between_corners(factor):
    torch.manual_seed(0)
    coarse = torch.rand(1, 1, 4, 5)
    kernel = linear_interpolation(factor)[None, None]
    finer = F.conv_transpose2d(coarse, kernel, stride=factor, padding=factor - 1)
    wanted = F.interpolate(coarse, size=finer.shape[2:], mode="bilinear", align_corners=True)
    assert torch.allclose(finer, wanted, atol=1e-6)
