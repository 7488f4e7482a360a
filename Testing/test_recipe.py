from pathlib import Path

import pytest

from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.training import recipe

SHIPPED = sorted(Path(recipe.__file__).parents[1].joinpath("recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_recipe_that_ships_is_valid_and_named_as_its_file(path):
    assert recipe.load(path).name == path.stem


def test_changes_replace_entries_also_deep_ones():
    changes = recipe.parse_changes(["seed=3", "schedule.steps=5", "augmentation.zoom=[1, 1]"])
    changed = recipe.load(SHIPPED[0], changes)
    assert (changed.seed, changed.schedule.steps, changed.augmentation.zoom) == (3, 5, (1, 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [("sed=1", "at sed: Extra inputs"), ("schedule.steps=none", r"at schedule\.steps"), ("crop=0", "at crop")],
)
def test_an_unknown_or_wrong_entry_is_named(change, words):
    with pytest.raises(UserError, match=words):
        recipe.load(SHIPPED[0], recipe.parse_changes([change]))


def test_a_change_without_a_value_a_missing_file_and_no_yaml_are_named(tmp_path):
    with pytest.raises(UserError, match="write key=value"):
        recipe.parse_changes(["seed"])
    with pytest.raises(UserError, match="no recipe that can be read at"):
        recipe.load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(UserError, match="not valid YAML"):
        recipe.load(tmp_path / "broken.yaml")
