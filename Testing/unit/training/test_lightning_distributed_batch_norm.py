import copy

import pytest
import torch
from torch import distributed, nn

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.lightning_distributed import SharedBatchNorm


@pytest.fixture
def only_process():
    """A group of one: what is added up over it stays as it is, so that PyTorch's own layer is the reference."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def trained(layer, features):
    """Result, gradients and state after two steps."""
    for _ in range(2):
        features = features.detach().requires_grad_()
        made = layer(features)
        (made * torch.linspace(0, 1, made.numel()).reshape(made.shape)).sum().backward()
    return [made, features.grad, *(one.grad for one in layer.parameters()), *layer.state_dict().values()]


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}])
@pytest.mark.parametrize(("kind", "size"), [(nn.BatchNorm2d, (5, 6)), (nn.BatchNorm3d, (2, 3, 4))])
def test_the_same_as_pytorchs_layer_for_the_samples_of_a_single_process(only_process, kind, size, options):
    torch.manual_seed(0)
    layer = nn.Sequential(kind(3, **options))
    shared = SharedBatchNorm().apply(copy.deepcopy(layer))
    features = 4 + torch.randn(4, 3, *size)
    for ours, theirs in zip(trained(shared, features), trained(layer, features), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5)


def test_in_evaluation_and_when_left_to_itself_it_is_the_layer():
    layer = nn.Sequential(nn.BatchNorm2d(2))
    features = torch.rand(3, 2, 4, 4)
    expected = layer.eval()(features)
    assert torch.equal(SharedBatchNorm().apply(layer)(features), expected)
    assert "forward" in vars(layer[0])
    assert "forward" not in vars(SharedBatchNorm().revert(layer)[0])


def test_halves_stay_halves(only_process):
    layer = SharedBatchNorm().apply(nn.Sequential(nn.BatchNorm2d(2)))
    assert layer(torch.rand(3, 2, 4, 4).bfloat16()).dtype == torch.bfloat16
