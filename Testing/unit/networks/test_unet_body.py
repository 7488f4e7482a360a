import pytest
import torch
from monai.networks.nets import BasicUNet

from LiverTumorSegLib.networks.unet import UNetBody

FEATURES = (4, 4, 8, 8, 8, 4)


OPTIONS = {
    2: {"norm": "batch", "bias": True, "dropout": 0.0},
    3: {"norm": ("instance", {"affine": True}), "bias": False, "dropout": 0.1},
}


def both(axes, **changes):
    """Ours and MONAI's, made with the same random numbers."""
    options = OPTIONS[axes] | changes
    norm, more = options["norm"] if isinstance(options["norm"], tuple) else (options["norm"], {})
    torch.manual_seed(0)
    ours = UNetBody(axes, 2, 3, FEATURES, **options | {"norm": norm, **more})
    torch.manual_seed(0)
    theirs = BasicUNet(axes, 2, 3, FEATURES, act=("relu", {"inplace": True}), **options)
    return ours, theirs


@pytest.mark.parametrize("axes", [2, 3])
def test_weights_have_monais_names_and_begin_as_monais(axes):
    ours, theirs = (network.state_dict() for network in both(axes))
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("size", [(32, 48), (40, 33), (47, 63), (32, 32, 48), (33, 32, 47)])
def test_logits_and_gradients_are_monais_to_the_last_bit(size):
    ours, theirs = both(len(size))
    image = torch.rand(2, 2, *size)
    logits = []
    for network in (ours, theirs):
        torch.manual_seed(1)  # for what is dropped
        logits.append(network(image))
    assert torch.equal(*logits)
    for each in logits:
        each.square().mean().backward()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(one.grad, other.grad) for one, other in pairs)


def test_instance_normalisation_without_weights_is_monais_too():
    ours, theirs = both(2, norm=("instance", {"affine": False}))
    image = torch.rand(2, 2, 33, 47)
    assert torch.equal(ours(image), theirs(image))
    assert not any("adn" in name for name in ours.state_dict())


def test_nothing_is_padded_where_features_fit(monkeypatch):
    padded = []
    real = torch.nn.functional.pad
    monkeypatch.setattr(torch.nn.functional, "pad", lambda *given, **more: padded.append(1) or real(*given, **more))
    ours, theirs = both(2)
    ours(torch.rand(1, 2, 32, 32))
    assert not padded
    theirs(torch.rand(1, 2, 32, 32))
    assert padded


def test_the_fewest_channels_that_are_taken_give_logits():
    assert UNetBody(2, 1, 3, (1, 1, 2, 2, 2, 1), **OPTIONS[2])(torch.rand(1, 1, 32, 32)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("features", [(1, 1, 1, 1, 1, 1), (4, 4, 8, 8, 1, 4), (0, 4, 8, 8, 8, 4), FEATURES[:5]])
def test_channels_that_cannot_be_halved_are_refused_before_anything_is_built(features):
    with pytest.raises(ValueError, match="features are the channels of 6 levels, at least"):
        UNetBody(2, 1, 3, features, **OPTIONS[2])
