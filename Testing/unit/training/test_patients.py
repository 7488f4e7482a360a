import json
import os
import shutil

import numpy as np
import pytest
from support.evaluation_cases import save
from support.training_cases import VOLUMES, make_data, make_volumes, recipe_with, write_phantom_as_msd

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.datasets import cache, phantom
from LiverTumorSegLib.models import model_folder

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import checkpoints, patients
from LiverTumorSegLib.training.fit import fit

SPLIT = ("validation=[]", "split={file: split.json}")
FOLD = ("validation=[]", "split={file: split.json, fold: 1}")


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_volumes(tmp_path_factory.mktemp("volumes"), numbers=(0, 1, 2, 3))


@pytest.fixture
def told():
    return []


@pytest.fixture
def read(data, tmp_path, told):
    def read(*changes, root=data):
        plan = recipe_with(tmp_path, *VOLUMES, *changes)
        return patients.read(plan, root, tmp_path / "cache", say=told.append, job=Job())

    return read


def draw(data, **content):
    (data / "split.json").write_text(json.dumps({"seed": 0, **content}))


def names(found):
    return [[patient.name for patient in part] for part in (found.train, found.validation)]


def weights(folder):
    return (folder / model_folder.WEIGHTS).read_bytes()


def test_every_ct_is_preprocessed_on_the_device_that_is_asked_for(data, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(patients.volumes, "read_patients", lambda wanted, *_, **__: asked.extend(wanted) or [])
    patients.read(recipe_with(tmp_path, *VOLUMES), data, tmp_path, say=lambda _: None, job=Job(), device="cuda:1")
    assert [each.device for each in asked] == ["cuda:1"] * 4


def test_a_cold_and_a_warm_cache_train_the_same_weights(data, tmp_path, told):
    plan = recipe_with(tmp_path, *VOLUMES, "schedule.validate_every=3")
    folders = {"cold": "cache", "warm": "cache", "anew": "other"}
    for name, folder in folders.items():
        fit(plan, data, tmp_path / name, command="", cache=tmp_path / folder, say=told.append)
    assert sum("will be read once" in sentence for sentence in told) == 2
    assert weights(tmp_path / "cold") == weights(tmp_path / "warm") == weights(tmp_path / "anew")
    training = model_folder.load(tmp_path / "cold").description.training
    assert training.patients == ("volume-0", "volume-1", "volume-3")
    assert (training.validation_patients, training.data) == (("volume-2",), "LITS")
    tables = [(checkpoints.training_logs(tmp_path / name)[-1] / "metrics.csv").read_text() for name in ("cold", "warm")]
    assert tables[0] == tables[1]


def test_progress_reads_the_cts_before_it_trains(data, tmp_path):
    seen = []
    plan = recipe_with(tmp_path, *VOLUMES, "schedule.steps=1")
    place = tmp_path / "cache"
    fit(plan, data, tmp_path / "model", command="", cache=place, progress=lambda *told: seen.append(told))
    assert seen[:2] == [(0.0, "Reading the slices"), (0.0, "Reading the CTs: 0 of 4")]
    assert (0.0, "Reading the CTs: 4 of 4") in seen
    assert seen[-1][1].startswith("Step 1 ")


def test_msd_and_slice_pictures_stand_beside_lits(tmp_path, told):
    make_data(tmp_path)
    make_volumes(tmp_path, numbers=(5, 6), writes=write_phantom_as_msd)
    pictures = "{folder: lits, intensities: [-40, 160]}"
    plan = recipe_with(tmp_path, f"data=[{{volumes: MSD, lesions_apart: false}}, {pictures}]", "validation=[liver_6]")
    found = patients.read(plan, tmp_path, tmp_path / "cache", say=told.append, job=Job())
    assert names(found) == [["volume-0", "volume-1", "volume-2", "liver_5"], ["liver_6"]]
    assert [patient.lesions_apart for patient in found.train] == [True, True, True, False]
    truth = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=5)
    greys = np.rint((truth.volume.voxels.clip(-40, 160) + 40.0) / 200 * 255)
    assert np.abs(found.train[3].pixels[:, 0].numpy() - greys).max() <= 1
    assert np.array_equal(found.train[3].labels.numpy(), truth.labels)


def test_a_folds_patients_are_validated_on_and_the_others_trained_on(data, read):
    draw(data, folds=[["volume-0"], ["volume-1", "volume-3"], ["volume-2"]])
    found = read(*FOLD)
    assert names(found) == [["volume-0", "volume-2"], ["volume-1", "volume-3"]]
    assert found.held_out == ("volume-1", "volume-3")


def test_test_patients_are_neither_trained_on_nor_validated_on_nor_read(data, read, tmp_path):
    draw(data, train=["volume-2", "volume-0"], validation=["volume-1"], test=["volume-3"])
    found = read(*SPLIT)
    assert names(found) == [["volume-0", "volume-2"], ["volume-1"]]
    kept = [cache.load(entry).name for entry in (tmp_path / "cache").iterdir()]
    assert sorted(kept) == ["volume-0", "volume-1", "volume-2"]


