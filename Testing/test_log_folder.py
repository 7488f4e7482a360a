from LiverTumorSegLib.scratch import PREFIX
from LiverTumorSegLib.training.log_folder import CHECKPOINTS, PICTURES, logs, next_log, remove_checkpoints, unfinished

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
    assert [log.name for log in logs(model)] == ["version_0", "version_2", "version_10"]
    assert next_log(model).name == "version_11"


def test_the_newest_training_with_checkpoints_is_the_unfinished_one(tmp_path):
    model = tmp_path / "model"
    assert unfinished(model) is None
    first, second, third = (tmp_path / "model-log" / f"version_{number}" for number in range(3))
    leave(first), leave(second)
    (third / CHECKPOINTS).mkdir(parents=True)
    assert unfinished(model) == second
    remove_checkpoints(model, but_of=second)
    assert not (first / CHECKPOINTS).exists()
    assert unfinished(model) == second
    remove_checkpoints(model)
    assert unfinished(model) is None
    assert (second / "metrics.csv").exists()


def test_what_a_killed_training_left_half_written_goes(tmp_path):
    model, log = tmp_path / "model", tmp_path / "model-log" / "version_0"
    leave(log)
    for folder in (log, log / PICTURES, log / CHECKPOINTS):
        (folder / f"{PREFIX}left").mkdir(parents=True)
        (folder / f"{PREFIX}left" / ".in-use").touch()
        (folder / f"{PREFIX}left" / "half.png").touch()
    remove_checkpoints(model, but_of=log)
    assert sorted(path.name for path in log.rglob("*")) == [CHECKPOINTS, "metrics.csv", PICTURES, CHECKPOINT]
