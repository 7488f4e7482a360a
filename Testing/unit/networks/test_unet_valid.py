import numpy as np
import pytest
import torch
from support.network_tester import NetworkTester
from torch import nn

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError

DROPPING = {"features": (4, 4, 8, 8, 8)}
NARROW = DROPPING | {"dropout": 0.0}
PUBLISHED = (64, 128, 256, 512, 1024)


class TestUNetValid(NetworkTester):
    name = "unet_valid"
    options = DROPPING


def narrow(channels=1, classes=2):
    torch.manual_seed(0)
    return networks.create("unet_valid", channels, classes, **NARROW).eval()


def published(classes=2):
    with torch.device("meta"):
        return networks.create("unet_valid", 1, classes)


def test_572_pixels_give_388():
    assert published()(torch.empty(1, 1, 572, 572, device="meta")).shape == (1, 2, 388, 388)


def test_levels_have_the_published_sizes():
    network, sizes = published(), []
    for level in network.contracting:
        level.register_forward_hook(lambda _, __, output: sizes.append(output.shape[-1]))
    network(torch.empty(1, 1, 572, 572, device="meta"))
    assert sizes == [568, 280, 136, 64, 28]
    assert [size // 2 for size in sizes[:-1]] == [284, 140, 68, 32]  # as figure 1 has them after pooling


@pytest.mark.parametrize("size", [188, 204, 572])
def test_the_margin_is_92_pixels_a_side(size):
    assert narrow()(torch.zeros(1, 1, size, size)).shape == (1, 2, size - 184, size - 184)


@pytest.mark.parametrize("classes", [1, 2])
def test_it_has_as_many_parameters_as_the_published_network(classes):
    def convolution(a, b, taps):
        return taps * a * b + b

    down = sum(convolution(a, b, 9) + convolution(b, b, 9) for a, b in zip((1, *PUBLISHED), PUBLISHED, strict=False))
    up = sum(convolution(2 * n, n, 4) + convolution(2 * n, n, 9) + convolution(n, n, 9) for n in (64, 128, 256, 512))
    assert down + up == 31_030_528
    assert sum(p.numel() for p in published(classes).parameters()) == 31_030_528 + classes * 65


def test_it_has_23_convolutions_and_no_normalisation():
    layers = list(published().modules())
    assert sum(isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) for layer in layers) == 23
    assert not any("Norm" in type(layer).__name__ for layer in layers)


def test_weights_are_drawn_for_the_numbers_that_come_into_one():
    torch.manual_seed(0)
    network = networks.create("unet_valid", 1, 2, features=(32, 64, 64, 64, 128))
    convolution, up = network.contracting[1][0][2], network.up[-1]
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert float(up.weight.detach().std()) == pytest.approx((2 / 128) ** 0.5, rel=0.02)
    assert not convolution.bias.any()


def test_features_neither_vanish_nor_grow_on_the_way():
    torch.manual_seed(0)
    network = networks.create("unet_valid", 1, 2, features=(16, 16, 32, 32, 64), dropout=0.0)
    with torch.inference_mode():
        assert 0.1 < float(network(torch.randn(1, 1, 188, 188)).std()) < 10


def test_values_are_dropped_on_the_last_two_levels_of_the_contracting_path_and_in_training_alone():
    network = published()
    assert [level[1].p for level in network.contracting] == [0, 0, 0, 0.5, 0.5]
    assert all(not isinstance(layer, nn.Dropout) for layer in network.expansive.modules())
    network, slices = networks.create("unet_valid", 1, 2, **DROPPING), torch.rand(1, 1, 188, 188)
    assert not torch.equal(network(slices), network(slices))
    network.eval()
    assert torch.equal(network(slices), network(slices))


@pytest.mark.parametrize("size", [(512, 572), (572, 570), (189, 188)])
def test_sizes_at_which_pooling_would_leave_pixels_out_are_refused(size):
    with pytest.raises(UserError, match=f"12 more than a multiple of 16, such as 572, not {size[0]} x {size[1]}: "):
        narrow()(torch.zeros(1, 1, *size))


def test_skip_connections_are_cropped_around_the_centre():
    network, seen = narrow(), {}
    network.contracting[0].register_forward_hook(lambda _, __, output: seen.update(skip=output))
    network.expansive[0].register_forward_pre_hook(lambda _, inputs: seen.update(joined=inputs[0]))
    network(torch.rand(1, 1, 572, 204))
    assert torch.equal(seen["joined"][:, :4], seen["skip"][:, :, 88:-88, 88:-88])


def passing(through):
    """A network whose only weights are ones that hand the first channel on, by the finest or the coarsest level."""
    network = networks.create("unet_valid", 1, 1, **NARROW).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for block in network.contracting:
            for layer in (block[0][0], block[0][2]):
                layer.weight[0, 0, 1, 1] = 1
        for level, block in enumerate(network.expansive):
            shown = 0 if through == "finest" and level == 0 else block[0].in_channels // 2
            block[0].weight[0, shown, 1, 1] = block[2].weight[0, 0, 1, 1] = 1
            network.up[level].weight[0, 0] = 1
        network.head.weight[0, 0] = 1
    return network


def coarsest_pixels(slices):
    """Maxima of 16 x 16 pixels as four poolings between unpadded convolutions have them: from 30 before the first."""
    height, width = slices.shape[2:]
    mirrored = np.pad(slices[0, 0].numpy(), ((30, 46), (30, 46)), mode="reflect")
    high, wide = (n // 16 * 16 for n in mirrored.shape)
    blocks = mirrored[:high, :wide].reshape(high // 16, 16, wide // 16, 16).max(axis=(1, 3))
    return blocks.repeat(16, axis=0).repeat(16, axis=1)[30 : 30 + height, 30 : 30 + width]


@pytest.mark.parametrize("size", [(388, 388), (133, 200), (300, 57)])
@pytest.mark.parametrize("run", [networks.same_size, networks.in_tiles])
def test_logits_are_those_of_their_own_pixels(size, run):
    torch.manual_seed(2)
    slices = torch.rand(1, 1, *size)
    with torch.inference_mode():
        assert torch.equal(run(passing("finest"), slices), slices)
        assert np.array_equal(run(passing("coarsest"), slices)[0, 0].numpy(), coarsest_pixels(slices))


def test_normalised_where_that_is_asked_for_each_convolution_of_the_levels_is():
    network = networks.create("unet_valid", 1, 2, **DROPPING, norm="batch")
    normal = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(normal) == 18
    biased = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.bias is not None]
    assert biased == [network.head]
    assert network(torch.zeros(2, 1, 188, 188)).shape == (2, 2, 4, 4)
    with pytest.raises(UserError, match="norm"):
        networks.create_with_options("unet_valid", 1, 2, {"norm": "group"})
