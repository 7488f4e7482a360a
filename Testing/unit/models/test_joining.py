import pytest
import torch
from safetensors.torch import load_file, save_file
from support.closer_models import LEVELLED
from support.models import change_description, describe

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.checksum import sha256
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.description import Description, Licence, NetworkSpec
from LiverTumorSegLib.models.joining import join, save_joined, save_split, split
from LiverTumorSegLib.models.model_folder import OF_CLOSER, WEIGHTS
from LiverTumorSegLib.preprocessing import Chain
from LiverTumorSegLib.training.card import card_text


def save(folder, seed, **changes):
    torch.manual_seed(seed)
    description = describe(**changes)
    spec = description.network
    network = networks.create(spec.name, spec.in_channels, spec.classes, **spec.options)
    kept = {name: getattr(description, name) for name in Description.model_fields if name not in ("weights", "format")}
    model_folder.save(folder, network, card_text, **kept)
    return model_folder.load(folder)


@pytest.fixture
def first(tmp_path):
    return save(tmp_path / "first", 1)


@pytest.fixture
def closer(tmp_path):
    return save(tmp_path / "closer", 2, name="closer", preprocessing=Chain.model_validate(LEVELLED))


@pytest.fixture
def joined(first, closer, tmp_path):
    save_joined(first, closer, tmp_path / "both", card_text)
    return tmp_path / "both"


def test_both_networks_come_back(first, closer, joined):
    both = model_folder.load(joined)
    assert both.description.name == "tiny"
    assert both.description.title == f"{first.description.title}, and a closer look"
    assert both.description.of_closer.preprocessing == closer.description.preprocessing
    assert not both.closer.training
    for network, other, differ in ((both.network, first.network, 0), (both.closer, closer.network, 1e-3)):
        assert network.state_dict().keys() == other.state_dict().keys()
        for key, tensor in other.state_dict().items():
            torch.testing.assert_close(network.state_dict()[key], tensor, rtol=differ, atol=1e-6 * differ)


def test_the_second_networks_kernels_take_half_of_the_bytes(joined):
    weights = load_file(joined / WEIGHTS)
    kernels = {key: tensor.dtype for key, tensor in weights.items() if tensor.ndim > 1}
    assert {dtype for key, dtype in kernels.items() if key.startswith(OF_CLOSER)} == {torch.float16}
    assert {dtype for key, dtype in kernels.items() if not key.startswith(OF_CLOSER)} == {torch.float32}


def test_the_card_says_how_the_second_was_trained(joined):
    assert (
        "A second network, unet, looks closer at the liver that the first finds; in the mean of both its answer counts "
        "67 %. It was trained on the same patients; seed 0; command: `none`." in model_folder.read_card(joined)
    )


def test_what_was_measured_of_the_first_alone_is_left_out(first, closer):
    figures = {"definition": "Dice.", "command": "validate", "cases": {}}
    measured = model_folder.Model(
        Description.model_validate(dict(first.description) | {"figures": figures}), first.network
    )
    assert join(measured, closer).description.figures is None


def test_a_second_network_that_is_there_is_replaced(first, closer, joined, tmp_path):
    other = save(tmp_path / "other", 5, name="other", preprocessing=Chain.model_validate(LEVELLED))
    again = join(model_folder.load(joined), other)
    assert again.closer is other.network
    assert again.description.title == model_folder.read_description(joined).title


def test_the_second_has_to_look_at_a_liver(first):
    with pytest.raises(UserError, match="“tiny” does not look at a liver that another one found: its preprocessing"):
        join(first, first)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"licence": Licence(name="MIT", terms="none.")}, "are under CC0-1.0, and those of “closer” under MIT"),
        (
            {
                "labels": ("background", "liver"),
                "network": NetworkSpec(name="unet", in_channels=1, classes=2, options={"features": [4] * 6}),
            },
            "do not go together: 2 classes cannot stand for background, liver, lesion",
        ),
    ],
)
def test_what_does_not_go_together_is_a_sentence(first, tmp_path, changes, sentence):
    other = save(tmp_path / "closer", 2, name="closer", preprocessing=Chain.model_validate(LEVELLED), **changes)
    with pytest.raises(UserError, match=sentence):
        join(first, other)


def test_the_first_has_to_find_the_liver_itself(closer, tmp_path):
    lesions = {
        "labels": ("background", "lesion"),
        "network": NetworkSpec(name="unet", in_channels=1, classes=2, options={"features": [4] * 6}),
    }
    with pytest.raises(UserError, match="a second network looks closer where one that sees whole slices finds the"):
        join(save(tmp_path / "lesions", 3, **lesions), closer)
    with pytest.raises(UserError, match="a second network looks closer where one that sees whole slices finds the"):
        join(closer, closer)


def test_a_second_network_whose_weights_are_missing_or_others_is_refused(joined):
    weights = load_file(joined / WEIGHTS)
    key = next(key for key, each in weights.items() if key.startswith(OF_CLOSER) and each.ndim)
    for changed in (
        {name: tensor for name, tensor in weights.items() if name != key},
        weights | {key: weights[key][:1]},
    ):
        save_file(changed, joined / WEIGHTS)
        size = {"sha256": sha256(joined / WEIGHTS), "bytes": (joined / WEIGHTS).stat().st_size}
        change_description(joined, weights=size)
        with pytest.raises(UserError, match=r"weights\.safetensors does not fit the network “unet” of its model\.json"):
            model_folder.load(joined)


@pytest.mark.parametrize(
    ("entry", "value", "sentence"),
    [
        ("preprocessing", [{"step": "window", "level": 60, "width": 200}], "lacks the step liver_level"),
        ("stack", {"slices": 3}, "a stack of 3 slices with 1 channels each has 3 channels, not 1"),
        ("network", {"name": "unet3d", "in_channels": 1, "options": {}}, "sees volumes and needs them"),
        ("network", {"name": "unheard_of", "in_channels": 1}, "unheard_of"),
    ],
)
def test_a_second_network_that_cannot_be_one_is_refused(joined, entry, value, sentence):
    description = model_folder.read_description(joined).model_dump(mode="json")
    change_description(joined, closer=description["closer"] | {entry: value})
    with pytest.raises(UserError, match=sentence):
        model_folder.load(joined)


def test_a_joined_model_is_two_again(first, closer, joined, tmp_path):
    save_split(model_folder.load(joined), tmp_path / "parts", card_text)
    again, second = (model_folder.load(tmp_path / "parts" / name) for name in ("first", "closer"))
    assert again.description.closer is None
    assert again.closer is None
    assert second.description.preprocessing == closer.description.preprocessing
    assert second.description.needs_liver
    for network, other, differ in ((again.network, first.network, 0), (second.network, closer.network, 1e-3)):
        for key, tensor in other.state_dict().items():
            torch.testing.assert_close(network.state_dict()[key], tensor, rtol=differ, atol=1e-6 * differ)
    both = join(again, second).description
    assert both.closer == model_folder.read_description(joined).closer
    assert (again.description.title, both.title) == (
        first.description.title,
        model_folder.load(joined).description.title,
    )


def test_the_parts_do_not_have_the_figures_of_both(first, closer):
    figures = {"definition": "Dice.", "command": "calibrate", "cases": {}}
    both = join(first, closer)
    measured = Description.model_validate(dict(both.description) | {"figures": figures})
    parts = split(model_folder.Model(measured, both.network, closer=both.closer))
    assert [part.description.figures for part in parts] == [None, None]


def test_one_network_cannot_be_split(first):
    with pytest.raises(UserError, match="The model “tiny” has one network only: there is nothing to split"):
        split(first)
