import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from LiverTumorSegLib.networks.dalu_net import BidirectionalConvLSTM, ConvLSTM


def sequence(steps=4, channels=3, batch=2):
    torch.manual_seed(1)
    return torch.randn(batch, steps, channels, 6, 5, dtype=torch.double)


def created(kind=ConvLSTM, channels=3, hidden=2):
    torch.manual_seed(0)
    return kind(channels, hidden).double()


def convolved(weight, maps):
    return np.array(
        [sum(correlate2d(m, k, mode="same") for m, k in zip(maps, kernels, strict=True)) for kernels in weight]
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(cell, maps):
    """Shi et al. 2015, equation 3, without peepholes, for one item of a batch."""
    w_x, b, w_h = (p.detach().numpy() for p in (cell.of_input.weight, cell.of_input.bias, cell.of_state.weight))
    hidden = w_h.shape[1]
    h = c = np.zeros((hidden, *maps.shape[2:]))
    states = []
    for x in maps:
        gates = convolved(w_x, x) + convolved(w_h, h) + b[:, None, None]
        i, f, o, g = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


def test_states_are_those_of_the_published_equations():
    cell, maps = created(), sequence()
    states = cell(maps).detach().numpy()
    assert states.shape == (2, 4, 2, 6, 5)
    for item in range(2):
        assert np.allclose(states[item], by_hand(cell, maps[item].numpy()))


def test_a_state_depends_on_earlier_steps_and_not_on_later_ones():
    cell, maps = created(), sequence()
    changed = maps.clone()
    changed[:, 2] += 1
    differs = (cell(maps) != cell(changed)).flatten(2).any(dim=2)[0]
    assert differs.tolist() == [False, False, True, True]


def test_both_directions_see_all_steps_and_each_from_its_own_end():
    cell, maps = created(BidirectionalConvLSTM), sequence()
    changed = maps.clone()
    changed[:, 2] += 1
    differs = cell(maps) != cell(changed)
    assert differs[:, :, :2].flatten(2).any(dim=2)[0].tolist() == [False, False, True, True]
    assert differs[:, :, 2:].flatten(2).any(dim=2)[0].tolist() == [True, True, True, False]


def test_reversed_steps_and_swapped_directions_mirror_the_states():
    cell, swapped, maps = created(BidirectionalConvLSTM), created(BidirectionalConvLSTM), sequence()
    swapped.ascending, swapped.descending = cell.descending, cell.ascending
    there, back = cell(maps), swapped(maps.flip(1)).flip(1)
    assert not torch.allclose(there, cell(maps.flip(1)).flip(1))
    assert torch.equal(there[:, :, :2], back[:, :, 2:])
    assert torch.equal(there[:, :, 2:], back[:, :, :2])


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_the_centre_alone_is_that_of_all_steps(steps):
    cell, maps = created(BidirectionalConvLSTM), sequence(steps)
    centre = cell(maps, only_centre=True)
    assert centre.shape == (2, 1, 4, 6, 5)
    assert torch.allclose(centre[:, 0], cell(maps)[:, steps // 2])


def test_the_centre_alone_costs_about_half():
    cell, calls = created(BidirectionalConvLSTM), []
    for direction in (cell.ascending, cell.descending):
        direction.of_state.register_forward_hook(lambda *_: calls.append(1))
    cell(sequence(5), only_centre=True)
    assert len(calls) == 4  # of 8


def test_items_of_a_batch_do_not_mix():
    cell, maps = created(BidirectionalConvLSTM), sequence(batch=3)
    assert torch.allclose(cell(maps)[1:2], cell(maps[1:2]))
