import json

import pytest
from support.training_cases import make_data, recipe_with

from LiverTumorSegLib.models import model_folder

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.record import MODEL_FOLDER
from LiverTumorSegLib.experiments.run_options import RunOptions
from LiverTumorSegLib.experiments.trial import PatientsRecord, begin_trial, new_record, run_trial
from LiverTumorSegLib.experiments.twin_models import take_twin_model

ALEXNET = "network={name: alexnet_fcn, in_channels: 3, options: {fc_channels: 8}}"
SMOOTH = "network={name: alexnet_fcn, in_channels: 3, options: {fc_channels: 8, smoothing: 0.5}}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A root with data, and the plain trial."""
    root = make_data(tmp_path_factory.mktemp("twins"))
    plan = recipe_with(root, ALEXNET, "crop=64", "schedule.steps=2")
    run_trial(plan, root, root / "plain", RunOptions(device="cpu"))
    return root


@pytest.fixture
def take(made, tmp_path):
    def take(*changes, spoil=None):
        plan = recipe_with(tmp_path, "crop=64", "schedule.steps=2", *changes)
        record = new_record(PatientsRecord, plan, made)
        begin_trial(record, tmp_path / "own", overwrite=False)
        if spoil:
            path = tmp_path / "own" / PatientsRecord.FILE
            content = json.loads(path.read_text())
            path.write_text(json.dumps(content | spoil))
        return take_twin_model(plan, made / "plain", tmp_path / "own", MODEL_FOLDER, "take it")

    return take


def test_weights_are_taken_where_the_output_alone_differs(take, made, tmp_path):
    assert take(SMOOTH, "name=smooth", "title=Smooth")
    theirs, ours = (model_folder.load(place / MODEL_FOLDER) for place in (made / "plain", tmp_path / "own"))
    assert ours.description.weights == theirs.description.weights
    assert ours.description.name == "smooth"
    assert ours.description.network.options["smoothing"] == ours.network.smoothing == 0.5
    assert ours.description.training.command == "take it"
    assert ours.description.training.patients == theirs.description.training.patients
    assert "take it" in (tmp_path / "own" / MODEL_FOLDER / model_folder.CARD).read_text(encoding="utf-8")


@pytest.mark.parametrize("change", ["seed=2", "schedule.steps=3", "loss=dice_ce", "validation=[volume-1]"])
def test_another_training_is_not_taken(take, tmp_path, change):
    assert not take(SMOOTH, change)
    assert not (tmp_path / "own" / MODEL_FOLDER).exists()


@pytest.mark.parametrize("spoil", [{"data": {}}, {"labels": {"lits/volume-0": "other"}}])
def test_a_training_on_other_files_is_not_taken(take, spoil):
    assert not take(SMOOTH, spoil=spoil)


def test_a_trial_that_is_not_there_is_not_taken(made, tmp_path):
    plan = recipe_with(tmp_path, SMOOTH, "crop=64")
    assert not take_twin_model(plan, tmp_path / "none", tmp_path / "own", MODEL_FOLDER, "")
