import signal

import pytest
from support.training_cases import RECIPE, make_data

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import checkpoints
from LiverTumorSegLib.training.callbacks import ProgressReporter


@pytest.fixture
def words(tmp_path):
    (tmp_path / "quick.yaml").write_text(RECIPE)
    changes = ("schedule.steps=4", "schedule.validate_every=2", "callbacks.checkpoint_every=1")
    options = [word for change in changes for word in ("--set", change)]
    data = make_data(tmp_path / "data")
    return ["train", tmp_path / "quick.yaml", "--data", data, "-o", tmp_path / "model", *options]


def interrupt_after(step, monkeypatch):
    report = ProgressReporter.on_train_batch_end

    def interrupted(self, trainer, *rest):
        if trainer.global_step == step:
            signal.raise_signal(signal.SIGINT)
        report(self, trainer, *rest)

    monkeypatch.setattr(ProgressReporter, "on_train_batch_end", interrupted)


def test_training_says_where_its_log_is_and_nothing_of_lightning(run, words, tmp_path):
    code, said, complained = run(*words)
    assert (code, complained) == (0, "")
    log, weights = said.splitlines()
    assert log == f"The log is in {tmp_path / 'model-log' / 'version_0'}."
    assert weights == "The saved weights are those after step 4, the last."


def test_an_interrupted_training_goes_on_only_when_told_to(run, words, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        code, _, complained = run(*words)
    assert code == 130
    log = tmp_path / "model-log" / "version_0"
    words_of_it = f"and {log} has checkpoints: the same recipe goes on from the newest with --resume."
    assert complained == f"Cancelled; no model was written, {words_of_it}\n"
    assert not (tmp_path / "model").exists()
    code, _, complained = run(*words)
    assert (code, complained.count("\n")) == (3, 1)
    assert "unfinished training: go on with it (--resume), or start anew (--overwrite)" in complained
    code, said, complained = run(*words, "--resume")
    assert (code, complained) == (0, "")
    assert said.startswith("Training goes on after step 2.")
    assert checkpoints.unfinished_log(tmp_path / "model") is None


@pytest.mark.parametrize("every", [0, 3])
def test_an_interrupted_training_without_a_checkpoint_promises_none(run, words, monkeypatch, every):
    interrupt_after(2, monkeypatch)
    code, _, complained = run(*words, "--set", f"callbacks.checkpoint_every={every}")
    assert code == 130
    assert complained == "Cancelled; no model was written, and there is no checkpoint to go on from.\n"


def test_starting_anew_gives_the_unfinished_training_up(run, words, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        run(*words)
    code, said, _ = run(*words, "--overwrite")
    assert code == 0
    assert "version_1" in said
    assert checkpoints.unfinished_log(tmp_path / "model") is None
