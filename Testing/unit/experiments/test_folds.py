import shutil

import pytest
from support.training_cases import make_data, make_volumes, recipe_with, write_phantom_as_msd

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.datasets.slices import SliceSource
from LiverTumorSegLib.datasets.splits import Split
from LiverTumorSegLib.datasets.volumes import VolumeSource

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.folds import Fold, cross_validate, draw_folds, folds_of, recipe_of_fold
from LiverTumorSegLib.experiments.run_options import RunOptions
from LiverTumorSegLib.models import model_folder

LITS = SliceSource(folder="lits", intensities=(-40, 160), default_spacing_mm=5)
MSD = VolumeSource(volumes="MSD", lesions_apart=False)
SPLIT = Split(seed=0, folds=(("volume-0",), ("volume-1", "volume-2")))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """LiTS 0 to 2 with lesions, and MSD 1 and 7 whose masks join them."""
    root = make_data(tmp_path_factory.mktemp("data"))
    return make_volumes(root, (1, 7), write_phantom_as_msd)


def test_folds_are_drawn_from_those_whose_lesions_are_marked(data):
    drawn = draw_folds([LITS, MSD], data, 3, 0, Job())
    assert sorted(drawn.names) == ["volume-0", "volume-1", "volume-2"]
    assert len(drawn.folds) == 3
    assert drawn == draw_folds([LITS, MSD], data, 3, 0, Job())


def test_where_nobody_s_lesions_are_marked_all_are_drawn(data):
    assert sorted(draw_folds([MSD], data, 2, 0, Job()).names) == ["liver_1", "liver_7"]


def test_the_other_scan_of_a_person_is_held_out_too_but_not_measured(data):
    folds = folds_of(SPLIT, [LITS, MSD], data)
    assert folds[0] == Fold(0, ("volume-0",), ("volume-0",))
    assert folds[1] == Fold(1, ("volume-1", "volume-2", "liver_1"), ("volume-1", "volume-2"))


def test_a_split_into_training_validation_and_test_is_one_fold(data):
    split = Split(seed=0, train=("volume-0",), validation=("volume-1",), test=("volume-2",))
    assert folds_of(split, [LITS], data) == (Fold(0, ("volume-1", "volume-2"), ("volume-1",)),)


def test_a_split_that_cannot_be_measured_is_refused(data):
    with pytest.raises(UserError, match="names volume-9, who are not in the data"):
        folds_of(Split(seed=0, folds=(("volume-0",), ("volume-9",))), [LITS], data)
    with pytest.raises(UserError, match="Fold 1 of the split holds nobody whose lesions are marked"):
        folds_of(Split(seed=0, folds=(("volume-0",), ("liver_7",))), [LITS, MSD], data)


def test_a_fold_overrules_what_a_recipe_says_of_validation(tmp_path):
    plan = recipe_with(tmp_path, "schedule.validate_every=2", "callbacks.pictures_every=1")
    changed = recipe_of_fold(plan, Fold(1, ("volume-0", "volume-1"), ("volume-1",)))
    assert changed.validation == ("volume-0", "volume-1")
    assert not changed.validates
    assert type(changed).model_validate(changed.model_dump(mode="json")) == changed


def test_a_fold_starts_from_the_model_of_its_own_number(tmp_path):
    plan = recipe_with(tmp_path, "initial=cv/fold-{fold}/model")
    assert recipe_of_fold(plan, Fold(2, ("volume-0",), ("volume-0",))).initial == "cv/fold-2/model"
    assert recipe_of_fold(recipe_with(tmp_path), Fold(2, ("volume-0",), ("volume-0",))).initial is None


def test_weights_chosen_by_those_who_are_measured_are_refused(tmp_path):
    plan = recipe_with(tmp_path, "schedule.validate_every=2", "callbacks.save=best")
    with pytest.raises(UserError, match=r"callbacks.save: best lets the patients that are measured choose the weights"):
        recipe_of_fold(plan, Fold(0, ("volume-0",), ("volume-0",)))


@pytest.mark.parametrize(("entry", "change"), [("patients", "patients=[volume-1]"), ("test", "test=[volume-1]")])
def test_a_recipe_that_names_its_patients_is_not_cross_validated_over_others(tmp_path, entry, change):
    with pytest.raises(UserError, match=f"Folds are drawn from everybody in the data: leave {entry} out"):
        recipe_of_fold(recipe_with(tmp_path, change), Fold(0, ("volume-0",), ("volume-0",)))


def test_every_patient_of_the_split_is_measured_by_a_model_of_the_others(data, tmp_path):
    plan = recipe_with(tmp_path, "schedule.steps=2")
    told = []
    options = RunOptions(device="cpu", job=Job(lambda _fraction, sentence: told.append(sentence))).under("quick")
    results = cross_validate(plan, data, tmp_path / "cv", folds_of(SPLIT, [LITS, MSD], data), options)
    assert [result.name for result in results] == ["volume-0", "volume-1", "volume-2"]
    trained = [model_folder.read_description(tmp_path / "cv" / f"fold-{n}" / "model").training for n in (0, 1)]
    assert [each.patients for each in trained] == [("volume-1", "volume-2"), ("volume-0",)]
    assert told[0].startswith("quick: fold 0: ")
    assert told[-1] == "quick: fold 1: Done"


def test_a_recipe_without_a_patient_of_the_fold_is_refused(data, tmp_path):
    root = tmp_path / "fewer"
    shutil.copytree(data, root)
    for kind in ("images", "masks"):
        for path in (root / "lits" / kind).glob("volume-2_*"):
            path.unlink()
    folds = folds_of(SPLIT, [LITS, MSD], data)
    with pytest.raises(UserError, match="validation patients volume-2 are not in the data"):
        cross_validate(recipe_with(tmp_path), root, tmp_path / "cv", folds[1:], RunOptions(device="cpu"))
