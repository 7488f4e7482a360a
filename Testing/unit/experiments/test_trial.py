import json

import numpy as np
import pytest
import torch
from support import torchvision_weights
from support.training_cases import make_data, recipe_with

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.datasets import sources
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.models import model_folder as model

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments import record, trial
from LiverTumorSegLib.experiments.run_options import RunOptions
from LiverTumorSegLib.experiments.trial import Measuring, PatientsRecord, run_trial

QUICK = ("schedule.steps=3", "schedule.validate_every=0", "validation=[volume-1, volume-2]")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def plan(tmp_path):
    return recipe_with(tmp_path, *QUICK)


@pytest.fixture
def work(monkeypatch):
    """Names of the patients that are measured, and "train" for a training."""
    done = []
    for module, name, note in (
        (record, "fit", lambda *_: "train"),
        (trial, "measure_patient", lambda *given: given[3]),
    ):
        before = getattr(module, name)

        def noted(*given, before=before, note=note, **named):
            made = before(*given, **named)
            done.append(note(*given))
            return made

        monkeypatch.setattr(module, name, noted)
    return done


def test_the_held_out_patients_are_measured_as_users_segment_them(plan, data, tmp_path):
    results = run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu", command="compare it"))
    trained = model.load(tmp_path / "trial" / "model")
    assert trained.description.training.patients == ("volume-0",)
    assert trained.description.training.command == "compare it"
    assert [result.name for result in results] == ["volume-1", "volume-2"]
    volume, reference = sources.read(plan.data[0], data, "volume-1")
    found = segment(volume, trained, "cpu").labels
    both = np.count_nonzero((found > 0) & (reference > 0))
    sizes = np.count_nonzero(found) + np.count_nonzero(reference)
    assert results[0].liver_dice == pytest.approx(2 * both / sizes)
    assert np.array(results[0].confusion).sum() == reference.size


def test_what_is_done_is_not_done_again(plan, data, tmp_path, work):
    first = run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    assert work == ["train", "volume-1", "volume-2"]
    assert run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu")) == first
    assert work == ["train", "volume-1", "volume-2"]


def test_a_trial_ended_between_two_patients_goes_on_with_the_second(plan, data, tmp_path, work):
    cancel = CancelToken()

    def end_at_the_second(_fraction, sentence):
        if sentence == "Measuring volume-2":
            cancel.cancel()

    with pytest.raises(Cancelled):
        run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu", job=Job(end_at_the_second, cancel)))
    assert list(record.read_record(PatientsRecord, tmp_path / "trial").patients) == ["volume-1"]
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    assert work == ["train", "volume-1", "volume-2"]


def test_a_trial_ended_while_training_goes_on_from_its_checkpoint(data, tmp_path):
    plan, cancel, told = recipe_with(tmp_path, *QUICK, "callbacks.checkpoint_every=1"), CancelToken(), []

    def end_after_the_second(_fraction, sentence):
        if sentence.startswith("Step 2 "):
            cancel.cancel()

    with pytest.raises(Cancelled):
        run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu", job=Job(end_after_the_second, cancel)))
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu", say=told.append))
    assert told[0] == "Training goes on after step 2."
    run_trial(plan, data, tmp_path / "unbroken", RunOptions(device="cpu"))
    weights = [(tmp_path / name / "model" / model.WEIGHTS).read_bytes() for name in ("trial", "unbroken")]
    assert weights[0] == weights[1]


def test_another_recipe_is_refused_unless_it_may_replace_the_trial(plan, data, tmp_path, work):
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    other = recipe_with(tmp_path, *QUICK, "schedule.learning_rate=0.02", "seed=4")
    with pytest.raises(UserError, match=r"another recipe: seed was 1 and is 4 \(and 1 more\): .*--overwrite"):
        run_trial(other, data, tmp_path / "trial", RunOptions(device="cpu"))
    run_trial(other, data, tmp_path / "trial", RunOptions(device="cpu", overwrite=True))
    assert work == ["train", "volume-1", "volume-2"] * 2
    assert model.read_description(tmp_path / "trial" / "model").training.seed == 4


def test_where_the_clean_up_alone_has_changed_the_model_is_measured_again_and_not_trained(plan, data, tmp_path, work):
    def trial_of(recipe):
        return run_trial(recipe, data, tmp_path / "trial", RunOptions(device="cpu"))

    first = trial_of(plan)
    weights = (tmp_path / "trial" / "model" / "weights.safetensors").read_bytes()
    other = recipe_with(tmp_path, *QUICK, "postprocessing.smallest_liver_ml=1000000")
    again = trial_of(other)
    assert work == ["train", "volume-1", "volume-2", "volume-1", "volume-2"]
    assert all(result.liver["prediction_ml"] == 0 for result in again)
    described = model.read_description(tmp_path / "trial" / "model")
    assert described.postprocessing == other.postprocessing
    assert described.training.recipe["postprocessing"]["smallest_liver_ml"] == 1000000
    assert described.figures is None
    assert (tmp_path / "trial" / "model" / "weights.safetensors").read_bytes() == weights
    assert [result.confusion for result in trial_of(plan)] == [result.confusion for result in first]


