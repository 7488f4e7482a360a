from pathlib import Path

import pytest
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from support.reproduction_cases import recipe as recipe_of

from LiverTumorSegLib.experiments.reproduction import encoder_files


@pytest.fixture
def resnet18(tmp_path):
    network = networks.create("resnet18", 3, 1)
    weights = {key: value for own, value in network.state_dict().items() if (key := network.imagenet_key(own))}
    torch.save(weights, tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


@pytest.fixture
def recipe():
    """The recipe of Kulkarni's ResNet-50 by what it starts from."""
    return lambda weights: recipe_of("kulkarni", "ResNet-50", weights=weights and {"resnet50": weights})


def test_a_file_is_for_the_network_whose_encoder_it_fills(resnet18):
    assert encoder_files.by_network([resnet18], ["resnet18", "alexnet_fcn"]) == {"resnet18": str(resnet18)}
    assert encoder_files.by_network([], ["resnet18"]) == {}


def test_a_file_of_no_encoder_is_refused(tmp_path):
    torch.save({"a.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="weights of no encoder that is known"):
        encoder_files.by_network([tmp_path / "other.pth"], ["resnet18"])


def test_the_word_has_the_others_downloaded(resnet18):
    networks = ["resnet18", "alexnet_fcn"]
    assert encoder_files.by_network([Path("imagenet")], networks) == dict.fromkeys(networks, "imagenet")
    both = encoder_files.by_network([Path("imagenet"), resnet18], networks)
    assert both == {"resnet18": str(resnet18), "alexnet_fcn": "imagenet"}


def test_a_file_that_nothing_starts_from_is_refused(resnet18):
    with pytest.raises(UserError, match=r"resnet18.pth: leave --encoder-weights out"):
        encoder_files.by_network([resnet18], [])
    with pytest.raises(UserError, match=r"resnet18.pth: give files for resnet50 alone"):
        encoder_files.by_network([resnet18], ["resnet50"])
    with pytest.raises(UserError, match="Nothing here starts from ImageNet's weights: leave --encoder-weights out"):
        encoder_files.by_network([Path("imagenet")], [])


def test_where_a_file_is_published_is_known():
    assert encoder_files.published("alexnet_fcn").endswith("/alexnet-owt-7be5be79.pth")


def test_a_row_says_what_its_encoder_started_from_and_what_it_sees(recipe):
    assert encoder_files.describe_start(recipe(None), None) is None
    random = encoder_files.describe_start(recipe(None), "imagenet")
    assert random.startswith("It started from random weights and the paper's from ImageNet's, so that its figures are")
    assert "give resnet50-0676ba61.pth (https://download.pytorch.org/models/resnet50-0676ba61.pth) with" in random
    assert random.endswith("--encoder-weights imagenet.")
    given = encoder_files.describe_start(recipe("/home/somebody/weights.pth"), "imagenet")
    assert given == (
        "Its encoder started from ImageNet's weights (weights.pth). As its first step the network normalises each "
        "channel by the mean (0.485, 0.456, 0.406) and the deviation (0.229, 0.224, 0.225) that these weights were "
        "trained with."
    )
    assert "(https://download.pytorch.org/models/resnet50-0676ba61.pth)" in encoder_files.describe_start(
        recipe("imagenet"), "imagenet"
    )


def test_an_input_that_is_not_normalised_is_said_to_be_none(recipe):
    plain = recipe("weights.pth")
    plain = plain.model_copy(
        update={"network": plain.network.model_copy(update={"options": {"imagenet_input": False}})}
    )
    said = encoder_files.describe_start(plain, "imagenet")
    assert said.endswith(
        "Its input is not normalised by ImageNet's mean and deviation, since it has not values from 0 to 1."
    )
