import importlib.util

import pytest
from training_cases import recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.progress import job
from LiverTumorSegLib.training import trainer
from LiverTumorSegLib.training.beginning import Beginning
from LiverTumorSegLib.training.network import build
from LiverTumorSegLib.training.segmenter import SliceSegmenter
from LiverTumorSegLib.training.trainer import Course

ALL = ("schedule.policy=plateau", "callbacks={save: best, early_stopping: {patience: 1}, pictures_every: 1}")


class Held:
    """As much of a scorer as is asked before training."""

    def __init__(self, *_):
        self.patients = []


def callbacks_of(folder, *changes):
    plan = recipe_with(folder, *changes)
    course = Course(plan, SliceSegmenter(plan, build(plan), []), [], Beginning(folder / "log"), job(None, None))
    return [type(callback).__name__ for callback in course._trainer().callbacks]


def test_validation_comes_before_what_reads_it_and_the_checkpoint_after_all(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "Scorer", Held)
    listeners = ["BestWeights", "LowerOnPlateau", "Stopping", "Examples"]
    around = ["MetricsLog", "Reporting", "Checkpointing"]
    assert callbacks_of(tmp_path, *ALL) == ["Averaging", "Validation", *listeners, *around]
    assert callbacks_of(tmp_path) == ["Averaging", "Validation", *around]
    assert callbacks_of(tmp_path, "validation=[]") == ["Averaging", *around]


@pytest.mark.parametrize(("step", "purged"), [(0, {}), (200, {"purge_step": 201})])
def test_tensorboard_is_written_where_it_is_installed_and_forgets_what_is_repeated(tmp_path, monkeypatch, step, purged):
    made = []
    monkeypatch.setattr(trainer, "TensorBoardLogger", lambda **options: made.append(options))
    start = Beginning(tmp_path / "model-log" / "version_3", None, step)
    monkeypatch.setattr(trainer, "find_spec", lambda _: None)
    (table,) = trainer._loggers(start)
    assert table.log_dir == str(start.log)
    monkeypatch.setattr(trainer, "find_spec", lambda _: importlib.util.find_spec("json"))
    assert len(trainer._loggers(start)) == 2
    (options,) = made
    place = {"save_dir": tmp_path, "name": "model-log", "version": "version_3"}
    assert options == {**place, "default_hp_metric": False, **purged}
