import pytest
from support.training_cases import recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.variants import unequal_conditions


def test_other_networks_steps_and_batches_of_one_budget_are_equal_conditions(tmp_path):
    first = recipe_with(tmp_path, "schedule.steps=6", "schedule.batch=2")
    second = recipe_with(
        tmp_path, "schedule.steps=3", "schedule.batch=4", "network.options.features=[4, 4, 4, 4, 4, 4]"
    )
    assert unequal_conditions({"first": first, "second": second}) == ()
    assert unequal_conditions({"first": first}) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("seed=2", "seed: 1 in first and 2 in second."),
        ("schedule.steps=8", "slices seen (schedule.steps × schedule.batch): 12 in first and 16 in second."),
        ("crop=64", "crop: 48 in first and 64 in second."),
        ("sampling.lesion=0.9", "sampling: not the same in first and second."),
        ("patients=[volume-1]", "patients: not the same in first and second."),
        ("initial=other", "weights training starts from (initial, encoder_weights): not the same in first and second."),
        ("augmentation=li", "augmentation: not the same in first and second."),
        (
            "data=[{folder: lits, intensities: [0, 160], default_spacing_mm: 5}]",
            "data: not the same in first and second.",
        ),
    ],
)
def test_what_is_not_the_same_is_said(tmp_path, change, words):
    assert unequal_conditions({"first": recipe_with(tmp_path), "second": recipe_with(tmp_path, change)}) == (words,)
