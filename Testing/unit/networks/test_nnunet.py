from typing import ClassVar

import pytest
import torch
from support.network_tester import NetworkTester

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks.nnunet import plain_names

SMALL = (4, 4, 8, 8, 8)


class TestPlainConvUNet2D(NetworkTester):
    name = "plain_conv_unet_2d"
    options: ClassVar[dict] = {"features": SMALL}


class TestPlainConvUNet3D(NetworkTester):
    name = "plain_conv_unet_3d"
    channels = 1
    options: ClassVar[dict] = {"features": SMALL}
    small = (33, 40, 47)
    sizes: ClassVar[list] = [(64, 64, 64), (35, 70, 49)]


class TestResidualEncoderUNet2D(NetworkTester):
    name = "residual_encoder_unet_2d"
    options: ClassVar[dict] = {"features": SMALL, "encoder": [1, 2, 2, 1, 1]}


class TestResidualEncoderUNet3D(NetworkTester):
    name = "residual_encoder_unet_3d"
    channels = 1
    options: ClassVar[dict] = {"features": SMALL, "encoder": [1, 2, 2, 1, 1]}
    small = (33, 40, 47)
    sizes: ClassVar[list] = [(64, 64, 64), (35, 70, 49)]


THICK = {
    "features": [4, 8, 8],
    "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
    "kernels": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    "encoder": [2, 2, 2],
}


def test_strides_and_kernels_are_of_each_axis():
    network = networks.create("plain_conv_unet_3d", 1, 2, **THICK).eval()
    assert network(torch.zeros(1, 1, 32, 36, 40)).shape == (1, 2, 32, 36, 40)
    weights = network.state_dict()
    assert weights["encoder.stages.0.0.convs.0.conv.weight"].shape == (4, 1, 1, 3, 3)
    assert weights["decoder.transpconvs.1.weight"].shape == (8, 4, 1, 2, 2)
    assert weights["decoder.stages.1.convs.0.conv.weight"].shape == (4, 8, 1, 3, 3)


def test_a_level_a_stage_of_the_decoder_is_trained():
    network = networks.create("plain_conv_unet_3d", 1, 2, **THICK).train()
    shapes = [tuple(each.shape[2:]) for each in network(torch.zeros(1, 1, 32, 36, 40))]
    assert shapes == [(32, 36, 40), (32, 18, 20)]


def checkpoint(network):
    """What nnU-Net writes of a network: every tensor of the encoder four times, and all under a wrapper's name."""
    found = {}
    for name, tensor in network.state_dict().items():
        again = name.replace(".conv.", ".all_modules.0.").replace(".norm.", ".all_modules.1.")
        for each in {name, again}:
            found[each] = tensor
            if name.startswith("encoder."):
                found[f"decoder.{each}"] = tensor
    return {f"module.{name}": tensor for name, tensor in found.items()}


@pytest.mark.parametrize("name", ["plain_conv_unet_3d", "residual_encoder_unet_3d"])
def test_a_checkpoint_s_names_are_the_network_s_own(name):
    network = networks.create(name, 1, 2, **THICK)
    held = checkpoint(network)
    assert len(held) > 2.5 * len(network.state_dict())
    assert plain_names(held).keys() == network.state_dict().keys()


def test_names_and_counts_of_weights_are_those_that_nnunet_writes():
    """Written down of ``dynamic-network-architectures`` 0.4.4, with whose logits these were compared bit by bit."""
    plain, residual = (
        networks.create(name, 2, 3, features=[4, 8, 16, 20], encoder=encoder, decoder=decoder)
        for name, encoder, decoder in (
            ("plain_conv_unet_3d", [2, 1, 3, 2], [1, 2, 3]),
            ("residual_encoder_unet_3d", [1, 3, 2, 2], [1, 2, 1]),
        )
    )
    assert (len(plain.state_dict()), len(residual.state_dict())) == (68, 105)
    assert "encoder.stages.3.0.convs.1.norm.bias" in plain.state_dict()
    assert residual.state_dict()["encoder.stem.convs.0.conv.weight"].shape == (4, 2, 3, 3, 3)
    assert residual.state_dict()["encoder.stages.1.blocks.0.skip.1.conv.weight"].shape == (8, 4, 1, 1, 1)
    assert "encoder.stages.1.blocks.0.skip.1.conv.bias" not in residual.state_dict()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strides": [[1, 1, 1]]}, "strides are 3 numbers from 1 on for each of 3 stages"),
        ({"strides": [[2, 2, 2], [2, 2, 2], [2, 2, 2]]}, "the first stage keeps the input's size"),
        ({"kernels": [[2, 3, 3], [3, 3, 3], [3, 3, 3]]}, "kernels are odd"),
        ({"decoder": [1]}, "3 stages have 2 in the decoder"),
        ({"encoder": [2, 0, 2]}, "a convolution each at least"),
        ({"features": [4, 8]}, "channels of 3 levels"),
    ],
)
def test_what_no_network_has_is_refused(options, said):
    with pytest.raises(UserError, match=said):
        networks.create("plain_conv_unet_3d", 1, 2, **THICK | options)
