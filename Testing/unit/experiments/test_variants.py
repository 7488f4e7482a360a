import pytest
import torch
from support.network_tester import OF_VOLUMES
from support.training_cases import recipe_with

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments import variants
from LiverTumorSegLib.training.network import build_network
from LiverTumorSegLib.training.recipe import Recipe


@pytest.fixture
def base(tmp_path):
    return recipe_with(
        tmp_path, "crop=64", "preprocessing=[{step: window, level: 60, width: 200}, {step: resample, spacing_mm: 6}]"
    )


def test_given_recipes_are_known_by_their_names(tmp_path, base):
    other = recipe_with(tmp_path, "name=other")
    assert variants.given([base, other]).recipes == {"quick": base, "other": other}
    with pytest.raises(UserError, match="Two recipes are called quick"):
        variants.given([base, base])


def test_all_networks_for_slices_take_part_and_those_for_volumes_are_left_out_with_the_reason(base):
    made = variants.of_networks(base, ["all"])
    assert set(made.recipes) == set(networks.names()) - set(OF_VOLUMES)
    assert list(made.left_out) == OF_VOLUMES
    assert "takes volumes" in made.left_out["unet3d"]
    for name, recipe in made.recipes.items():
        assert recipe.network.name == name
        assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_only_the_network_changes_but_for_a_crop_that_an_unpadded_one_needs(base):
    made = variants.of_networks(base, ["unet", "segnet", "dalu_net", "unet_valid"])
    assert made.recipes["unet"] == base
    for name in ("segnet", "dalu_net"):
        recipe = made.recipes[name]
        assert recipe.model_copy(update={"name": base.name, "network": base.network}) == base
    assert made.recipes["dalu_net"].network.options == {"slices": 3}
    crop = made.recipes["unet_valid"].crop
    logits = build_network(made.recipes["unet_valid"]).eval()(torch.zeros(1, 3, crop, crop))
    assert 64 <= logits.shape[-1] < 64 + 16
    assert made.notes == (
        f"unet_valid pads nothing: it sees crops of {crop} pixels, of which it learns the middle {logits.shape[-1]}.",
    )


def test_a_network_that_cannot_take_the_crop_is_left_out_with_the_reason(base):
    made = variants.of_networks(base.model_copy(update={"crop": 16}), ["unet", "segnet"])
    assert "needs crops of at least 32 pixels, not 16" in made.left_out["unet"]


def test_names_that_nobody_has_are_refused(base):
    with pytest.raises(UserError, match="no network called “vnet”: choose some of alexnet_fcn, .*, or all"):
        variants.of_networks(base, ["unet", "vnet"])
    with pytest.raises(UserError, match="no preprocessing chain called “lee”: choose some of own, ahmad"):
        variants.of_preprocessings(base, ["lee"])


def test_chains_keep_the_recipe_s_pixels_and_bring_their_channels_and_precision(base):
    made = variants.of_preprocessings(
        base.model_copy(update={"schedule": base.schedule.model_copy(update={"precision": "bf16-mixed"})}), ["all"]
    )
    assert list(made.recipes)[0] == "own"
    assert not made.left_out
    assert {recipe.preprocessing.spacing_mm for recipe in made.recipes.values()} == {6}
    kulkarni, li, wide = (made.recipes[name] for name in ("kulkarni", "li", "elmenabawy_without"))
    assert kulkarni.network.in_channels == 9
    assert [step.step for step in kulkarni.preprocessing.root] == ["channels", "resample"]
    assert li.network.in_channels == 3
    assert [step.step for step in li.preprocessing.root] == ["window", "histogram_equalisation", "resample"]
    assert (li.schedule.precision, wide.schedule.precision) == ("bf16-mixed", "32-true")
    assert "elmenabawy_without is trained in 32 bits, which so wide a window needs." in made.notes


def test_parameters_are_those_of_the_network_itself(base):
    assert variants.count_parameters(base) == sum(p.numel() for p in build_network(base).parameters())
