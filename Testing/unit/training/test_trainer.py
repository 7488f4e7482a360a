import importlib.util
import math
from types import SimpleNamespace

import pytest
from support.training_cases import recipe_with

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from lightning.pytorch.accelerators import CPUAccelerator

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import job
from LiverTumorSegLib.training import trainer
from LiverTumorSegLib.training.lightning_module import SliceSegmenter
from LiverTumorSegLib.training.network import build_network
from LiverTumorSegLib.training.resume import TrainingStart
from LiverTumorSegLib.training.trainer import TrainingRun

ALL = ("schedule.policy=plateau", "callbacks={save: best, early_stopping: {patience: 1}, pictures_every: 1}")


class Held:
    """As much of a scorer as is asked before training."""

    def __init__(self, *_):
        self.patients = []


def course_of(folder, *changes):
    plan = recipe_with(folder, *changes)
    return TrainingRun(
        plan, SliceSegmenter(plan, build_network(plan), []), [], TrainingStart(folder / "log"), job(None, None)
    )


def callbacks_of(folder, *changes):
    return [type(callback).__name__ for callback in course_of(folder, *changes)._trainer().callbacks]


def test_validation_comes_before_what_reads_it_and_the_checkpoint_after_all(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "input_mode_of", lambda _: SimpleNamespace(scorer=Held))
    listeners = ["BestWeights", "LowerOnPlateau", "Stopping", "ExamplePictures"]
    around = ["MetricsLog", "ProgressReporter", "CheckpointWriter"]
    assert callbacks_of(tmp_path, *ALL) == ["Averaging", "Validation", *listeners, *around]
    assert callbacks_of(tmp_path) == ["Averaging", "Validation", *around]
    assert callbacks_of(tmp_path, "validation=[]") == ["Averaging", *around]


@pytest.mark.parametrize(("step", "purged"), [(0, {}), (200, {"purge_step": 201})])
def test_tensorboard_is_written_where_it_is_installed_and_forgets_what_is_repeated(tmp_path, monkeypatch, step, purged):
    made = []
    monkeypatch.setattr(trainer, "TensorBoardLogger", lambda **options: made.append(options))
    start = TrainingStart(tmp_path / "model-log" / "version_3", None, step)
    monkeypatch.setattr(trainer, "find_spec", lambda _: None)
    (table,) = trainer._loggers(start)
    assert table.log_dir == str(start.log)
    monkeypatch.setattr(trainer, "find_spec", lambda _: importlib.util.find_spec("json"))
    assert len(trainer._loggers(start)) == 2
    (options,) = made
    place = {"save_dir": tmp_path, "name": "model-log", "version": "version_3"}
    assert options == {**place, "default_hp_metric": False, **purged}


SEVERAL = {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}


def test_one_process_trains_on_one_device_whatever_there_is_and_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setattr(CPUAccelerator, "auto_device_count", staticmethod(lambda: 2))
    for name, value in {**SEVERAL, "TORCHELASTIC_RUN_ID": "1", "GROUP_RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    made = course_of(tmp_path, "validation=[]")._trainer()
    assert (made.num_devices, made.world_size) == (1, 1)
    assert type(made.strategy).__name__ == "SingleDeviceStrategy"
    assert type(made.strategy.checkpoint_io).__name__ == "WholeCheckpoints"
    environment = made._accelerator_connector.cluster_environment  # SLURM's would have SIGTERM do nothing
    assert type(environment).__name__ == "LightningEnvironment"


def test_best_weights_that_are_no_numbers_are_not_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "input_mode_of", lambda _: SimpleNamespace(scorer=Held))
    course = course_of(tmp_path, "callbacks.save=best")
    state = course._segmenter.network.state_dict()
    course._best.weights = {name: values * math.nan for name, values in state.items()}
    monkeypatch.setattr(course, "_fit", lambda *_: None)
    with pytest.raises(UserError, match="Training diverged and no model was saved"):
        course.run([])
