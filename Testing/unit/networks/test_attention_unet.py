import torch
from support.network_tester import NetworkTester, settled

from LiverTumorSegLib import networks

NARROW = {"features": (4, 4, 8, 8, 8)}


class TestAttentionUNet(NetworkTester):
    name = "attention_unet"
    options = NARROW


def narrow():
    torch.manual_seed(0)
    return settled(networks.create("attention_unet", 1, 2, **NARROW), torch.rand(2, 1, 64, 64))


def test_all_skip_connections_but_the_finest_are_gated_by_the_next_coarser_level():
    network, seen = narrow(), []
    for gate in network.gates:
        gate.register_forward_hook(lambda _, inputs, __: seen.append([tuple(x.shape[1:]) for x in inputs]))
    network(torch.rand(1, 1, 64, 99))
    assert seen == [  # coarsest first
        [(8, 8, 12), (8, 4, 6)],
        [(8, 16, 24), (8, 8, 12)],
        [(4, 32, 49), (8, 16, 24)],
    ]


def test_the_gated_features_are_what_the_decoder_gets():
    network, seen = narrow(), {}
    network.gates[0].register_forward_hook(lambda _, __, output: seen.update(gated=output[0]))
    network.decoder[1].register_forward_pre_hook(lambda _, inputs: seen.update(skip=inputs[1]))
    network(torch.rand(1, 1, 64, 64))
    assert torch.equal(seen["gated"], seen["skip"])


def test_a_closed_gate_hides_the_skip_connection():
    network = narrow()
    for gate in network.gates:
        torch.nn.init.constant_(gate.psi.bias, -100.0)
    hidden = []
    network.gates[0].register_forward_hook(lambda _, __, output: hidden.append(output[0]))
    network(torch.rand(1, 1, 64, 64))
    network(torch.rand(1, 1, 64, 64))
    assert torch.allclose(hidden[0], hidden[1])


def test_logits_are_not_shifted_where_levels_have_odd_sizes():
    """Far from the border that is cut off, the logits of a part are those of the whole."""
    network = narrow()
    torch.manual_seed(1)
    slices = torch.rand(1, 1, 432, 416)
    with torch.inference_mode():
        whole, part = network(slices), network(slices[..., :415, :399])
    far = whole[..., :208, :208]
    assert torch.allclose(part[..., :208, :208], far, atol=1e-4 * float(far.std()))


def test_the_smallest_slice_can_be_trained_alone():
    network = networks.create("attention_unet", 1, 2, **NARROW).train()
    assert torch.isfinite(network(torch.rand(1, 1, network.smallest, network.smallest))).all()
