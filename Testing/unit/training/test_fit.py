import json
import math
import os
import shutil
import signal

import pytest
import torch
from support.training_cases import make_data, recipe_with

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.networks import SliceNetwork

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import checkpoints, lightning_module
from LiverTumorSegLib.training import recipe as recipes
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.log_table import read_rows
from LiverTumorSegLib.training.validate import validate


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def plan(tmp_path):
    return recipe_with(tmp_path)


BROKEN = "callbacks={checkpoint_every: 2, save: best, early_stopping: {patience: 9}}"


class Levels(SliceNetwork):
    """Two levels of logits in training, the finer without a border of two pixels."""

    margin = 2
    source = "none"

    def __init__(self, in_channels, classes):
        super().__init__(in_channels, classes)
        self.body = torch.nn.Conv2d(in_channels, classes, 5)

    def logits(self, slices):
        made = self.body(slices)
        return [made, made[..., ::2, ::2]] if self.training else made


def weights(folder):
    return (folder / model_folder.WEIGHTS).read_bytes()


def test_training_makes_a_model_that_loads_and_the_seed_decides(plan, data, tmp_path):
    for name in ("first", "again"):
        fit(plan, data, tmp_path / name, command="train it")
    trained = model_folder.load(tmp_path / "first").description
    assert trained.training.patients == ("volume-0", "volume-1")
    assert trained.training.validation_patients == ("volume-2",)
    assert trained.training.command == "train it"
    assert "Not measured yet." in (tmp_path / "first" / model_folder.CARD).read_text()
    assert weights(tmp_path / "first") == weights(tmp_path / "again")
    fit(plan.model_copy(update={"seed": 2}), data, tmp_path / "other", command="")
    assert weights(tmp_path / "other") != weights(tmp_path / "first")


def test_validating_writes_figures_by_patient_into_the_model_and_its_card(plan, data, tmp_path):
    fit(plan, data, tmp_path / "model", command="")
    figures = validate(tmp_path / "model", data, device="cpu", command="validate it")
    assert list(figures.cases) == ["volume-2"]
    assert model_folder.load(tmp_path / "model").description.figures == figures
    card = (tmp_path / "model" / model_folder.CARD).read_text()
    assert "| volume-2 |" in card
    assert "`validate it`" in card
    assert (
        json.loads((tmp_path / "model" / model_folder.DESCRIPTION).read_text())["figures"]["command"] == "validate it"
    )


def test_a_validation_patient_that_is_not_there_is_named(plan, data, tmp_path):
    with pytest.raises(UserError, match="volume-9 are not in the data"):
        fit(plan.model_copy(update={"validation": ("volume-9",)}), data, tmp_path / "model", command="")
    assert not (tmp_path / "model").exists()


def test_what_the_network_cannot_take_is_said_before_any_data_are_read(tmp_path):
    with pytest.raises(UserError, match="crops of at least 32 pixels"):
        fit(recipe_with(tmp_path, "crop=8"), tmp_path, tmp_path / "model", command="")
    with pytest.raises(UserError, match="no slice pictures"):
        fit(recipe_with(tmp_path), tmp_path, tmp_path / "model", command="")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data=[]", "names no data"),
        ("validation=[volume-0, volume-1, volume-2]", "keeps all patients for validation"),
    ],
)
def test_a_recipe_without_training_data_is_refused(data, tmp_path, change, words):
    plan = recipe_with(tmp_path, change)
    with pytest.raises(UserError, match=words):
        fit(plan, data, tmp_path / "model", command="")


def test_a_training_without_validation_patients_uses_all(data, tmp_path):
    fit(recipe_with(tmp_path, "validation=[]", "schedule.steps=1"), data, tmp_path / "model", command="")
    assert model_folder.load(tmp_path / "model").description.training.patients == ("volume-0", "volume-1", "volume-2")


def test_a_training_that_diverged_is_not_saved(data, tmp_path, monkeypatch):
    monkeypatch.setattr(lightning_module, "over_levels", lambda _loss, logits, _labels: (logits * math.nan).sum())
    plan = recipe_with(tmp_path, "schedule.steps=2")
    with pytest.raises(UserError, match="Training diverged and no model was saved.*learning_rate than 0.01"):
        fit(plan, data, tmp_path / "model", command="")
    assert not (tmp_path / "model").exists()


def test_missing_slices_are_named(plan, data, tmp_path):
    fit(plan, data, tmp_path / "model", command="")
    with pytest.raises(UserError, match=r"no slices of volume-2 in .*images"):
        validate(tmp_path / "model", tmp_path, device="cpu", command="")


def test_a_model_without_validation_patients_cannot_be_validated(plan, data, tmp_path):
    fit(plan.model_copy(update={"validation": ()}), data, tmp_path / "model", command="")
    with pytest.raises(UserError, match="kept no patient for validation"):
        validate(tmp_path / "model", data, device="cpu", command="")


