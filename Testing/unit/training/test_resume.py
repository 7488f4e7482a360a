import pytest
import torch
from support.training_cases import recipe_with

from LiverTumorSegLib.core.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.checkpoints import CHECKPOINTS, WholeCheckpoints, checkpoint_path
from LiverTumorSegLib.training.network import build_network
from LiverTumorSegLib.training.resume import TrainingStart, find_start, refuse_other_patients

CONSTANT = "schedule.policy=constant"
PATIENTS = {"training": {"volume-0": 10, "volume-1": 10}, "validation": {"volume-2": 10}}


def content_of(plan, step):
    """As much of a checkpoint as is looked at."""
    weights = {f"network.{name}": values for name, values in build_network(plan).state_dict().items()}
    lightning = dict.fromkeys(("optimizer_states", "lr_schedulers", "loops", "callbacks"))
    ours = {"recipe": plan.model_dump(mode="json"), "patients": PATIENTS}
    return {"global_step": step, "state_dict": weights, "current_model_state": weights, **lightning, **ours}


def leave(folder, plan, *steps):
    log = folder / "model-log" / "version_0"
    for step in steps:
        WholeCheckpoints().save_checkpoint(content_of(plan, step), checkpoint_path(log / CHECKPOINTS, step))
    return log


def begin(folder, plan, *, resume=True, overwrite=False):
    told = []
    return find_start(plan, folder / "model", resume=resume, overwrite=overwrite, say=told.append), " ".join(told)


def test_without_an_unfinished_training_it_starts_anew(tmp_path):
    new = TrainingStart(tmp_path / "model-log" / "version_0")
    assert begin(tmp_path, recipe_with(tmp_path), resume=False) == (new, "")
    again, told = begin(tmp_path, recipe_with(tmp_path))
    assert again == new
    assert told == "There is no checkpoint to go on from yet: training starts at the first step."


def test_an_unfinished_training_is_gone_on_with_given_up_or_in_the_way(tmp_path):
    plan = recipe_with(tmp_path)
    log = leave(tmp_path, plan, 2, 4)
    checkpoint = checkpoint_path(log / CHECKPOINTS, 4)
    assert begin(tmp_path, plan) == (TrainingStart(log, checkpoint, 4, PATIENTS), "Training goes on after step 4.")
    assert begin(tmp_path, plan, overwrite=True)[0] == TrainingStart(log, checkpoint, 4, PATIENTS)
    assert begin(tmp_path, plan, resume=False, overwrite=True)[0] == TrainingStart(log.with_name("version_1"))
    with pytest.raises(UserError, match=r"go on with it \(--resume\), or start anew \(--overwrite\)\.$"):
        begin(tmp_path, plan, resume=False)


def test_damaged_checkpoints_are_named_and_without_a_whole_one_it_starts_anew(tmp_path):
    plan = recipe_with(tmp_path)
    log = leave(tmp_path, plan, 2, 4)
    checkpoint_path(log / CHECKPOINTS, 4).write_bytes(b"")
    found, told = begin(tmp_path, plan)
    assert found.step == 2
    assert "step-000000004.ckpt is damaged and left out. Training goes on after step 2." in told
    checkpoint_path(log / CHECKPOINTS, 2).write_bytes(b"")
    found, told = begin(tmp_path, plan)
    assert found == TrainingStart(log)
    assert told.endswith("is whole: training starts at the first step.")


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ([], ["seed=3"], r"another recipe: seed was 1 and is 3: go on with that recipe"),
        ([], ["crop=64", "schedule.batch=4"], r"crop was 48 and is 64 \(and 1 more\)"),
        ([], ["callbacks.early_stopping={patience: 3}"], r"early_stopping\.monitor was not given and is score"),
        ([], ["schedule.steps=12"], "steps was 6 and is 12, which decides the whole course of one_cycle"),
        ([CONSTANT], [CONSTANT, "schedule.steps=5"], "steps was 6 and is 5"),
    ],
)
def test_another_recipe_is_refused_with_what_differs(tmp_path, before, now, words):
    leave(tmp_path, recipe_with(tmp_path, *before), 2)
    with pytest.raises(UserError, match=words):
        begin(tmp_path, recipe_with(tmp_path, *now))


