import pytest
import torch
from support.network_tester import NetworkTester, settled

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.networks.dalu_net import BidirectionalConvLSTM

NARROW = {"features": (4, 4, 8, 8, 8)}


class TestDALUNet(NetworkTester):
    name = "dalu_net"
    options = NARROW


def created(channels=5, **options):
    torch.manual_seed(0)
    network = networks.create("dalu_net", channels, 2, **NARROW, **options)
    return settled(network, torch.rand(2, channels, 64, 64))


def stack(channels=5, batch=1):
    torch.manual_seed(1)
    return torch.rand(batch, channels, 45, 64)


def logits(network, slices):
    with torch.inference_mode():
        return network(slices)


def differ(a, b):
    return not torch.allclose(a, b, rtol=0, atol=1e-3 * float(a.std()))


@pytest.mark.parametrize("order", [(4, 3, 2, 1, 0), (1, 0, 2, 3, 4), (0, 1, 2, 4, 3)])
def test_the_order_of_the_neighbours_matters(order):
    network, slices = created(), stack()
    assert differ(logits(network, slices), logits(network, slices[:, order]))


@pytest.mark.parametrize("number", range(5))
def test_every_slice_has_a_say(number):
    network, slices = created(), stack()
    changed = slices.clone()
    changed[:, number] = 1 - changed[:, number]
    assert differ(logits(network, slices), logits(network, changed))


def test_the_centre_slice_has_the_most_to_say():
    assert said_most(created(), lambda logits: logits) == 2


@pytest.mark.parametrize("number", range(5))
def test_each_slice_has_the_most_to_say_of_its_own_logits(number):
    assert said_most(created(all_slices=True), lambda logits: logits[:, :, number]) == number


def said_most(network, chosen):
    slices = stack().requires_grad_()
    chosen(network(slices)).square().sum().backward()
    return int(slices.grad.square().sum(dim=(0, 2, 3)).argmax())


def test_items_of_a_batch_do_not_mix():
    network, slices = created(), stack(batch=3)
    assert not differ(logits(network, slices)[1:2], logits(network, slices[1:2]))


def test_one_slice_is_a_stack_too():
    network = created(1)
    assert logits(network, stack(1)).shape == (1, 2, 45, 64)


def test_channels_of_a_slice_lie_together():
    network, seen = created(6, slices=3), []
    network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    slices = stack(6, batch=2)
    logits(network, slices)
    assert seen[0].shape == (6, 2, 45, 64)
    for item in range(2):
        for number in range(3):
            assert torch.equal(seen[0][3 * item + number], slices[item, 2 * number : 2 * number + 2])


def test_the_logits_of_all_slices_have_an_axis_of_their_own_and_the_same_centre():
    whole, centre, slices = created(all_slices=True), created(), stack(batch=2)
    whole.load_state_dict(centre.state_dict())
    every = logits(whole, slices)
    assert every.shape == (2, 2, 5, 45, 64)
    assert not differ(every[:, :, 2], logits(centre, slices))
    assert differ(every[:, :, 1], every[:, :, 2])


def test_a_reversed_stack_gives_reversed_logits_once_the_directions_are_swapped():
    network, slices = created(all_slices=True), stack()
    there = logits(network, slices)
    for join in network.joins:
        join.ascending, join.descending = join.descending, join.ascending
        width = join.ascending.of_state.in_channels
        join.register_forward_hook(
            lambda _, __, states, w=width: torch.cat([states[:, :, w:], states[:, :, :w]], dim=2)
        )
    assert not differ(there.flip(2), logits(network, slices.flip(1)))


@pytest.mark.parametrize("all_slices", [False, True])
def test_training_gives_logits_of_each_decoder_level_finest_first(all_slices):
    network = networks.create("dalu_net", 3, 2, **NARROW, all_slices=all_slices).train()
    stacked = (3,) if all_slices else ()
    levels = network(torch.rand(2, 3, 99, 70))
    sizes = [(99, 70), (49, 35), (24, 17), (12, 8)]
    assert [tuple(level.shape) for level in levels] == [(2, 2, *stacked, *size) for size in sizes]


def test_same_size_cuts_the_logits_of_all_slices():
    network = networks.create("dalu_net", 3, 2, **NARROW, all_slices=True)
    finest, *coarser = networks.same_size(network.train(), torch.rand(1, 3, 70, 99))
    assert finest.shape == (1, 2, 3, 70, 99)
    assert [tuple(level.shape[3:]) for level in coarser] == [(35, 50), (18, 25), (9, 12)]


def test_evaluation_computes_no_head_but_the_finest():
    network, called = created(), []
    for head in network.heads:
        head.register_forward_hook(lambda *_: called.append(1))
    assert isinstance(logits(network, stack()), torch.Tensor)
    assert len(called) == 1


def test_the_finest_levels_are_computed_for_the_centre_slice_alone():
    network, batches = created(), []
    for level in network.decoder:
        level.register_forward_hook(lambda _, __, output: batches.append(len(output)))
    logits(network, stack(batch=2))
    assert batches == [10, 10, 2, 2]  # coarsest first


def test_slices_are_joined_at_the_coarsest_level_and_all_gated_ones():
    joins = [part for part in created().modules() if isinstance(part, BidirectionalConvLSTM)]
    assert [join.ascending.of_input.in_channels for join in joins] == [4, 8, 8, 8]


@pytest.mark.parametrize("hidden", [1, 6])
def test_the_width_of_the_states_can_be_chosen(hidden):
    network = created(3, hidden=hidden)
    states = [part for name, part in network.named_modules() if name.endswith("of_state")]
    assert {part.in_channels for part in states} == {hidden}
    assert logits(network, stack(3)).shape == (1, 2, 45, 64)


@pytest.mark.parametrize(("channels", "slices"), [(4, None), (4, 2), (5, 3), (3, 0), (3, -1)])
def test_stacks_without_a_centre_are_refused(channels, slices):
    with pytest.raises(
        UserError, match=f"{channels} channels are not a stack of .* slices, which must be an odd number"
    ):
        networks.create("dalu_net", channels, 2, slices=slices)


def test_states_need_a_channel():
    with pytest.raises(UserError, match="hidden is a whole number from one on, not 0"):
        networks.create("dalu_net", 3, 2, hidden=0)


def test_the_smallest_slice_can_be_trained_alone():
    network = networks.create("dalu_net", 1, 2, **NARROW).train()
    assert all(torch.isfinite(level).all() for level in network(torch.rand(1, 1, network.smallest, network.smallest)))
