import pytest
import torch
from monai.networks.nets import BasicUNet

from LiverTumorSegLib.networks.unet_body import UNetBody

FEATURES = (4, 4, 8, 8, 8, 4)


def both(axes):
    torch.manual_seed(0)
    ours = UNetBody(axes, 2, 3, FEATURES)
    theirs = BasicUNet(axes, 2, 3, FEATURES)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("size", [(32, 48), (40, 33), (47, 63), (32, 32, 48), (33, 32, 47)])
def test_logits_and_gradients_are_monais_to_the_last_bit(size):
    ours, theirs = both(len(size))
    image = torch.rand(2, 2, *size)
    logits = [network(image) for network in (ours, theirs)]
    assert torch.equal(*logits)
    for each in logits:
        each.square().mean().backward()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(one.grad, other.grad) for one, other in pairs)


def test_nothing_is_padded_where_features_fit(monkeypatch):
    padded = []
    real = torch.nn.functional.pad
    monkeypatch.setattr(torch.nn.functional, "pad", lambda *given, **more: padded.append(1) or real(*given, **more))
    ours, theirs = both(2)
    ours(torch.rand(1, 2, 32, 32))
    assert not padded
    theirs(torch.rand(1, 2, 32, 32))
    assert padded
