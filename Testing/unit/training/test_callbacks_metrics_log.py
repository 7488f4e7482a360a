from types import SimpleNamespace

import pytest
import torch
from support.training_cases import at_step

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from lightning.pytorch.loggers import CSVLogger

from LiverTumorSegLib.training import callbacks
from LiverTumorSegLib.training.callbacks import MetricsLog
from LiverTumorSegLib.training.scoring import Scores

CPU = SimpleNamespace(device=torch.device("cpu"))


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    made = []
    monkeypatch.setattr(callbacks, "draw_curves", lambda rows, path: made.append([row["step"] for row in rows]))
    return made


def go_through(log, folder, steps, of=100, validated=()):
    """The loss of a step is its number, the learning rate a tenth of it."""
    logger = CSVLogger(folder, name="log", version=0)
    log.on_train_start(at_step(0, of, loggers=[logger]), CPU)
    for step in steps:
        rate = SimpleNamespace(param_groups=[{"lr": step / 10}])
        trainer = at_step(step, of, loggers=[logger], optimizers=[rate])
        log.on_train_batch_start(trainer, None, None, 0)
        if step in validated:
            log.validated(trainer, Scores(0.5, {"liver": 0.75}))
        log.on_train_batch_end(trainer, CPU, {"loss": torch.tensor(float(step))}, None, 0)
    return (folder / "log" / "version_0" / "metrics.csv").read_text().splitlines()


def test_a_row_has_the_mean_loss_since_the_one_before_and_validations_a_row_of_their_own(tmp_path, drawn):
    log = MetricsLog(tmp_path / "curves.png", 100)
    head, *rows = go_through(log, tmp_path, range(1, 5), validated=[3])
    assert head == "learning_rate,liver_dice,loss,score,step,validation_loss"
    assert rows == ["0.2,,1.5,,2,", "0.3,0.75,3.0,0.75,3,0.5", "0.4,,4.0,,4,"]
    assert drawn == [[2, 3]]
    assert (log.latest["loss"], log.latest["score"]) == (4.0, 0.75)
    log.on_train_end(at_step(4), None)
    log.on_train_end(at_step(4), None)  # nothing is new
    assert drawn == [[2, 3], [2, 3, 4]]


@pytest.mark.parametrize(("steps", "every"), [(10, 1), (100, 2), (2500, 50), (100000, 50)])
def test_rows_are_neither_rare_nor_many(tmp_path, steps, every):
    assert MetricsLog(tmp_path, steps)._every == every


def test_the_last_step_has_a_row(tmp_path):
    assert go_through(MetricsLog(tmp_path, 500), tmp_path, range(1, 13), of=12)[-1].endswith(",11.5,12")


def test_a_training_that_goes_on_has_the_table_of_an_unbroken_one(tmp_path):
    unbroken = go_through(MetricsLog(tmp_path, 150), tmp_path / "unbroken", range(1, 10), validated=[4, 8])
    first = MetricsLog(tmp_path, 150)
    go_through(first, tmp_path, range(1, 6), validated=[4])
    state = {name: list(value) if name == "rows" else value for name, value in first.state_dict().items()}
    go_through(MetricsLog(tmp_path, 150), tmp_path, range(1, 9))  # what was written after the checkpoint
    after = MetricsLog(tmp_path, 150)
    after.load_state_dict(state)
    assert go_through(after, tmp_path, range(6, 10), validated=[8]) == unbroken


def test_of_several_processes_the_first_draws(tmp_path, drawn):
    log = MetricsLog(tmp_path / "curves.png", 100)
    log.on_train_end(at_step(4, is_global_zero=False), None)
    assert drawn == []