def test_where_the_way_of_measuring_alone_has_changed_patients_are_measured_again_and_nothing_is_trained(
    plan, data, tmp_path, work
):
    whole = Measuring(coarse_pass=False, curves=("lesion",))

    def trial_of(measuring):
        return run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"), measuring=measuring)

    trial_of(Measuring())
    again = trial_of(whole)
    assert work == ["train", "volume-1", "volume-2", "volume-1", "volume-2"]
    assert all(result.auc.keys() == {"lesion"} for result in again)
    assert trial_of(whole) == again
    assert len(work) == 5
    assert record.read_record(PatientsRecord, tmp_path / "trial").measuring == whole


def test_patients_of_before_there_was_a_choice_were_measured_as_users_segment(plan, data, tmp_path, work):
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    path = tmp_path / "trial" / "patients.json"
    content = json.loads(path.read_text())
    del content["measuring"]
    for patient in content["patients"].values():
        del patient["auc"]
    path.write_text(json.dumps(content))
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    assert work == ["train", "volume-1", "volume-2"]
    whole = Measuring(coarse_pass=False)
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"), measured=["volume-1"], measuring=whole)
    assert work == ["train", "volume-1", "volume-2", "volume-1"]
    assert list(record.read_record(PatientsRecord, tmp_path / "trial").patients) == ["volume-1"]


def test_an_encoder_of_before_its_input_was_normalised_makes_another_trial(data, tmp_path, work):
    torch.save(torchvision_weights.random_weights("resnet18"), tmp_path / "resnet18.pth")
    encoder = ("stack.slices=1", "network={name: resnet18, in_channels: 1}", "schedule.steps=1")
    plan = recipe_with(tmp_path, *QUICK, *encoder, f"encoder_weights={tmp_path / 'resnet18.pth'}")
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    path = tmp_path / "trial" / "patients.json"
    content = json.loads(path.read_text())
    content["recipe"]["network"]["options"] = {}
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"network.options.imagenet_input was False and is True: .*--overwrite"):
        run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))


def test_other_data_are_refused_and_a_copy_is_not(plan, tmp_path, work):
    run_trial(plan, make_data(tmp_path / "data"), tmp_path / "trial", RunOptions(device="cpu"))
    moved = tmp_path / "moved"
    (tmp_path / "data").rename(moved)
    run_trial(plan, moved, tmp_path / "trial", RunOptions(device="cpu"))
    assert work == ["train", "volume-1", "volume-2"]
    (moved / "lits" / "images" / "volume-0_slice_3.jpg").unlink()
    with pytest.raises(UserError, match="other data: the files of lits/volume-0 have changed: choose"):
        run_trial(plan, moved, tmp_path / "trial", RunOptions(device="cpu"))


def test_a_record_of_before_some_entries_were_known_is_still_one_of_the_same_trial(plan, data, tmp_path, work):
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    path = tmp_path / "trial" / "patients.json"
    content = json.loads(path.read_text())
    del content["recipe"]["encoder_weights"], content["recipe"]["schedule"]["average"], content["labels"]
    path.write_text(json.dumps(content))
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    assert work == ["train", "volume-1", "volume-2"]


def test_some_of_those_held_out_can_be_measured_and_others_later(plan, data, tmp_path, work):
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"), measured=["volume-2"])
    run_trial(plan, data, tmp_path / "trial", RunOptions(device="cpu"))
    assert work == ["train", "volume-2", "volume-1"]


@pytest.mark.parametrize(
    ("change", "measured", "words"),
    [
        ("validation=[]", None, "holds nobody out to be measured"),
        ("validation=[volume-2]", ["volume-0"], "volume-0 cannot be measured, being trained on"),
        ("validation=[volume-2]", ["volume-9"], "volume-9 cannot be measured, being not in the data"),
        ("validation=[volume-9]", None, "volume-9 are not in the data"),
    ],
)
def test_who_cannot_be_measured_is_named_before_anything_is_written(data, tmp_path, change, measured, words):
    plan = recipe_with(tmp_path, *QUICK[:2], change)
    with pytest.raises(UserError, match=words):
        run_trial(plan, data, tmp_path / "trial", RunOptions(), measured=measured)
    assert not (tmp_path / "trial").exists()


def test_a_model_that_no_trial_made_is_left_alone(plan, data, tmp_path, model_folder):
    model_folder.rename(tmp_path / "model")
    with pytest.raises(UserError, match="model exists already"):
        run_trial(plan, data, tmp_path, RunOptions())
    assert model.read_description(tmp_path / "model").name == "tiny"


def test_a_damaged_record_is_named(plan, data, tmp_path):
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "patients.json").write_text("{")
    with pytest.raises(UserError, match=r"patients.json cannot be read as the record of a trial"):
        run_trial(plan, data, tmp_path / "trial", RunOptions())
