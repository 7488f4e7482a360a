import signal

import pytest
from support.training_cases import RECIPE, make_data

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments import record
from LiverTumorSegLib.training.callbacks import ProgressReporter


@pytest.fixture
def words(tmp_path):
    (tmp_path / "quick.yaml").write_text(RECIPE)
    data = make_data(tmp_path / "data")
    fixed = ["--data", data, "-o", tmp_path / "out", "--device", "cpu", "--folds", "2", "--set", "schedule.steps=2"]
    return ["compare", tmp_path / "quick.yaml", *fixed]


def test_the_table_is_printed_and_written(run, words, tmp_path):
    code, said, complained = run(*words)
    assert (code, complained) == (0, "")
    assert "lesions" in said
    assert "│ quick │" in said
    assert "3 patients, each measured by a model that was not trained on them" in said
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "split.json",
        "trials",
        "comparison.md",
        "comparison.csv",
        "comparison.json",
    }


def test_it_goes_on_where_it_was_interrupted(run, words, tmp_path, monkeypatch):
    fit = ProgressReporter.on_train_batch_end

    def interrupted(self, trainer, *rest):
        if (tmp_path / "out" / "trials" / "quick" / "fold-0" / "model").exists():
            signal.raise_signal(signal.SIGINT)
        fit(self, trainer, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressReporter, "on_train_batch_end", interrupted)
        code, _, complained = run(*words)
    assert code == 130
    assert complained == "Cancelled; what is done is kept, and the same command continues with the rest.\n"
    trained, whole = [], record.fit
    monkeypatch.setattr(
        record, "fit", lambda *given, **named: (trained.append(given[2].parent.name), whole(*given, **named))
    )
    assert run(*words)[0] == 0
    assert trained == ["fold-1"]


def test_networks_vary_and_who_is_left_out_is_named(run, words):
    code, said, complained = run(*words, "--networks", "unet,unet3d", "--fold", "0")
    assert code == 0
    assert "unet3d is left out. The network “unet3d” takes volumes" in complained
    assert "│ unet │" in said


def test_one_that_fails_ends_with_a_table_and_an_exit_code(run, words, tmp_path):
    broken = RECIPE.replace("name: quick", "name: broken") + "sampling: {lesion: 0, liver: 0, other: 0, joined: 1}\n"
    (tmp_path / "broken.yaml").write_text(broken)
    code, said, complained = run(words[0], tmp_path / "broken.yaml", *words[1:], "--fold", "0")
    assert code == 3
    assert "quick" in said
    assert "warning: Not under equal conditions, sampling: not the same in broken and quick." in complained
    assert "error: broken: No training slice shows" in complained


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--networks", "unet", "--preprocessings", "li"], "give one recipe and one of the two"),
        (["--networks", "vnet"], "no network called “vnet”"),
        (["--networks", "unet3d"], "Nothing is left to compare. The network “unet3d” takes volumes"),
        (["--fold", "7"], "There is no fold 7"),
        (["--set", "callbacks.save=best", "--set", "schedule.validate_every=1"], "choose the weights, which flatters"),
        (["--set", "callbacks.saves=best"], "is not valid"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(run, words, more, sentence):
    code, _, complained = run(*words, *more)
    assert code == 3
    assert sentence in complained


def test_the_recipe_for_equal_conditions_ships(run, tmp_path):
    code, _, complained = run("compare", "--data", tmp_path, "-o", tmp_path / "out")
    assert code == 3
    assert f"{tmp_path / 'lits'} is not a folder" in complained
