import re

import pytest
import torch
from support import torchvision_weights

from LiverTumorSegLib import networks
from LiverTumorSegLib.networks.imagenet import ARCHITECTURES, ImageNetNetwork, architecture_of


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