def test_a_model_for_lesions_alone_with_another_loss_optimiser_and_ranges(data, tmp_path):
    changes = [
        "labels=[background, lesion]",
        "network.classes=1",
        "loss={name: cross_entropy, weights: median_frequency}",
        "schedule.optimizer=sgd",
        "schedule.policy=constant",
        "augmentation=li",
        "sampling.centred=false",
    ]
    plan = recipe_with(tmp_path, *changes)
    fit(plan, data, tmp_path / "model", command="")
    trained = model_folder.load(tmp_path / "model").description
    assert trained.labels == ("background", "lesion")
    assert trained.network.classes == 1
    assert recipes.Recipe.model_validate(trained.training.recipe) == plan
    case = validate(tmp_path / "model", data, device="cpu", command="").cases["volume-2"]
    assert case.liver_dice is None
    assert "| volume-2 | - |" in (tmp_path / "model" / model_folder.CARD).read_text()


def test_networks_with_several_levels_and_without_borders_are_trained(data, tmp_path, monkeypatch):
    monkeypatch.setitem(networks._REGISTRY, "levels", Levels)
    plan = recipe_with(tmp_path, "network={name: levels, in_channels: 3}", "crop=49")
    fit(plan, data, tmp_path / "model", command="")
    assert (tmp_path / "model" / model_folder.WEIGHTS).exists()


def test_the_log_is_beside_the_model_and_its_checkpoints_go_when_that_is_saved(data, tmp_path):
    told = []
    plan = recipe_with(
        tmp_path, "schedule.validate_every=2", "callbacks={pictures_every: 2, checkpoint_every: 1, save: best}"
    )
    fit(plan, data, tmp_path / "model", command="", say=told.append)
    (log,) = checkpoints.training_logs(tmp_path / "model")
    assert told[0] == f"The log is in {log}."
    assert "the best of the validations" in told[1]
    assert {path.name for path in log.iterdir()} == {"metrics.csv", "curves.png", "pictures"}
    assert sorted(path.name for path in (log / "pictures").iterdir()) == ["step-000000004.png", "step-000000006.png"]


@pytest.mark.parametrize("change", ["validation=[]", "schedule.validate_every=0"])
def test_without_validations_training_goes_as_before(data, tmp_path, change):
    fit(recipe_with(tmp_path, change), data, tmp_path / "model", command="")
    (log,) = checkpoints.training_logs(tmp_path / "model")
    assert "validation_loss" not in (log / "metrics.csv").read_text()


def test_a_training_that_was_cancelled_goes_on_to_the_same_weights_and_log(data, tmp_path):
    plan = recipe_with(tmp_path, "schedule.steps=8", "schedule.validate_every=3", BROKEN)
    fit(plan, data, tmp_path / "unbroken", command="")
    cancel, told = CancelToken(), []

    def interrupt(_fraction, sentence):
        if sentence.startswith("Step 6 "):
            cancel.cancel()

    with pytest.raises(Cancelled):
        fit(plan, data, tmp_path / "model", command="", progress=interrupt, cancel=cancel)
    assert not (tmp_path / "model").exists()
    with pytest.raises(UserError, match=r"holds an unfinished training: go on with it \(--resume\)"):
        fit(plan, data, tmp_path / "model", command="")
    fit(plan, data, tmp_path / "model", command="", resume=True, say=told.append)
    assert told[0] == "Training goes on after step 6."
    assert weights(tmp_path / "model") == weights(tmp_path / "unbroken")
    tables = [
        (checkpoints.training_logs(tmp_path / name)[-1] / "metrics.csv").read_text() for name in ("model", "unbroken")
    ]
    assert tables[0] == tables[1]


def test_a_training_that_its_validation_loss_ends_does_so_at_the_same_step_when_gone_on_with(data, tmp_path):
    callbacks = "callbacks={checkpoint_every: 1, early_stopping: {monitor: loss, patience: 3}}"
    policy = "schedule.policy={name: plateau, monitor: loss, factor: 0.1, patience: 2}"
    split = (
        "validation=[]",
        "split={slices: 0.2, validation: 0.2}",
        "schedule.average=0",
        "schedule.learning_rate=0.1",
    )
    plan = recipe_with(tmp_path, "schedule.steps=60", "schedule.validate_every=2", *split, policy, callbacks)
    fit(plan, data, tmp_path / "unbroken", command="")
    rows = read_rows(tmp_path / "unbroken")
    ended = int(rows[-1]["step"])
    assert ended < 60
    assert rows[-1]["learning_rate"] < rows[0]["learning_rate"]
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        fit(
            plan,
            data,
            tmp_path / "model",
            command="",
            cancel=cancel,
            progress=lambda _, words: cancel.cancel() if words.startswith(f"Step {ended - 1} ") else None,
        )
    fit(plan, data, tmp_path / "model", command="", resume=True)
    assert weights(tmp_path / "model") == weights(tmp_path / "unbroken")
    assert read_rows(tmp_path / "model") == rows


