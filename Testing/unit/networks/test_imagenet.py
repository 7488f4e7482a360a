import re

import pytest
import torch
from support import torchvision_weights
from torch.nn import functional as F

from LiverTumorSegLib import networks
from LiverTumorSegLib.networks.imagenet import ARCHITECTURES, DEVIATION, MEAN, ImageNetNetwork, architecture_of


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_known_by_its_weights(name):
    assert architecture_of(torchvision_weights.constant_weights(name)) == name


def test_the_classifier_does_not_matter():
    weights = torchvision_weights.constant_weights("resnet18")
    assert architecture_of({key: value for key, value in weights.items() if not key.startswith("fc.")}) == "resnet18"


def test_other_weights_are_of_no_architecture_known():
    assert architecture_of({}) is None
    assert architecture_of({"conv1.weight": torch.zeros(64, 3, 7, 7)}) is None


@pytest.mark.parametrize("name", networks.names())
def test_each_network_with_such_an_encoder_is_that_of_its_architecture(name):
    with torch.device("meta"):
        network = networks.create(name, 3, 2)
    users = [known for known, one in ARCHITECTURES.items() if one.network == name]
    assert users == ([network.imagenet] if isinstance(network, ImageNetNetwork) else [])


@pytest.mark.parametrize("name", [name for name, one in ARCHITECTURES.items() if one.network])
def test_the_networks_keys_are_torchvisions_in_other_words(name):
    with torch.device("meta"):
        network = networks.create(ARCHITECTURES[name].network, 3, 2)
    own = {network.imagenet_key(key) for key in network.state_dict()} - {None}
    classifier = {"classifier.6.weight", "classifier.6.bias", "fc.weight", "fc.bias"}
    if name == "vgg16_bn":
        classifier |= {f"classifier.{at}.{part}" for at in (0, 3) for part in ("weight", "bias")}
    assert own == torchvision_weights.shapes(name).keys() - classifier
    assert network.imagenet_first in own
    assert network.imagenet_key("score.weight") is None


@pytest.mark.parametrize("name", [name for name, one in ARCHITECTURES.items() if one.file])
def test_the_whole_checksum_of_a_file_is_known_and_begins_as_torchvision_says(name):
    known = ARCHITECTURES[name]
    assert re.fullmatch(r"[0-9a-f]{64}", known.sha256)
    assert known.file.removesuffix(".pth").endswith(f"-{known.sha256[:8]}")


NARROW = {
    "alexnet_fcn": {"fc_channels": 4},
    "segnet": {"features": (4, 4, 4, 4, 4)},
    **{name: {"width": 4} for name in ("resnet18", "resnet34", "resnet50", "resnet101")},
}


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_grey_images_are_seen_as_the_colour_images_that_the_encoder_learnt_from(tmp_path, channels):
    weights = torchvision_weights.random_weights("resnet18")
    torch.save(weights, tmp_path / "weights.pth")
    network = networks.create("resnet18", channels, 2, imagenet_input=True)
    networks.load_encoder_weights(network, tmp_path / "weights.pth")
    grey = torch.rand(1, 1, 40, 40)
    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, DEVIATION))
    wanted = F.conv2d((grey - mean) / deviation, weights["conv1.weight"], stride=2, padding=3)
    seen = network.input(grey.expand(-1, channels, -1, -1))
    assert torch.allclose(network.encoder.conv1(seen), wanted, atol=1e-4)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_step_runs_once_and_before_all_others(name, channels):
    torch.manual_seed(0)
    network = networks.create(name, channels, 2, **NARROW[name], imagenet_input=True).eval()
    plain = networks.create(name, 3, 2, **NARROW[name]).eval()
    plain.load_state_dict({key: value for key, value in network.state_dict().items() if not key.startswith("input.")})
    slices = torch.rand(1, channels, 64, 70)
    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, DEVIATION))
    with torch.inference_mode():
        assert torch.allclose(network(slices), plain((slices - mean) / deviation), atol=1e-5)


@pytest.mark.parametrize("name", NARROW)
def test_a_network_without_the_step_is_what_it_was_before_there_was_one(name):
    network = networks.create(name, 1, 2, **NARROW[name])
    assert not any(key.startswith("input") for key in network.state_dict())
    assert next(network.parameters()).shape[1] == 1
    assert not network.has_imagenet_input


def test_the_means_are_no_weights_and_are_not_trained():
    network = networks.create("resnet18", 1, 2, width=4, imagenet_input=True)
    assert not any(name.startswith("input") for name, _ in network.named_parameters())
    assert network.input.mean.flatten().tolist() == pytest.approx(MEAN)


@pytest.mark.parametrize(("name", "has"), [("resnet50", True), ("segnet", True), ("unet", False), ("none", False)])
def test_which_networks_have_such_an_encoder_is_known_by_name(name, has):
    assert networks.has_imagenet_encoder(name) is has
