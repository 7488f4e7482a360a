import pytest
from training_cases import recipe_with

from LiverTumorSegLib.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.beginning import Beginning, beginning
from LiverTumorSegLib.training.checkpoints import WholeCheckpoints, path_of
from LiverTumorSegLib.training.log_folder import CHECKPOINTS

CONSTANT = "schedule.policy=constant"


def leave(folder, plan, *steps):
    log = folder / "model-log" / "version_0"
    for step in steps:
        content = {"global_step": step, "recipe": plan.model_dump(mode="json")}
        WholeCheckpoints().save_checkpoint(content, path_of(log / CHECKPOINTS, step))
    return log


def begin(folder, plan, *, resume=True, overwrite=False):
    told = []
    return beginning(plan, folder / "model", resume=resume, overwrite=overwrite, say=told.append), " ".join(told)


def test_without_an_unfinished_training_it_starts_anew(tmp_path):
    new = Beginning(tmp_path / "model-log" / "version_0")
    assert begin(tmp_path, recipe_with(tmp_path), resume=False) == (new, "")
    again, told = begin(tmp_path, recipe_with(tmp_path))
    assert again == new
    assert told == "There is no checkpoint to go on from yet: training starts at the first step."


def test_an_unfinished_training_is_gone_on_with_given_up_or_in_the_way(tmp_path):
    plan = recipe_with(tmp_path)
    log = leave(tmp_path, plan, 2, 4)
    checkpoint = path_of(log / CHECKPOINTS, 4)
    assert begin(tmp_path, plan) == (Beginning(log, checkpoint, 4), "Training goes on after step 4.")
    assert begin(tmp_path, plan, overwrite=True)[0] == Beginning(log, checkpoint, 4)
    assert begin(tmp_path, plan, resume=False, overwrite=True)[0] == Beginning(log.with_name("version_1"))
    with pytest.raises(UserError, match=r"go on with it \(--resume\), or start anew \(--overwrite\)\.$"):
        begin(tmp_path, plan, resume=False)


def test_damaged_checkpoints_are_named_and_without_a_whole_one_it_starts_anew(tmp_path):
    plan = recipe_with(tmp_path)
    log = leave(tmp_path, plan, 2, 4)
    path_of(log / CHECKPOINTS, 4).write_bytes(b"")
    found, told = begin(tmp_path, plan)
    assert found.step == 2
    assert "step-000000004.ckpt is damaged and left out. Training goes on after step 2." in told
    path_of(log / CHECKPOINTS, 2).write_bytes(b"")
    found, told = begin(tmp_path, plan)
    assert found == Beginning(log)
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


def test_steps_may_grow_where_the_learning_rate_does_not_depend_on_them(tmp_path):
    leave(tmp_path, recipe_with(tmp_path, CONSTANT), 2)
    assert begin(tmp_path, recipe_with(tmp_path, CONSTANT, "schedule.steps=12"))[0].step == 2