def stopped_after(step, plan, data, folder, *, stop, **options):
    """A training that is ended from outside after a step."""

    def interrupt(_fraction, sentence):
        if sentence.startswith(f"Step {step} "):
            stop()

    with pytest.raises(Cancelled):
        fit(plan, data, folder, command="", progress=interrupt, **options)


def test_a_training_whose_batches_several_threads_draw_is_that_of_one_also_where_it_goes_on(
    data, tmp_path, monkeypatch
):
    plan, cancel = recipe_with(tmp_path, BROKEN), CancelToken()
    fit(plan, data, tmp_path / "one", command="")
    monkeypatch.setattr("LiverTumorSegLib.training.fit.count_drawing_threads", lambda *_: 4)
    stopped_after(3, plan, data, tmp_path / "model", stop=cancel.cancel, cancel=cancel)
    fit(plan, data, tmp_path / "model", command="", resume=True)
    assert weights(tmp_path / "model") == weights(tmp_path / "one")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_a_training_that_is_asked_to_end_is_cancelled_and_can_be_gone_on_with(data, tmp_path):
    plan = recipe_with(tmp_path, "callbacks.checkpoint_every=1")
    before = signal.getsignal(signal.SIGTERM)
    stopped_after(3, plan, data, tmp_path / "model", stop=lambda: signal.raise_signal(signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) == before
    assert not (tmp_path / "model").exists()
    told = []
    fit(plan, data, tmp_path / "model", command="", resume=True, say=told.append)
    assert told[0] == "Training goes on after step 3."


def cancel():
    raise Cancelled


def test_a_training_does_not_go_on_with_other_slices(data, tmp_path):
    plan = recipe_with(tmp_path, "callbacks.checkpoint_every=1")
    shutil.copytree(data, tmp_path / "data")
    stopped_after(3, plan, tmp_path / "data", tmp_path / "model", stop=cancel)
    (tmp_path / "data" / "lits" / "masks" / "volume-1_slice_4.png").unlink()
    with pytest.raises(UserError, match="other data: the training patient volume-1 had 10 slices and has 9 slices"):
        fit(plan, tmp_path / "data", tmp_path / "model", command="", resume=True)
    assert checkpoints.unfinished_log(tmp_path / "model")


def test_a_process_that_does_not_find_the_others_says_so_before_anything_is_read(plan, tmp_path, monkeypatch):
    alone = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "none"}
    for name, value in alone.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="one of 2 processes .* does not find the others .*torchrun or srun"):
        fit(plan, tmp_path / "none", tmp_path / "model", command="")


def test_an_unfinished_training_can_be_given_up(data, tmp_path):
    plan = recipe_with(tmp_path, "schedule.steps=3", "callbacks.checkpoint_every=1")
    stopped = CancelToken()
    with pytest.raises(Cancelled):
        fit(
            plan,
            data,
            tmp_path / "model",
            command="",
            progress=lambda done, _: done < 0.6 or stopped.cancel(),
            cancel=stopped,
        )
    fit(plan, data, tmp_path / "model", command="", overwrite=True)
    assert [log.name for log in checkpoints.training_logs(tmp_path / "model")] == ["version_0", "version_1"]
    assert checkpoints.unfinished_log(tmp_path / "model") is None


def test_training_stops_early_and_saves_the_best(data, tmp_path):
    told = []
    callbacks = "callbacks={save: best, early_stopping: {patience: 2}}"
    schedule = ["steps=20", "validate_every=1", "average=0", "learning_rate=1.0e-30", "policy=constant"]
    plan = recipe_with(tmp_path, *(f"schedule.{change}" for change in schedule), callbacks)
    fit(plan, data, tmp_path / "model", command="", say=told.append)
    assert told[1] == (
        "Training stopped at step 3 of 20, since score was not better for 2 validations. "
        "The saved weights are those after step 1, the best of the validations."
    )
    (log,) = checkpoints.training_logs(tmp_path / "model")
    assert len((log / "metrics.csv").read_text().splitlines()) == 1 + 3


def test_a_diverged_training_is_noticed_at_its_next_checkpoint(data, tmp_path, monkeypatch):
    monkeypatch.setattr(lightning_module, "over_levels", lambda _loss, logits, _labels: (logits * math.nan).sum())
    seen = []
    plan = recipe_with(tmp_path, "schedule.steps=50", "callbacks.checkpoint_every=2")
    with pytest.raises(UserError, match="Training diverged"):
        fit(plan, data, tmp_path / "model", command="", progress=lambda _, sentence: seen.append(sentence))
    assert seen[:2] == ["Reading the slices", "Starting"]
    assert [sentence.partition(" of ")[0] for sentence in seen[2:]] == ["Step 1", "Step 2"]
    assert checkpoints.unfinished_log(tmp_path / "model") is None
