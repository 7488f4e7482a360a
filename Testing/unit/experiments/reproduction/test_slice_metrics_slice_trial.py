import json

import pytest
from support.training_cases import make_data, recipe_with

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.models import model_folder

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.datasets import slices
from LiverTumorSegLib.experiments import record
from LiverTumorSegLib.experiments.reproduction import slice_metrics
from LiverTumorSegLib.experiments.reproduction.slice_metrics import run_slice_trial
from LiverTumorSegLib.experiments.reproduction.systems import Metric
from LiverTumorSegLib.experiments.run_options import RunOptions

METRICS = (Metric(name="Dice", structure="liver", slices="dice", volumes="dice"),)
SPLIT = ("validation=[]", "split={slices: 0.2, seed: 5}", "schedule={steps: 3, batch: 2, learning_rate: 0.01}")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def plan(tmp_path):
    return recipe_with(tmp_path, *SPLIT, "schedule.validate_every=0", "callbacks.checkpoint_every=1")


@pytest.fixture
def trial(data, tmp_path, plan):
    def trial(recipe=plan, folder=tmp_path / "trial", **options):
        return run_slice_trial(recipe, folder, data, METRICS, "all", RunOptions(device="cpu", **options))

    return trial


@pytest.fixture
def trained(monkeypatch):
    """A note for each training."""
    done, before = [], record.fit

    def noted(*given, **named):
        before(*given, **named)
        done.append(named["resume"])

    monkeypatch.setattr(record, "fit", noted)
    return done


def test_what_was_trained_on_and_what_is_measured_are_all_slices_once(trial, data, plan, tmp_path, monkeypatch):
    seen, before = [], slice_metrics.measure_slices

    def noted(*given, **named):
        seen.extend(given[1])
        return before(*given, **named)

    monkeypatch.setattr(slice_metrics, "measure_slices", noted)
    found = trial()
    held_out = {(one.name, int(number)) for one in seen for number in one.numbers}
    assert len(held_out) == len(found["liver"].slices) == 6
    taught = slice_metrics.patients.read(plan, data, None, say=lambda _: None, job=Job()).train
    trained_on = {(one.name, int(number)) for one in taught for number in one.numbers}
    assert not held_out & trained_on
    whole = slices.read_patients(plan.data[0], data, plan.preprocessing)
    assert held_out | trained_on == {(one.name, int(number)) for one in whole for number in one.numbers}


def test_slices_that_training_validates_on_are_not_those_that_are_measured(trial, data, tmp_path):
    changes = ("split={slices: 0.2, validation: 0.1, seed: 5}", "schedule.validate_every=1")
    plan = recipe_with(tmp_path, *SPLIT, *changes, "callbacks.early_stopping={patience: 1, monitor: loss}")
    assert len(trial(plan)["liver"].slices) == 6

    def slices_of(which):
        return {(one.name, int(number)) for one in which for number in one.numbers}

    own = slice_metrics.patients.read(plan, data, None, say=lambda _: None, job=Job())
    measured = slice_metrics.patients.read(
        slice_metrics.with_held_out(plan), data, None, say=lambda _: None, job=Job()
    ).validation
    assert len(slices_of(own.validation)) == 3
    assert not slices_of(measured) & (slices_of(own.train) | slices_of(own.validation))


def test_patients_kept_for_a_test_are_those_that_are_measured(data, tmp_path):
    plan = recipe_with(tmp_path, "validation=[volume-1]", "test=[volume-2]", "schedule.steps=2")
    measured = slice_metrics.with_held_out(plan)
    assert (measured.validation, measured.test) == (("volume-2",), ())
    found = run_slice_trial(plan, tmp_path / "trial", data, METRICS, "all", RunOptions(device="cpu"))
    assert len(found["liver"].slices) == 10
    said = model_folder.read_description(tmp_path / "trial" / "model").training
    assert (said.patients, said.validation_patients) == (("volume-0",), ("volume-1",))


def test_the_figures_are_those_of_the_model_on_the_held_out_slices(trial, tmp_path):
    (scores,) = trial().values()
    assert all(sum(each[:4]) == 64 * 80 for each in scores.slices)
    description = model_folder.read_description(tmp_path / "trial" / "model")
    assert description.training.recipe["split"] == {"slices": 0.2, "validation": 0.0, "seed": 5}


