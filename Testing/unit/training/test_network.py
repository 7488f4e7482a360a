from pathlib import Path

import pytest
import torch
from support import torchvision_weights
from support.network_tester import OF_VOLUMES

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import recipe as recipes
from LiverTumorSegLib.training.network import build_network

UNET_LITS = Path(recipes.__file__).parent / "recipes" / "unet-lits.yaml"
UNET3D = UNET_LITS.with_name("unet3d.yaml")
PLAIN = ["stack.slices=1", "network.in_channels=1"]


def plan(*changes):
    return recipes.load(UNET_LITS, recipes.parse_changes([*PLAIN, *changes]))


def small(name):
    return f"network={{name: {name}, in_channels: 1, options: {{features: [4, 4, 4, 4, 4]}}}}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["network.name=vnet"], "no network called “vnet”"),
        (["network={name: unet3d, in_channels: 1}"], "“unet3d” sees volumes: give the recipe patches in place of crop"),
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
        build_network(plan(*changes))


THIN = "{name: plain_conv_unet_3d, in_channels: 1, options: {encoder: [1, 1], strides: [[1, 1, 1], [1, 2, 2]]}}"


def test_patches_may_be_as_thin_as_strides_that_were_chosen_for_them():
    words = ["augmentation=none", f"network={THIN}", "patches.size=[6, 20, 36]"]
    network = build_network(recipes.load(UNET3D, recipes.parse_changes(words))).eval()
    assert networks.padded(network, torch.zeros(1, 1, 6, 20, 36)).shape[2:] == (6, 20, 36)
    assert network(torch.zeros(1, 1, 5, 21, 36)).shape[2:] == (5, 21, 36)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["network={name: unet, in_channels: 1}"], "“unet” sees slices: give the recipe crop in place of patches"),
        (
            ["augmentation=none", "patches.size=[32, 16, 100]"],
            "in multiples of 16, not 32 x 16 x 100: take 32 x 32 x 112",
        ),
        (["encoder_weights=none.pth"], "UNet3D has no encoder"),
    ],
)
def test_what_cannot_be_trained_on_volumes_is_said_in_a_sentence(changes, words):
    with pytest.raises(UserError, match=words):
        build_network(recipes.load(UNET3D, recipes.parse_changes(changes)))


def test_patches_that_fit_are_taken():
    assert build_network(recipes.load(UNET3D, recipes.parse_changes(["patches.size=[48, 32, 64]"]))).axes == 3


def test_crops_that_fit_are_taken():
    assert build_network(plan("crop=32")).in_channels == 1
    assert build_network(plan(small("unet_valid"), "crop=572")).margin == 92


@pytest.mark.parametrize("slices", [48, 64])
def test_gradients_in_bfloat16_are_those_in_32_bits_but_for_rounding(slices):
    torch.manual_seed(0)
    network = networks.create("unet3d", 1, 3, features=[4] * 6, norm="batch").to(memory_format=torch.channels_last_3d)
    patch = torch.rand(2, 1, slices, 32, 32).contiguous(memory_format=torch.channels_last_3d)
    weights = [layer.weight for layer in network.modules() if isinstance(layer, torch.nn.Conv3d)]
    found = []
    for bfloat16 in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = network(patch)
        loss = logits.float().log_softmax(dim=1)[:, 1, :, :16].mean()
        found.append(torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, weights)]))
    assert torch.cosine_similarity(*found, dim=0) > 0.9


@pytest.mark.parametrize("name", sorted(set(networks.names()) - set(OF_VOLUMES)))
def test_every_network_can_learn_from_one_crop_of_its_smallest_size(name):
    """Batch normalisation refuses a single value a channel; on the meta device tensors have no numbers."""
    with torch.device("meta"), torch.no_grad():
        network = networks.create(name, 1, 3, **({"slices": 1} if name == "dalu_net" else {}))
        smallest = network.smallest + (network.remainder - network.smallest) % network.stride * bool(network.margin)
        network.train()(torch.empty(1, 1, smallest, smallest))


def test_what_became_of_encoder_weights_is_said(monkeypatch):
    asked, told = [], []
    monkeypatch.setattr(
        "LiverTumorSegLib.training.network.load_encoder_weights",
        lambda network, source: asked.append((network, source)) or "all of it",
    )
    network = build_network(plan("encoder_weights=encoder.pth"), told.append)
    assert asked == [(network, "encoder.pth")]
    assert told == ["all of it"]


FROM_FILE = ("network={name: resnet18, in_channels: 1}", "encoder_weights=resnet18.pth")


@pytest.mark.parametrize(
    ("chain", "normalised"),
    [
        ("[{step: window, level: 60, width: 200}]", True),
        ("[{step: window, level: 60, width: 200}, {step: z_score}]", False),
        ("[{step: hu_range, low: -100, high: 200}]", False),
        ("kulkarni", True),
    ],
)
def test_an_encoders_input_is_normalised_where_it_has_values_from_0_to_1(chain, normalised):
    network = f"network={{name: resnet18, in_channels: {3 if chain == 'kulkarni' else 1}}}"
    recipe = plan(network, FROM_FILE[1], f"preprocessing={chain}", "augmentation=none", "schedule.precision=32-true")
    assert recipe.network.options == {"imagenet_input": normalised}


def test_a_recipe_may_say_otherwise_and_networks_from_random_weights_say_nothing():
    network = "network={name: resnet18, in_channels: 1, options: {imagenet_input: false}}"
    assert plan(network, FROM_FILE[1]).network.options == {"imagenet_input": False}
    assert plan("network={name: resnet18, in_channels: 1}").network.options == {}


def test_training_starts_from_a_network_that_normalises_and_says_so(tmp_path):
    weights = torchvision_weights.random_weights("resnet18")
    torch.save(weights, tmp_path / "resnet18.pth")
    told = []
    network = build_network(plan(*FROM_FILE[:1], f"encoder_weights={tmp_path / 'resnet18.pth'}"), told.append)
    assert network.has_imagenet_input
    assert torch.equal(network.encoder.conv1.weight, weights["conv1.weight"])
    assert told[0].endswith(
        "  input: values from 0 to 1, shown to all 3 colours, normalised by ImageNet's mean and deviation "
        "in the network"
    )
