import json
from dataclasses import replace

import pytest
from support.training_cases import make_data, recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.splits import Split
from LiverTumorSegLib.experiments import variants
from LiverTumorSegLib.experiments.click_measures import LesionClicks
from LiverTumorSegLib.experiments.compare import (
    Comparison,
    chosen_folds,
    compare,
    describe_changes_of_folds,
    write_into_card,
)
from LiverTumorSegLib.experiments.run_options import RunOptions
from LiverTumorSegLib.models.model_folder import read_description
from LiverTumorSegLib.training.fit import fit

SPLIT = Split(seed=0, folds=(("volume-0",), ("volume-1", "volume-2")))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data, a model trained on all but a fold, and its recipe and another one cross-validated."""
    root = make_data(tmp_path_factory.mktemp("card"))
    SPLIT.save(root / "folds.json")
    made = recipe_with(root, "validation=[]", "split={file: folds.json, fold: 0}", "schedule.steps=3")
    fit(made, root, root / "model", command="train it")
    plans = variants.given([recipe_with(root, "schedule.steps=2"), recipe_with(root, "schedule.steps=1", "name=less")])
    folds = chosen_folds(SPLIT, plans.recipes["quick"].data, root, None)
    both = compare(plans, root, root / "both", folds, RunOptions(device="cpu", command="compare both"))
    alone = variants.Variants({"quick": plans.recipes["quick"]})
    own = compare(alone, root, root / "both", folds, RunOptions(device="cpu", command="compare own"))
    return root, plans.recipes, both, own


def test_a_models_own_cross_validation_becomes_its_figures(place):
    root, recipes, _, own = place
    write_into_card(root / "model", own, recipes)
    described = read_description(root / "model")
    measured = {each.name: each.liver_dice for each in own.results["quick"]}
    assert {name: case.liver_dice for name, case in described.figures.cases.items()} == measured
    assert described.figures.command == "compare own"
    (table,) = [each for each in described.evidence if each.title == "Cross-validation"]
    assert "3 patients, each measured by a model that was not trained on them" in table.text
    assert "Trained otherwise than the model itself: schedule.steps 2 in place of 3." in table.text
    card = (root / "model" / "README.md").read_text(encoding="utf-8")
    assert "## Cross-validation" in card
    assert "| volume-2 |" in card


def test_folds_that_were_trained_differently_are_told_one_by_one(place):
    root, recipes, *_ = place
    described = read_description(root / "model")
    quick = recipes["quick"]
    alike = describe_changes_of_folds(described, {"fold-0": quick, "fold-1": quick})
    assert alike == "Trained otherwise than the model itself: schedule.steps 2 in place of 3."
    longer = quick.model_copy(update={"schedule": quick.schedule.model_copy(update={"steps": 3})})
    assert describe_changes_of_folds(described, {"fold-0": quick, "fold-1": longer}) == (
        "fold-0: Trained otherwise than the model itself: schedule.steps 2 in place of 3. "
        "fold-1: Trained as the model itself."
    )


def test_a_comparison_is_a_table_that_a_second_one_replaces(place):
    root, recipes, both, own = place
    write_into_card(root / "model", own, recipes)
    before = read_description(root / "model").figures
    for _ in range(2):
        write_into_card(root / "model", replace(both, left_out={"unet3d": "It takes volumes."}), recipes)
    described = read_description(root / "model")
    assert [each.title for each in described.evidence] == ["Cross-validation", "Comparison of quick, less"]
    assert [row[0] for row in described.evidence[1].rows] != []
    assert "Not under equal conditions" in described.evidence[1].text
    assert "Not in the table: unet3d. It takes volumes." in described.evidence[1].text
    assert described.figures == before


def test_what_was_not_measured_is_not_written(place):
    root, recipes, *_ = place
    nothing = Comparison(None, {}, {"quick": "It failed."}, {}, (), "compare")
    with pytest.raises(UserError, match="Nothing was measured that could be written into the card"):
        write_into_card(root / "model", nothing, recipes)


def test_lesions_by_clicks_have_a_table_of_their_own(place):
    root, recipes, _, own = place
    lesion = LesionClicks(diameter_mm=12.0, scatter_mm=0.0, dice=(0.5, 0.75, 0.8, 0.8, 0.9), seconds=0.1)
    clicked = [each.model_copy(update={"clicks": (lesion,)}) for each in own.results["quick"]]
    compared = replace(own, results={"quick": clicked})
    compared.write(root / "clicked")
    assert "## quick: lesions by clicks" in (root / "clicked" / "comparison.md").read_text(encoding="utf-8")
    content = json.loads((root / "clicked" / "comparison.json").read_text(encoding="utf-8"))
    assert content["clicks"]["quick"]["exact"]["by patient"]["dice_2"]["mean"] == 0.75
    write_into_card(root / "model", compared, recipes)
    (table,) = [each for each in read_description(root / "model").evidence if each.title == "Clicks"]
    assert table.rows[-1][:4] == ("exact", "by patient", "3", "0.50 (0.50–0.50)")


def test_a_comparison_without_clicks_has_no_table_of_them(place):
    _, _, both, _ = place
    assert both.clicks == {}
