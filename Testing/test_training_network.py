from pathlib import Path

import pytest
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import recipe as recipes
from LiverTumorSegLib.training.network import build

UNET_LITS = Path(recipes.__file__).parents[1] / "recipes" / "unet-lits.yaml"
PLAIN = ["stack.slices=1", "network.in_channels=1"]


def plan(*changes):
    return recipes.load(UNET_LITS, recipes.parse_changes([*PLAIN, *changes]))


def small(name):
    return f"network={{name: {name}, in_channels: 1, options: {{features: [4, 4, 4, 4, 4]}}}}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["network.name=vnet"], "no network called “vnet”"),
        (["network={name: unet3d, in_channels: 1}"], "“unet3d” takes volumes, and training has slices"),
        (["crop=31"], "“unet” needs crops of at least 32 pixels, not 31: enlarge the recipe's"),
        (
            [small("unet_valid"), "crop=560"],
            "must be 12 more than a multiple of 16, not 560; take 572, of which it learns the labels of the middle 388",
        ),
        (["encoder_weights=none.pth", "network={name: resnet18, in_channels: 1}"], "none.pth"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_sentence(changes, words):
    with pytest.raises(UserError, match=words):
        build(plan(*changes))


def test_crops_that_fit_are_taken():
    assert build(plan("crop=32")).in_channels == 1
    assert build(plan(small("unet_valid"), "crop=572")).margin == 92


@pytest.mark.parametrize("name", sorted(set(networks.names()) - {"unet3d"}))
def test_every_network_can_learn_from_one_crop_of_its_smallest_size(name):
    """Batch normalisation refuses a single value a channel; on the meta device tensors have no numbers."""
    with torch.device("meta"), torch.no_grad():
        network = networks.create(name, 1, 3, **({"slices": 1} if name == "dalu_net" else {}))
        smallest = network.smallest + (network.remainder - network.smallest) % network.stride * bool(network.margin)
        network.train()(torch.empty(1, 1, smallest, smallest))


def test_what_became_of_encoder_weights_is_said(monkeypatch):
    asked, told = [], []
    monkeypatch.setattr(
        networks, "load_encoder_weights", lambda network, source: asked.append((network, source)) or "all of it"
    )
    network = build(plan("encoder_weights=encoder.pth"), told.append)
    assert asked == [(network, "encoder.pth")]
    assert told == ["all of it"]
