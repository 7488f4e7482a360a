import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.models import change_description

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.checksum import sha256
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.models import model_folder as model


def replace_weights(folder, weights):
    save_file(weights, folder / model.WEIGHTS)
    path = folder / model.WEIGHTS
    change_description(folder, weights={"sha256": sha256(path), "bytes": path.stat().st_size})


def test_a_saved_model_comes_back_with_the_same_weights(model_folder):
    first, second = model.load(model_folder), model.load(model_folder)
    assert first.description.name == "tiny"
    assert not first.network.training
    for name, weights in load_file(model_folder / model.WEIGHTS).items():
        assert torch.equal(second.network.state_dict()[name], weights)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"not a model folder: it has no readable model\.json"):
        model.load(tmp_path)


@pytest.mark.parametrize(
    "entries",
    [
        {"surprise": 1},
        {"format": 2},
        {"labels": ["liver"]},
        {"name": "../../etc"},
        {"network": {"name": "unet", "in_channels": "many"}},
        {"stack": {"slices": 2}},
        {"stack": {"slices": "1"}},
        {"postprocessing": {"smallest_lesion_ml": "inf"}},
        {"stack": {"slices": 3}},
        {"preprocessing": [{"step": "unknown"}]},
        {"weights": {"sha256": "x", "bytes": 1}},
        {"labels": ["background", "lesion", "liver"]},
        {"labels": ["background", "lesion"]},
        {"network": {"name": "unet", "in_channels": 1, "classes": 1}},
        {"patches": {"spacing_mm": [2.0, 1.0, 0.0], "size": [8, 8, 8]}},
    ],
)
def test_an_entry_that_is_not_as_the_schema_says_is_refused(model_folder, entries):
    change_description(model_folder, **entries)
    with pytest.raises(UserError, match=r"model\.json is not a valid model description: "):
        model.load(model_folder)


def test_text_that_is_not_json_is_refused(model_folder):
    (model_folder / model.DESCRIPTION).write_text("{")
    with pytest.raises(UserError, match="is not a valid model description: it is not valid JSON at line 1"):
        model.load(model_folder)


def test_other_weights_than_those_named_are_refused(model_folder):
    with (model_folder / model.WEIGHTS).open("ab") as weights:
        weights.write(b"\0")
    with pytest.raises(UserError, match="SHA-256 differs"):
        model.load(model_folder)


