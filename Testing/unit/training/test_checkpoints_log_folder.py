from LiverTumorSegLib.core.atomic_files import HIDDEN_PREFIX
from LiverTumorSegLib.training.checkpoints import (
    CHECKPOINTS,
    PICTURES,
    next_log,
    remove_checkpoints,
    training_logs,
    unfinished_log,
)

CHECKPOINT = "step-000000001.ckpt"


def leave(log):
    (log / CHECKPOINTS).mkdir(parents=True)
    (log / CHECKPOINTS / CHECKPOINT).touch()
    (log / "metrics.csv").touch()


def test_every_training_has_a_folder_beside_the_model(tmp_path):
    model = tmp_path / "model"
    assert next_log(model) == tmp_path / "model-log" / "version_0"
    for number in (0, 2, 10):
        (tmp_path / "model-log" / f"version_{number}").mkdir(parents=True)
    (tmp_path / "model-log" / "version_mine").mkdir()
    assert [log.name for log in training_logs(model)] == ["version_0", "version_2", "version_10"]
    assert next_log(model).name == "version_11"


def test_the_newest_training_with_checkpoints_is_the_unfinished_one(tmp_path):
    model = tmp_path / "model"
    assert unfinished_log(model) is None
    first, second, third = (tmp_path / "model-log" / f"version_{number}" for number in range(3))
    leave(first), leave(second)
    (third / CHECKPOINTS).mkdir(parents=True)
    assert unfinished_log(model) == second
    remove_checkpoints(model, but_of=second)
    assert not (first / CHECKPOINTS).exists()
    assert unfinished_log(model) == second
    remove_checkpoints(model)
    assert unfinished_log(model) is None
    assert (second / "metrics.csv").exists()


def test_what_a_killed_training_left_half_written_goes(tmp_path):
    model, log = tmp_path / "model", tmp_path / "model-log" / "version_0"
    leave(log)
    for folder in (log, log / PICTURES, log / CHECKPOINTS):
        (folder / f"{HIDDEN_PREFIX}left").mkdir(parents=True)
        (folder / f"{HIDDEN_PREFIX}left" / ".in-use").touch()
        (folder / f"{HIDDEN_PREFIX}left" / "half.png").touch()
    remove_checkpoints(model, but_of=log)
    assert sorted(path.name for path in log.rglob("*")) == [CHECKPOINTS, "metrics.csv", PICTURES, CHECKPOINT]
