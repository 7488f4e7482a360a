from types import SimpleNamespace

import pytest
import torch
from support.counted_operations import Counting
from torch.nn import functional as F

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.arithmetic import deterministic_torch
from LiverTumorSegLib.networks import upsampling


@pytest.fixture
def as_on_cuda(monkeypatch):
    monkeypatch.setattr(upsampling, "is_taken_apart", lambda _: True)


def doubled(features):
    """By PyTorch, with the gradient that it comes to by itself."""
    return F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(5, 7), (1, 3), (1, 1), (32, 40)])
def test_values_are_pytorchs_to_the_last_bit_and_so_are_gradients_but_for_rounding(as_on_cuda, size, layout):
    made = torch.Generator().manual_seed(0)
    features = torch.rand(2, 3, *size, generator=made).contiguous(memory_format=layout).requires_grad_()
    ours, theirs = upsampling.double_bilinear(features), doubled(features)
    assert torch.equal(ours, theirs)
    gradient = torch.rand(ours.shape, generator=made)
    (own,), (wanted,) = (torch.autograd.grad(values, features, gradient) for values in (ours, theirs))
    assert torch.allclose(own, wanted, atol=1e-6)


def test_upsampling_is_one_operation_and_its_gradient_two(as_on_cuda):
    features = torch.empty(2, 8, 16, 16, device="meta", requires_grad=True)
    upsampling.double_bilinear(features).sum().backward()  # brings the weights to the device
    with Counting() as forward:
        finer = upsampling.double_bilinear(features)
    with Counting() as backward:
        torch.autograd.grad(finer, features, torch.empty_like(finer))
    assert sum(forward.seen.values()) == 1
    assert backward.seen["upload"] == 0
    assert sum(backward.seen.values()) - backward.seen["empty_like"] - backward.seen["detach"] == 2


@pytest.mark.parametrize("size", [(9, 11), (24, 17), (3, 3)])
def test_a_resize_without_gradients_is_pytorchs_in_one_operation(as_on_cuda, size):
    values = torch.rand(2, 3, 12, 12)
    with Counting() as counting:
        resized = upsampling.resize_bilinear(values, size)
    assert dict(counting.seen) == {"upsample_bilinear2d": 1}
    assert torch.equal(resized, F.interpolate(values, size=size, mode="bilinear"))


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (1, 0), (0, 2), (1, 1)])
def test_the_last_rows_and_columns_are_repeated_as_padding_repeats_them(as_on_cuda, rows, columns):
    features = torch.rand(1, 2, 4, 5, requires_grad=True)
    ours, theirs = (
        upsampling.extend_last(features, rows, columns),
        F.pad(features, (0, columns, 0, rows), mode="replicate"),
    )
    assert torch.equal(ours, theirs)
    own, wanted = (torch.autograd.grad(made.square().sum(), features)[0] for made in (ours, theirs))
    assert torch.allclose(own, wanted)


def test_pytorch_is_left_to_itself_where_it_interpolates_in_one_operation():
    on_cuda = SimpleNamespace(is_cuda=True)
    assert not upsampling.is_taken_apart(on_cuda)
    with deterministic_torch():
        assert upsampling.is_taken_apart(on_cuda)
        assert not upsampling.is_taken_apart(torch.zeros(1))


def test_a_network_learns_the_same_with_it(monkeypatch):
    made = torch.Generator().manual_seed(0)
    slices = torch.rand(2, 1, 49, 66, generator=made)  # sizes that are odd on some level
    found, asked = [], []
    for taken_apart in (False, True):
        monkeypatch.setattr(upsampling, "is_taken_apart", lambda _, answer=taken_apart: asked.append(answer) or answer)
        torch.manual_seed(0)
        network = networks.create("attention_unet", 1, 2, features=(4, 4, 8, 8, 8))
        network(slices).square().mean().backward()
        found.append([parameter.grad for parameter in network.parameters()])
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*found, strict=True))
    assert asked.count(True) == asked.count(False) > 0