class Attack:
    """Unpickling this would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_in_the_weights_place_is_refused_and_not_run(model_folder, tmp_path):
    path = model_folder / model.WEIGHTS
    path.write_bytes(pickle.dumps(Attack(tmp_path / "ran")))
    change_description(model_folder, weights={"sha256": sha256(path), "bytes": path.stat().st_size})
    with pytest.raises(UserError, match="is not a safetensors file"):
        model.load(model_folder)
    assert not (tmp_path / "ran").exists()


def test_a_folder_with_a_pickle_alone_is_refused_in_words(model_folder):
    (model_folder / model.WEIGHTS).rename(model_folder / "weights.pth")
    with pytest.raises(UserError, match=r"has no weights\.safetensors \(weights\.pth may run code"):
        model.load(model_folder)


def test_weights_of_another_network_are_refused_with_the_difference(model_folder):
    weights = load_file(model_folder / model.WEIGHTS)
    name = next(name for name, values in weights.items() if values.ndim == 4)
    replace_weights(model_folder, weights | {name: torch.zeros(1, 1, 3, 3)})
    with pytest.raises(UserError, match=rf"“{name}” is \(1, 1, 3, 3\), not"):
        model.load(model_folder)
    replace_weights(model_folder, weights | {"extra": torch.zeros(1)})
    with pytest.raises(UserError, match="has an unknown “extra”"):
        model.load(model_folder)
    replace_weights(model_folder, {key: values for key, values in weights.items() if key != name})
    with pytest.raises(UserError, match=f"lacks “{name}”"):
        model.load(model_folder)


def test_weights_that_are_not_finite_are_refused(model_folder):
    weights = load_file(model_folder / model.WEIGHTS)
    name = next(name for name in weights if name.endswith("weight"))
    replace_weights(model_folder, weights | {name: torch.full_like(weights[name], float("nan"))})
    with pytest.raises(UserError, match="not finite"):
        model.load(model_folder)


def test_an_existing_model_is_not_replaced(model_folder):
    before = (model_folder / model.DESCRIPTION).read_text()
    with pytest.raises(UserError, match="exists already"):
        model.save(model_folder, torch.nn.Linear(1, 1), lambda _: "", name="other")
    assert (model_folder / model.DESCRIPTION).read_text() == before


@pytest.mark.parametrize("options", [{"in_channels": 2}, {"name": "x"}, {"features": [-4] * 6}, {"features": 3}])
def test_network_options_that_cannot_be_are_one_sentence(model_folder, options):
    change_description(model_folder, network={"name": "unet", "in_channels": 1, "options": options})
    with pytest.raises(UserError, match="cannot be built with the options") as caught:
        model.load(model_folder)
    assert "\n" not in str(caught.value)


def test_weights_can_be_read_by_others_and_a_link_is_refused(model_folder, tmp_path):
    weights = model_folder / model.WEIGHTS
    assert weights.stat().st_mode & 0o044 == 0o044
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        model.load(model_folder)


def test_weights_of_another_architecture_are_refused_with_what_was_expected_and_what_came(model_folder):
    other = networks.create("attention_unet", 1, 3).state_dict()
    replace_weights(model_folder, other)
    expected = len(networks.create("unet", 1, 3).state_dict())
    with pytest.raises(
        UserError, match=f"network “unet” .* {expected} tensors are expected, {len(other)} came"
    ) as caught:
        model.load(model_folder)
    assert "\n" not in str(caught.value)


def test_patches_are_for_networks_that_see_volumes(model_folder):
    change_description(model_folder, patches={"spacing_mm": [2.0, 1.0, 1.0], "size": [8, 8, 8]})
    with pytest.raises(UserError, match=r"model\.json is not valid at patches: the network “unet” sees slices"):
        model.load(model_folder)


@pytest.mark.parametrize("name", sorted(model.FILES))
def test_a_link_is_none_of_the_folders_own_files(model_folder, tmp_path, name):
    (model_folder / name).rename(tmp_path / name)
    (model_folder / name).symlink_to(tmp_path / name)
    with pytest.raises(UserError, match=f"{name} is a link: a model folder holds its own files"):
        model.load(model_folder)


def test_a_network_that_no_machine_has_room_for_takes_no_memory(model_folder):
    change_description(model_folder, network={"name": "unet", "in_channels": 1, "options": {"features": [10**5] * 6}})
    with pytest.raises(UserError, match="does not fit the network “unet”"):
        model.load(model_folder)


@pytest.mark.parametrize("name", networks.names())
def test_every_number_of_a_network_comes_from_its_weights(name):
    with torch.device("meta"):
        network = networks.create(name, 1, 3)
    held = {key for key, _ in [*network.named_parameters(), *network.named_buffers()]}
    assert held == set(network.state_dict())  # nothing is left as memory happened to be


def test_weights_of_half_the_precision_are_taken(model_folder):
    replace_weights(
        model_folder,
        {key: v.half() if v.is_floating_point() else v for key, v in load_file(model_folder / model.WEIGHTS).items()},
    )
    assert {p.dtype for p in model.load(model_folder).network.parameters()} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bool])
def test_weights_that_are_no_fractions_are_refused(model_folder, dtype):
    weights = load_file(model_folder / model.WEIGHTS)
    name = next(name for name in weights if name.endswith("conv.weight"))
    replace_weights(model_folder, weights | {name: weights[name].to(dtype)})
    with pytest.raises(UserError, match=f"“{name}” is .*, not float32: get the model again"):
        model.load(model_folder)


def test_a_variance_below_zero_is_refused(model_folder):
    weights = load_file(model_folder / model.WEIGHTS)
    name = next(name for name in weights if name.endswith("running_var"))
    replace_weights(model_folder, weights | {name: -weights[name]})
    with pytest.raises(UserError, match="variances below 0"):
        model.load(model_folder)


def test_a_card_is_optional_and_is_text(model_folder):
    (model_folder / model.CARD).write_bytes(b"# \xff")
    assert model.read_card(model_folder) == "# \N{REPLACEMENT CHARACTER}"
    (model_folder / model.CARD).unlink()
    assert model.read_card(model_folder) == ""
    assert model.load(model_folder)
