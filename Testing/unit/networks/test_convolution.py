import pytest
import torch
from monai.networks.blocks import Convolution as Theirs
from monai.networks.nets.basic_unet import TwoConv
from torch import nn

from LiverTumorSegLib.networks.convolution import Convolution, normalisation, two_convolutions

ACT = ("relu", {"inplace": True})
NORMS = {"batch": "batch", "instance": ("instance", {"affine": True})}


def made(build):
    torch.manual_seed(0)
    return build()


def assert_same(ours, theirs, image):
    """Names, first weights, results and gradients, while training and after."""
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    assert all(torch.equal(values, state[name]) for name, values in ours.state_dict().items())
    for network in (ours, theirs):
        torch.manual_seed(1)  # for what is dropped
        network(image).square().mean().backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert torch.equal(ours.eval()(image), theirs.eval()(image))


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("bias", "dropout"), [(True, 0.0), (False, 0.3)])
def test_two_convolutions_are_monais(axes, norm, bias, dropout):
    ours = made(lambda: two_convolutions(axes, 2, 4, norm=norm, bias=bias, dropout=dropout))
    theirs = made(lambda: TwoConv(axes, 2, 4, ACT, NORMS[norm], bias, dropout))
    assert_same(ours, theirs, torch.rand(2, 2, *[9] * axes))


def test_convolutions_are_normalised_and_have_no_bias_that_this_would_take_away():
    block = two_convolutions(2, 2, 3, dropout=0.25)
    assert [(part.kernel_size, part.bias) for part in block.modules() if isinstance(part, nn.Conv2d)] == [
        ((3, 3), None)
    ] * 2
    assert sum(isinstance(part, nn.BatchNorm2d) for part in block.modules()) == 2
    assert [part.p for part in block.modules() if isinstance(part, nn.Dropout)] == [0.25, 0.25]


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_convolution_is_monais_whatever_its_kernel(kernel):
    ours = made(lambda: Convolution(2, 2, 4, kernel=kernel))
    theirs = made(lambda: Theirs(2, 2, 4, kernel_size=kernel, act=ACT, norm="batch", bias=False))
    assert_same(ours, theirs, torch.rand(2, 2, 9, 7))


def test_a_normalisation_is_found_by_its_name_however_that_is_written():
    found = normalisation("Batch", 3, 4, eps=0.1)
    assert isinstance(found, nn.BatchNorm3d)
    assert (found.num_features, found.eps, found.affine) == (4, 0.1, True)
    assert isinstance(normalisation("instance", 2, 4), nn.InstanceNorm2d)
    with pytest.raises(ValueError, match="norm is batch or instance, not 'layer'"):
        normalisation("layer", 2, 4)
