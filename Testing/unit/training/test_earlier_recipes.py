from pathlib import Path

import pytest

from LiverTumorSegLib.training import recipe as recipes
from LiverTumorSegLib.training.earlier_recipes import completed

UNET_LITS = Path(recipes.__file__).parent / "recipes" / "unet-lits.yaml"
FROM_IMAGENET = ("network={name: resnet18, in_channels: 3}", "encoder_weights=imagenet")


def recipe(*changes):
    return recipes.load(UNET_LITS, recipes.parse_changes(list(changes))).model_dump(mode="json")


def test_entries_that_have_come_since_are_what_they_are_where_nobody_gives_them():
    whole = recipe()
    old = {key: value for key, value in whole.items() if key not in ("initial", "patches")}
    old["schedule"] = {key: value for key, value in whole["schedule"].items() if key != "precision"}
    assert completed(old) == whole


@pytest.mark.parametrize("change", [{"seed": -1}, {"preprocessing": "unheard-of"}])
def test_what_is_no_recipe_any_more_is_not_completed(change):
    old = recipe() | change
    assert completed(old) == old


def test_an_encoder_of_before_its_input_was_normalised_is_told_from_one_of_now():
    now = recipe(*FROM_IMAGENET)
    assert completed(now) == now
    assert now["network"]["options"] == {"imagenet_input": True}
    old = now | {"network": now["network"] | {"options": {}}}
    assert completed(old)["network"]["options"] == {"imagenet_input": False}


@pytest.mark.parametrize(
    "changes", [("network={name: resnet18, in_channels: 3}",), ("encoder_weights=file.pth",)], ids=["random", "unet"]
)
def test_other_networks_of_before_say_nothing_of_their_input(changes):
    old = recipe(*changes)
    assert completed(old) == old
    assert "imagenet_input" not in old["network"]["options"]