def test_the_model_lists_the_splits_validation_patients(data, tmp_path):
    draw(data, train=["volume-2", "volume-0"], validation=["volume-1"], test=["volume-3"])
    plan = recipe_with(tmp_path, *VOLUMES, *SPLIT, "schedule.steps=1")
    fit(plan, data, tmp_path / "model", command="", cache=tmp_path / "cache")
    training = model_folder.load(tmp_path / "model").description.training
    assert (training.patients, training.validation_patients) == (("volume-0", "volume-2"), ("volume-1",))


def test_without_validations_during_training_nobody_is_read_for_them(data, read):
    draw(data, folds=[["volume-0"], ["volume-1", "volume-3"], ["volume-2"]])
    found = read(*FOLD, "schedule.validate_every=0")
    assert names(found) == [["volume-0", "volume-2"], []]
    assert found.held_out == ("volume-1", "volume-3")


@pytest.mark.parametrize(
    ("split", "changes", "words"),
    [
        ({"folds": [["volume-0", "volume-2"], ["volume-1"]]}, FOLD, r"does not say what volume-3 of the data are for"),
        ({"folds": [["volume-0"], ["volume-1"]]}, FOLD, r"what volume-2 and 1 more of the data are for"),
        (
            {"folds": [[f"volume-{n}" for n in range(4)], ["volume-9"]]},
            FOLD,
            r"names volume-9, who are not in the data",
        ),
        ({"folds": [["volume-0"], ["volume-1", "volume-2", "volume-3"]]}, SPLIT, r"holds 2 folds: give one of 0 to 1"),
        (
            {"folds": [["volume-0"], ["volume-1", "volume-2", "volume-3"]]},
            (*FOLD, "split.fold=2"),
            r"holds 2 folds: give one of 0 to 1",
        ),
        ({"train": ["volume-0", "volume-3"], "validation": ["volume-1", "volume-2"]}, FOLD, "holds no folds: leave"),
    ],
)
def test_a_split_that_does_not_fit_the_data_is_refused(data, read, split, changes, words):
    draw(data, **split)
    with pytest.raises(UserError, match=words) as caught:
        read(*changes)
    assert "\n" not in str(caught.value)


def test_a_split_that_is_not_there_is_named(data, read):
    with pytest.raises(UserError, match=r"nothing\.json cannot be read"):
        read("validation=[]", "split={file: nothing.json}")


def test_what_has_no_partner_is_said(tmp_path, told, read):
    make_volumes(tmp_path, numbers=(0, 2))
    save(tmp_path / "LITS" / "segmentation-7.nii.gz", np.zeros((4, 4, 4)))
    read(root=tmp_path)
    assert told[0] == f"Left out of {tmp_path / 'LITS'}: segmentation-7, as it has no volume."


def test_one_person_on_both_sides_under_two_names_is_said(tmp_path, told):
    make_volumes(tmp_path, numbers=(0, 2))
    make_volumes(tmp_path, numbers=(2,), writes=write_phantom_as_msd)
    plan = recipe_with(tmp_path, "data=[{volumes: LITS}, {volumes: MSD}]")
    patients.read(plan, tmp_path, tmp_path / "cache", say=told.append, job=Job())
    assert (
        told[0]
        == "Warning: liver_2, who is trained on, and volume-2, who is not, are the same patient by their numbers."
    )


def test_a_training_goes_on_to_the_same_weights_after_its_cache_was_deleted(data, tmp_path):
    plan = recipe_with(tmp_path, *VOLUMES, "schedule.steps=5", "callbacks.checkpoint_every=2")
    place, cancel = tmp_path / "cache", CancelToken()
    fit(plan, data, tmp_path / "unbroken", command="", cache=place)

    def interrupt(_fraction, sentence):
        if sentence.startswith("Step 3 "):
            cancel.cancel()

    with pytest.raises(Cancelled):
        fit(plan, data, tmp_path / "broken", command="", cache=place, progress=interrupt, cancel=cancel)
    shutil.rmtree(place)
    fit(plan, data, tmp_path / "broken", command="", cache=place, resume=True)
    assert weights(tmp_path / "broken") == weights(tmp_path / "unbroken")


def test_the_command_line_takes_the_caches_folder(data, tmp_path, run):
    recipe_with(tmp_path)
    words = ["train", tmp_path / "quick.yaml", "--data", data, "-o", tmp_path / "model", "--cache", tmp_path / "here"]
    code, said, complained = run(*words, "--set", VOLUMES[0], "--set", "schedule.steps=1")
    assert (code, complained) == (0, "")
    assert "4 CTs will be read once; the cache in " in said
    assert len(list((tmp_path / "here").iterdir())) == 4
