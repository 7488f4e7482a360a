import pytest
from support.reproduction_cases import recipe

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.volume_steps import describe, steps_of
from LiverTumorSegLib.postprocessing.settings import NO_CLEAN_UP, Postprocessing

ROWS = [(name, row.name) for name in systems.names() for row in systems.load(name).rows]


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_a_row_has_no_step_that_its_paper_has_not(name, row):
    known = systems.load(name)
    (chosen,) = (each for each in known.rows if each.name == row)
    own = (known.recipe | chosen.recipe).get("postprocessing", {})
    steps = steps_of(recipe(name, row), known.metrics)
    assert not steps.measuring.coarse_pass
    assert steps.clean_up == (Postprocessing.model_validate(own) if own else NO_CLEAN_UP)


def test_what_ran_and_what_did_not_is_named():
    known = systems.load("kulkarni")
    every_slice, clean_up, together = describe(steps_of(recipe("kulkarni", "U-Net"), known.metrics))
    assert every_slice == "Every slice of a CT was segmented: no coarse pass looked for the liver first."
    assert clean_up == (
        "No clean-up ran, since the paper has none; what users' segmentations have was left out: keep the largest "
        "liver alone, keep lesions in the liver alone, fill holes in the liver, smallest lesion, smallest liver."
    )
    assert together == "Labels and probabilities, and so Dice and AUC, are of one segmentation."


def test_a_clean_up_that_a_recipe_states_is_named_with_its_limits():
    plan = recipe("li", "U-Net")
    some = NO_CLEAN_UP.model_copy(update={"fill_holes": True, "smallest_lesion_ml": 0.25})
    said = list(describe(steps_of(plan.model_copy(update={"postprocessing": some}), systems.load("li").metrics)))
    assert said[1:] == [
        "Clean-up that ran, as the paper has it: fill holes in the liver, smallest lesion 0.25 ml.",
        "Other clean-up was left out: keep the largest liver alone, keep lesions in the liver alone, smallest liver.",
    ]


def test_a_gaussian_after_the_network_is_named():
    known = systems.load("elmenabawy")
    first, *rest = describe(steps_of(recipe("elmenabawy", "Korabelnikov"), known.metrics))
    assert first == (
        "After the network, as the paper has it, a Gaussian smoothed the probabilities of each slice, with a standard "
        "deviation of 0.5 pixels."
    )
    assert rest == list(describe(steps_of(recipe("elmenabawy", "AlexNet-FCN without"), known.metrics)))


def test_a_system_may_state_a_clean_up_for_all_its_rows(monkeypatch):
    known = systems.load("ahmad")
    cleaning = known.model_copy(update={"recipe": known.recipe | {"postprocessing": {"fill_holes": False}}})
    monkeypatch.setattr(systems, "load", lambda _: cleaning)
    assert recipe("ahmad", "U-Net").postprocessing == Postprocessing(fill_holes=False)