def test_what_is_done_is_not_done_again(trial, trained):
    first = trial()
    assert trial() == first
    assert trained == [False]


def test_a_trial_that_was_stopped_goes_on_to_the_same_figures(trial, trained, tmp_path):
    whole, cancel = trial(folder=tmp_path / "unbroken"), CancelToken()

    def stop(_fraction, sentence):
        if sentence.startswith("Step 2 "):
            cancel.cancel()

    with pytest.raises(Cancelled):
        trial(job=Job(stop, cancel))
    assert trial() == whole
    assert trained == [False, True]


def test_a_trial_stopped_after_training_is_only_measured(trial, trained, tmp_path):
    cancel = CancelToken()

    def stop(_fraction, sentence):
        if sentence.startswith("Measuring"):
            cancel.cancel()

    with pytest.raises(Cancelled):
        trial(job=Job(stop, cancel))
    trial()
    assert trained == [False]


def test_another_recipe_is_refused_unless_what_is_there_may_be_given_up(trial, plan, trained):
    trial()
    other = plan.model_copy(update={"seed": 9})
    with pytest.raises(UserError, match=r"with another recipe: seed was 1 and is 9: .*--overwrite"):
        trial(other)
    trial(other, overwrite=True)
    assert trained == [False, False]


def test_figures_of_other_slices_are_another_trial(data, plan, trial, tmp_path):
    trial()
    with pytest.raises(UserError, match="to measure something else: shown was all and is liver: choose"):
        run_slice_trial(plan, tmp_path / "trial", data, METRICS, "liver", RunOptions(device="cpu"))


def test_entries_that_recipes_did_not_have_yet_do_not_make_another_trial(trial, trained, tmp_path):
    first, path = trial(), tmp_path / "trial" / "slices.json"
    content = json.loads(path.read_text())
    del content["recipe"]["encoder_weights"], content["recipe"]["sampling"]["shuffled"]
    del content["recipe"]["schedule"]["weight_decay"], content["recipe"]["postprocessing"]["sensitivity"]
    path.write_text(json.dumps(content))
    assert trial() == first
    assert trained == [False]


def test_a_model_that_is_no_trials_is_not_replaced(trial, tmp_path):
    (tmp_path / "trial" / "model").mkdir(parents=True)
    with pytest.raises(UserError, match="exists already"):
        trial()


def test_damaged_figures_are_named(trial, tmp_path):
    trial()
    (tmp_path / "trial" / "slices.json").write_text("{")
    with pytest.raises(UserError, match="slices.json cannot be read as the record of a trial"):
        trial()


def test_slices_for_validation_are_watched_and_never_measured(trial, data, tmp_path):
    validated = (
        "validation=[]",
        "split={slices: 0.2, validation: 0.1, seed: 5}",
        SPLIT[2],
        "schedule.validate_every=1",
    )
    plan = recipe_with(tmp_path, *validated)
    watched = slice_metrics.patients.read(plan, data, None, say=lambda _: None, job=Job()).validation
    held_out = slice_metrics.with_held_out(plan)
    measured = slice_metrics.patients.read(held_out, data, None, say=lambda _: None, job=Job()).validation
    numbers = [{(one.name, int(n)) for one in those for n in one.numbers} for those in (watched, measured)]
    assert [len(each) for each in numbers] == [3, 6]
    assert not numbers[0] & numbers[1]
    assert len(trial(plan)["liver"].slices) == 6
    assert "validation_loss" in next((tmp_path / "trial" / "model-log").glob("*/metrics.csv")).read_text()


def test_patients_who_are_kept_for_a_test_are_measured_in_place_of_those_of_the_validation(data, tmp_path):
    plan = recipe_with(tmp_path, SPLIT[2], "validation=[volume-2]", "test=[volume-1]")
    found = run_slice_trial(plan, tmp_path / "trial", data, METRICS, "all", RunOptions(device="cpu"))
    assert found["liver"].patients == (("volume-1", 10),)
    said = model_folder.read_description(tmp_path / "trial" / "model").training
    assert (said.patients, said.validation_patients) == (("volume-0",), ("volume-2",))
