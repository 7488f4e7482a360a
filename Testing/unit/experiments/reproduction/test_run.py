import math

import nibabel
import numpy as np
import pytest
import yaml
from support.reproduction_cases import unmeasured
from support.training_cases import make_volumes

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import splits
from LiverTumorSegLib.models import model_folder

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.request import Settings
from LiverTumorSegLib.experiments.reproduction.run import reproduce
from LiverTumorSegLib.experiments.run_options import RunOptions

TINY = {"name": "unet", "in_channels": 1, "options": {"features": [4, 4, 8, 8, 8, 4]}}


@pytest.fixture
def lits(tmp_path):
    return make_volumes(tmp_path / "data", (0, 1, 2, 3)) / "LITS"


@pytest.fixture
def shrunk(tmp_path, monkeypatch):
    """A published system with a tiny network, few epochs and what else is to change."""

    def shrink(name, classes, **changes):
        content = yaml.safe_load((systems.RECIPES / f"{name}.yaml").read_text())
        network = TINY | {"classes": classes}
        content["rows"] = [
            row | {"epochs": 2, "recipe": row["recipe"] | {"network": network}} for row in content["rows"][:1]
        ]
        content["recipe"] |= {"encoder_weights": None} | changes
        (tmp_path / "systems").mkdir()
        (tmp_path / "systems" / f"{name}.yaml").write_text(yaml.safe_dump(content))
        monkeypatch.setattr(systems, "RECIPES", tmp_path / "systems")

    return shrink


@pytest.fixture
def run(lits, tmp_path, monkeypatch):
    unmeasured(monkeypatch)

    def run(name, protocol="published", given=None, **options):
        named = RunOptions(device="cpu", cache=tmp_path / "cache", command="reproduce it", **options)
        return reproduce(name, lits, tmp_path / "out", protocol, Settings(**given or {}), named)

    return run


def test_epochs_are_counted_in_the_slices_that_are_trained_on(run, shrunk, tmp_path):
    shrunk("dhanush", 1, crop=48)
    (row,) = run("dhanush").protocols["published"].rows
    steps, slices = row.sizes.steps, row.sizes.samples
    assert steps == math.ceil(2 * slices / 8)
    assert 0 < slices < 32
    trained = model_folder.read_description(tmp_path / "out" / "published" / "u-net" / "model").training
    assert trained.recipe["schedule"]["steps"] == steps
    assert trained.command == "reproduce it"
    assert row.published == (96, 94, 0.76)


def test_folds_by_patient_are_measured_slice_by_slice_and_all_count(run, shrunk, tmp_path):
    shrunk("elmenabawy", 3, crop=48)
    (row,) = run("elmenabawy").protocols["published"].rows
    place = tmp_path / "out" / "published"
    folders = sorted((place / "resnet-18-without").glob("fold-?"))
    assert len(splits.load(place / "split.json").folds) == 4
    assert [folder.name for folder in folders] == [f"fold-{number}" for number in range(4)]
    held_out = []
    for folder in folders:
        said = model_folder.read_description(folder / "model").training
        assert not set(said.patients) & set(said.validation_patients)
        held_out += said.validation_patients
    assert sorted(held_out) == [f"volume-{number}" for number in range(4)]
    assert (row.sizes.trainings, row.sizes.patients, row.sizes.samples) == (4, 3, 30)
    liver_slices = row.figures[0].counted
    assert 0 < liver_slices == row.sizes.measured <= 40


def test_volumes_are_measured_by_patient_under_both_protocols(run, shrunk):
    coarse = {"spacing_mm": [8, 8, 8], "size": [32, 32, 32]}
    shrunk("ahmad", 3, patches=coarse, augmentation="none")
    content = yaml.safe_load((systems.RECIPES / "ahmad.yaml").read_text())
    content["rows"][0]["recipe"]["network"]["name"] = "unet3d"
    content["rows"][0]["samples_a_patient"] = 1
    (systems.RECIPES / "ahmad.yaml").write_text(yaml.safe_dump(content))
    run("ahmad")
    done = run("ahmad", "sound")
    assert list(done.protocols) == ["published", "sound"]
    for result in done.protocols.values():
        (row,) = result.rows
        assert (row.sizes.steps, row.sizes.samples, row.sizes.unit) == (3, 3, "volumes")
        assert row.sizes.measured_unit == "patients"
        assert row.figures[0].counted == 1
        assert row.published == (None,) * 10


def test_a_row_that_does_not_suit_the_data_is_named(run, shrunk):
    shrunk("dhanush", 1, crop=48, loss="partial_label")
    with pytest.raises(UserError, match=r"U-Net cannot be trained on .*LITS: .*partial_label"):
        run("dhanush")


def test_a_ct_that_cannot_be_read_is_named_before_training(run, shrunk, lits, tmp_path):
    shrunk("dhanush", 1, crop=48)
    (lits / "volume-2.nii.gz").write_bytes(b"nothing")
    with pytest.raises(UserError, match="volume-2 cannot be trained on or measured"):
        run("dhanush", "sound")
    assert not (tmp_path / "out" / "sound").exists()


def test_who_is_held_out_stays_and_a_split_of_others_is_not_replaced_unasked(run, shrunk, tmp_path):
    shrunk("dhanush", 1, crop=48)
    path = tmp_path / "out" / "sound" / "split.json"
    split = splits.Split(seed=0, train=("volume-0", "volume-1", "volume-2"), validation=("volume-3",))
    split.save(path)
    run("dhanush", "sound")
    said = model_folder.read_description(tmp_path / "out" / "sound" / "u-net" / "model").training
    assert said.validation_patients == ("volume-3",)
    splits.Split(seed=0, train=("volume-0",), validation=("volume-3",)).save(path, overwrite=True)
    with pytest.raises(UserError, match="split.json was drawn for other patients or folds"):
        run("dhanush", "sound")


def test_epochs_of_the_user_go_before_the_papers_and_settings_before_the_recipes(run, shrunk):
    shrunk("dhanush", 1, crop=48)
    (row,) = run("dhanush", given={"epochs": 1, "changes": {"schedule.batch": 4}}).protocols["published"].rows
    assert row.sizes.steps == math.ceil(row.sizes.samples / 4)


def test_steps_of_the_user_are_not_counted_anew(run, shrunk):
    shrunk("dhanush", 1, crop=48)
    (row,) = run("dhanush", given={"changes": {"schedule.steps": 3}}).protocols["published"].rows
    assert row.sizes.steps == 3


def test_data_without_a_lesion_are_refused_before_training_for_lesions(run, shrunk, lits, tmp_path):
    shrunk("kulkarni", 1, crop=64, preprocessing="li", labels=["background", "lesion"])
    for path in lits.glob("segmentation-*"):
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(np.minimum(image.get_fdata(), 1).astype(np.uint8), image.affine), path)
    with pytest.raises(UserError, match=r"None of the \d patients of .*LITS that would be trained on has a lesion"):
        run("kulkarni", "sound")
    assert not list((tmp_path / "out").rglob("model-log"))
