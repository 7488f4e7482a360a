import json
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from LiverTumorSegLib.core.schema import explain_validation_error
from LiverTumorSegLib.models.description import Description
from LiverTumorSegLib.preprocessing import Chain
from LiverTumorSegLib.training.recipe import Recipe

RECIPE = yaml.safe_load("""
name: plain
title: Plain
segments: liver
seed: 1
data: []
validation: []
preprocessing: [{step: window, level: 60, width: 200}]
network: {name: unet, in_channels: 1}
crop: 32
schedule: {steps: 1, batch: 1, learning_rate: 0.1}
licence: {name: none, terms: none}
""")
LABELS = "labels are [background, liver, lesion], [background, liver] or [background, lesion]."
MAPPING = "a mapping of names to values"


def words(model: type[BaseModel], content: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(content)
    with pytest.raises(ValidationError) as caught_in_json:
        model.model_validate_json(json.dumps(content))
    said = explain_validation_error(caught.value, model)
    assert said == explain_validation_error(caught_in_json.value, model)
    return said


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (
            [{"step": "window", "level": 60, "widht": 200}],
            "there is no “widht” at step 1 (window): did you mean width?",
        ),
        (
            [{"step": "window", "widht": 200}],
            "there is no “widht” at step 1 (window): did you mean width? (and 1 more).",
        ),
        (
            [{"step": "min_max"}, {"step": "median", "zz": 3}],
            "there is no “zz” at step 2 (median): there are step, size",
        ),
        ({"chain": []}, f"it should be a list, not {MAPPING}."),
        (["li"], "step 1 is the text “li”: a step needs its name, such as step: window, and a published chain's name"),
        ([{"width": 3}], "step 1 has no name: a step needs its name, such as step: window."),
        (
            [{"step": "windw"}],
            "there is no step “windw” at step 1: choose one of window, hu_range, liver_level, min_max, z_score,",
        ),
        ([{"step": "window", "level": 60, "width": 0}], "step 1 (window), width should be 0.001 or more, not 0."),
        ([{"step": "window", "level": 60}], "step 1 (window), width is missing."),
        ([{"step": "window"}], "step 1 (window), level is missing (and 1 more)."),
        (
            [{"step": "window", "level": "a", "width": 1}],
            "step 1 (window), level should be a number, not the text “a”.",
        ),
        (
            [{"step": "z_score", "over": "all"}],
            "step 1 (z_score), over should be slice, volume or foreground, not “all”.",
        ),
        ([{"step": "channels", "chains": []}], "step 1 (channels), chains has 0 entries, fewer than the 1 it needs."),
        (
            [{"step": "channels", "chains": [[], [{"step": "median", "size": 0, "siz": 1}]]}],
            "there is no “siz” at step 1 (channels), chains, chain 2, step 1 (median): did you mean size? (and 1",
        ),
    ],
)
def test_what_is_wrong_with_a_chain_is_said_at_its_step(chain, said):
    assert words(Chain, chain).startswith(said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"titel": "Plain", "crop": -1}, "there is no “titel”: did you mean title? (and 1 more)."),
        ({"labels": ["liver", "background"]}, LABELS),
        ({"labels": "liver"}, LABELS),
        ({"data": "li"}, "data should be a list, not the text “li”."),
        ({"data": ["li"]}, f"data, entry 1 should be {MAPPING}, not the text “li”."),
        ({"name": "my model"}, "name may hold letters, digits, . _ - only"),
        ({"loss": "unknown"}, "there is no loss “unknown”: choose one of partial_label, cross_entropy, dice, dice_ce,"),
        ({"loss": {}}, "loss needs its name."),
        (
            {"schedule": {**RECIPE["schedule"], "optimizer": "unknown"}},
            "there is no optimizer “unknown” at schedule, optimizer: choose one of sgd, adagrad, adam, adamw.",
        ),
        ({"crop": -1}, "crop should be larger than 0, not -1."),
        ({"crop": None}, "crop is missing: give the rows and columns that a network for slices sees, or patches"),
        ({"seed": None}, "seed should be a whole number, not empty."),
        ({"seed": 1.5}, "seed should be a whole number, not 1.5."),
        ({"stack": {"slices": 2}}, "stack: a stack has an odd number of slices, not 2."),
        ({"stack": {"slices": 3}}, "a stack of 3 slices with 1 channels each has 3 channels, not 1."),
        ({"title": ["a\nb"]}, "title should be a text, not a list."),
        ({"crop": "a\nb " * 99}, "crop should be a whole number, not the text “a b a b "),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_in_plain_words(changes, said):
    found = words(Recipe, {**RECIPE, **changes})
    assert found.startswith(said)
    assert "\n" not in found
    assert len(found) < 200


@pytest.mark.parametrize(("content", "came"), [(None, "empty"), ([], "a list"), ("li", "the text “li”")])
def test_a_recipe_that_is_none_is_said_to_be_no_mapping(content, came):
    assert words(Recipe, content) == f"it should be {MAPPING}, not {came}."


def test_a_name_that_is_no_text_is_shown():
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate({**RECIPE, 3: 4})
    assert explain_validation_error(caught.value, Recipe) == "a name should be a text, not 3."


def test_text_that_is_not_json_is_named_with_its_place():
    with pytest.raises(ValidationError) as caught:
        Description.model_validate_json('{\n"a" 3}')
    assert explain_validation_error(caught.value, Description) == "it is not valid JSON at line 2, column 5."


def test_keys_of_optional_entries_and_of_mappings_are_known():
    content = {"figures": {"cases": {"volume-1": {"liver_dise": 1}}}}
    assert words(Description, content).startswith(
        "there is no “liver_dise” at figures, cases, volume-1: did you mean liver_dice? (and "
    )