def test_entries_that_recipes_did_not_have_yet_do_not_make_another_recipe(tmp_path):
    plan = recipe_with(tmp_path)
    content = content_of(plan, 2)
    del content["recipe"]["initial"], content["recipe"]["schedule"]["weight_decay"]
    del content["recipe"]["sampling"]["shuffled"], content["recipe"]["postprocessing"]["smallest_liver_ml"]
    path = checkpoint_path(tmp_path / "model-log" / "version_0" / CHECKPOINTS, 2)
    WholeCheckpoints().save_checkpoint(content, path)
    assert begin(tmp_path, plan)[0].step == 2


def test_steps_may_grow_where_the_learning_rate_does_not_depend_on_them(tmp_path):
    leave(tmp_path, recipe_with(tmp_path, CONSTANT), 2)
    assert begin(tmp_path, recipe_with(tmp_path, CONSTANT, "schedule.steps=12"))[0].step == 2


def without(key):
    return lambda content: content.pop(key)


def with_another_shape(content):
    weights = content["state_dict"]
    content["state_dict"] = {**weights, next(iter(weights)): torch.zeros(1)}


def with_another_name(content):
    content["current_model_state"] = {**content["current_model_state"], "network.other": torch.zeros(1)}


FOREIGN = [*map(without, ("recipe", "patients", "state_dict", "loops")), with_another_shape, with_another_name]


@pytest.mark.parametrize("change", FOREIGN)
def test_a_whole_file_that_is_no_checkpoint_of_the_recipe_gives_way_to_the_one_before(tmp_path, change):
    plan = recipe_with(tmp_path)
    log = leave(tmp_path, plan, 2)
    content = content_of(plan, 4)
    change(content)
    WholeCheckpoints().save_checkpoint(content, checkpoint_path(log / CHECKPOINTS, 4))
    found, told = begin(tmp_path, plan)
    assert found.step == 2
    assert "step-000000004.ckpt is damaged and left out." in told


def test_a_whole_file_that_holds_something_else_is_damaged(tmp_path):
    log = leave(tmp_path, recipe_with(tmp_path))
    WholeCheckpoints().save_checkpoint([1, 2], checkpoint_path(log / CHECKPOINTS, 4))
    found, told = begin(tmp_path, recipe_with(tmp_path))
    assert found == TrainingStart(log)
    assert told.endswith("is whole: training starts at the first step.")


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"training": {"volume-0": 10, "volume-1": 9}}, "training patient volume-1 had 10 slices and has 9 slices: go"),
        ({"training": {"volume-0": 10}}, "the training patient volume-1 had 10 slices and has no slices: go on"),
        ({"validation": {}}, "the validation patient volume-2 had 10 slices and has no slices: go on"),
        (
            {"training": {**PATIENTS["training"], "volume-2": 10}, "validation": {"volume-3": 1}},
            r"validation patient volume-2 had 10 slices and has no slices \(and 2 more\): go on with those data",
        ),
    ],
)
def test_other_patients_than_a_training_began_with_are_refused(tmp_path, now, words):
    start = TrainingStart(tmp_path, tmp_path, 2, PATIENTS)
    with pytest.raises(UserError, match=words):
        refuse_other_patients(start, {**PATIENTS, **now})


def test_the_same_patients_in_any_order_and_any_at_the_first_step_are_taken(tmp_path):
    refuse_other_patients(
        TrainingStart(tmp_path, tmp_path, 2, PATIENTS), {**PATIENTS, "training": {"volume-1": 10, "volume-0": 10}}
    )
    refuse_other_patients(TrainingStart(tmp_path), PATIENTS)
