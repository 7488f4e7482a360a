import pytest
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.experiments.reproduction import encoder_files


@pytest.fixture
def resnet18(tmp_path):
    network = networks.create("resnet18", 3, 1)
    weights = {key: value for own, value in network.state_dict().items() if (key := network.imagenet_key(own))}
    torch.save(weights, tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


def test_a_file_is_for_the_network_whose_encoder_it_fills(resnet18):
    assert encoder_files.by_network([resnet18]) == {"resnet18": resnet18}


def test_a_file_of_no_encoder_is_refused(tmp_path):
    torch.save({"a.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="weights of no encoder that is known"):
        encoder_files.by_network([tmp_path / "other.pth"])


@pytest.mark.parametrize(
    ("wanted", "given", "quick", "expected"),
    [
        (None, True, False, None),
        ("imagenet", False, False, "imagenet"),
        ("imagenet", False, True, None),
        ("imagenet", True, True, "file"),
        ("imagenet", True, False, "file"),
    ],
)
def test_a_file_goes_before_a_download_and_quick_does_with_neither(resnet18, wanted, given, quick, expected):
    files = {"resnet18": resnet18} if given else {}
    found = encoder_files.for_network("resnet18", wanted, files, quick=quick)
    assert found == (str(resnet18) if expected == "file" else expected)


def test_a_file_that_nothing_starts_from_is_refused(resnet18):
    encoder_files.refuse_unused({"resnet18": resnet18}, ["resnet18", "alexnet_fcn"])
    with pytest.raises(UserError, match=r"resnet18.pth: leave --encoder-weights out"):
        encoder_files.refuse_unused({"resnet18": resnet18}, [])
    with pytest.raises(UserError, match=r"resnet18.pth: give files for resnet50 alone"):
        encoder_files.refuse_unused({"resnet18": resnet18}, ["resnet50"])


def test_where_a_file_is_published_is_known():
    assert encoder_files.published("alexnet_fcn").endswith("/alexnet-owt-7be5be79.pth")
