from pathlib import Path

import pytest

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.training import recipe
from LiverTumorSegLib.training import recipe as recipes

SHIPPED = Path(recipe.__file__).parent / "recipes"


def plan(name, *changes):
    return recipes.load(SHIPPED / f"{name}.yaml", recipes.parse_changes(list(changes)))


def test_a_recipe_says_what_its_network_sees():
    assert plan("unet-lits").patches is None
    assert (plan("unet3d").crop, plan("unet3d").patches.size) == (None, (96, 128, 128))


@pytest.mark.parametrize("name", ["unet-lits", "unet3d"])
def test_both_ways_of_saying_it_and_neither_are_refused(name):
    patches = "patches={spacing_mm: [2, 2, 2], size: [32, 32, 32]}"
    with pytest.raises(
        UserError, match="crop, patches and clicks each say what the network sees: keep crop for slices"
    ):
        plan(name, "crop=224", patches)
    with pytest.raises(UserError, match="crop is missing: give the rows and columns .*, or patches for volumes"):
        plan(name, "crop=null", "patches=null")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data=[{folder: lits}, {volumes: LITS}]", "patches are cut from CTs, and lits holds slice pictures"),
        ("data=[{volumes: LITS, every: 2}]", "leave every out of the data, and set patches.spacing_mm"),
        ("stack={slices: 3}", "a network for volumes sees neighbouring slices anyway: leave stack out"),
        ("sampling.centred=false", "a patch is centred on what it was drawn for: leave sampling.centred out"),
        ("sampling.shuffled=liver", "sampling.shuffled takes slices in turn"),
        ("augmentation.synthetic_lesions={}", "leave augmentation.synthetic_lesions out"),
        ("augmentation.elastic=9.8", r"9\.8 pixels can fold a patch of 96 pixels .* at most 9\.7 keep it whole"),
        ("data=[{volumes: LITS, damaged: leave-out}]", "no slice can be left out: have damaged ones interpolated"),
        ("patches.size=[0, 32, 32]", "patches, size, entry 1 should be 1 or more"),
    ],
)
def test_what_has_no_use_for_volumes_is_refused_in_a_sentence(change, words):
    with pytest.raises(UserError, match=words):
        plan("unet3d", *(["network.in_channels=3"] if "stack" in change else []), change)


def test_a_split_of_slices_is_none_of_volumes():
    with pytest.raises(UserError, match="of which no slices can be held out: name patients in validation"):
        plan("unet3d", "validation=[]", "split={slices: 0.2}")


def test_lesions_are_painted_in_one_window_alone():
    chain = "preprocessing=kulkarni"
    with pytest.raises(UserError, match="the preprocessing makes 3 channels of a slice: leave augmentation.synthetic"):
        plan("unet-lits", chain, "network.in_channels=9")
    assert plan("unet-lits", chain, "network.in_channels=9", "augmentation.synthetic_lesions=null").crop == 160


def test_a_frame_is_of_volumes_alone():
    assert plan("unet3d", "frame=[200, 256, 256]").frame == (200, 256, 256)
    with pytest.raises(UserError, match="frame is a part of volumes that patches are cut from: give patches in place"):
        plan("unet-lits", "frame=[200, 256, 256]")
