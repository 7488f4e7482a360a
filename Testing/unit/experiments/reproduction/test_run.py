import json
import math

import nibabel
import numpy as np
import pytest
import yaml
from support.reproduction_cases import unmeasured
from support.training_cases import make_volumes, write_phantom_as_msd

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets import splits
from LiverTumorSegLib.models import model_folder

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments import record
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.request import Settings
from LiverTumorSegLib.experiments.reproduction.run import reproduce
from LiverTumorSegLib.experiments.run_options import RunOptions
from LiverTumorSegLib.training.log_table import read_rows

TINY = {"name": "unet", "in_channels": 1, "options": {"features": [4, 4, 8, 8, 8, 4]}}


@pytest.fixture
def lits(tmp_path):
    return make_volumes(tmp_path / "data", (0, 1, 2, 3)) / "LITS"


@pytest.fixture
def shrunk(tmp_path, monkeypatch):
    """A published system with a tiny network, few epochs and what else is to change."""

    def shrink(name, classes, **changes):
        content = yaml.safe_load((systems.RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
        network = TINY | {"classes": classes}
        content["rows"] = [
            row | {"epochs": 2, "recipe": row["recipe"] | {"network": network}} for row in content["rows"][:1]
        ]
        content["recipe"] |= {"encoder_weights": None} | changes
        (tmp_path / "systems").mkdir()
        (tmp_path / "systems" / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        monkeypatch.setattr(systems, "RECIPES", tmp_path / "systems")

    return shrink


@pytest.fixture
def run(lits, tmp_path, monkeypatch):
    unmeasured(monkeypatch)

    def run(name, protocol="published", given=None, **options):
        named = RunOptions(device="cpu", cache=tmp_path / "cache", command="reproduce it", **options)
        return reproduce(name, lits, tmp_path / "out", protocol, Settings(**given or {}), named)

    return run


def damage_a_slice(path):
    image = nibabel.load(path)
    voxels = np.asarray(image.dataobj).astype(np.float32)
    voxels[..., 4] = np.nan
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), path)


def test_epochs_are_counted_in_the_slices_that_are_trained_on(run, shrunk, tmp_path):
    shrunk("dhanush", 1, crop=48)
    (row,) = run("dhanush").protocols["published"].rows
    steps, slices = row.sizes.steps, row.sizes.samples
    assert steps == math.ceil(2 * slices / 8)
    assert 0 < slices < 32
    trained = model_folder.read_description(tmp_path / "out" / "published" / "u-net" / "model").training
    assert trained.recipe["schedule"]["steps"] == steps
    assert trained.command == "reproduce it"
    assert row.published == (96, 94, 0.76, None, None, None, None, None)
    assert row.structures == ("liver",)


def test_validation_has_curves_and_is_never_what_is_measured(run, shrunk, tmp_path):
    shrunk("dhanush", 1, crop=48)
    run("dhanush")
    (row,) = run("dhanush", "sound").protocols["sound"].rows
    place = tmp_path / "out"
    for protocol in ("published", "sound"):
        (log,) = (place / protocol / "u-net" / "model-log").iterdir()
        assert "validation_loss" in (log / "metrics.csv").read_text(encoding="utf-8")
    trained = model_folder.read_description(place / "sound" / "u-net" / "model").training
    split = splits.load(place / "sound" / "split.json")
    measured = json.loads((place / "sound" / "u-net" / "patients.json").read_text(encoding="utf-8"))["patients"]
    assert tuple(measured) == split.test
    assert trained.validation_patients == split.validation
    assert set(trained.patients) == set(split.train)
    assert len({*split.train, *split.validation, *split.test}) == 4
    record = json.loads((place / "published" / "u-net" / "slices.json").read_text(encoding="utf-8"))
    shown = sum(one[0] + one[2] > 0 for one in record["scores"]["liver"]["slices"])
    assert shown == len(record["scores"]["liver"]["slices"]) <= 8
    assert [figure.value for figure in row.figures[4:]] == [None] * 4


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
    assert (row.sizes.trainings, row.sizes.patients, row.sizes.samples) == (4, 3, 24)
    liver_slices = row.figures[0].counted
    assert 0 < liver_slices == row.sizes.measured <= 40


def test_volumes_are_measured_by_patient_under_both_protocols(run, shrunk, tmp_path, lits):
    damage_a_slice(lits / "volume-1.nii.gz")
    coarse = {"spacing_mm": [8, 8, 8], "size": [32, 32, 32]}
    shrunk("ahmad", 3, patches=coarse, augmentation="none")
    content = yaml.safe_load((systems.RECIPES / "ahmad.yaml").read_text(encoding="utf-8"))
    content["rows"][0]["recipe"]["network"]["name"] = "unet3d"
    content["rows"][0] |= {"samples_a_patient": 1, "validate_epochs": 1}
    (systems.RECIPES / "ahmad.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    run("ahmad")
    done = run("ahmad", "sound")
    assert list(done.protocols) == ["published", "sound"]
    for name, result in done.protocols.items():
        (row,) = result.rows
        assert (row.sizes.steps, row.sizes.samples, row.sizes.unit) == (3, 3, "volumes")
        assert row.sizes.measured_unit == "patients"
        assert row.figures[0].counted == 1
        assert row.published == (None,) * 11
        rows = read_rows(tmp_path / "out" / name / "u-net" / "model")
        losses = [one["validation_loss"] for one in rows if "validation_loss" in one]
        assert len(losses) == 2
        assert row.figures[-1].counted == 1
        assert row.figures[-1].value == pytest.approx(losses[-1], abs=1e-6)


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
    split = splits.Split(seed=0, train=("volume-0", "volume-1"), validation=("volume-3",), test=("volume-2",))
    split.save(path)
    run("dhanush", "sound")
    said = model_folder.read_description(tmp_path / "out" / "sound" / "u-net" / "model").training
    assert said.validation_patients == ("volume-3",)
    whole = splits.Split(seed=0, train=("volume-0", "volume-1", "volume-2"), validation=("volume-3",))
    for other in (splits.Split(seed=0, train=("volume-0",), validation=("volume-3",), test=("volume-2",)), whole):
        other.save(path, overwrite=True)
        with pytest.raises(UserError, match="split.json was drawn for other patients or folds"):
            run("dhanush", "sound")


def test_a_row_that_differs_in_its_output_alone_is_not_trained_twice(run, shrunk, tmp_path, monkeypatch):
    shrunk("elmenabawy", 3, crop=64)
    content = yaml.safe_load((systems.RECIPES / "elmenabawy.yaml").read_text(encoding="utf-8"))
    network = {"name": "alexnet_fcn", "in_channels": 1, "options": {"fc_channels": 8, "dropout": 0.0}}
    plain = content["rows"][0] | {"name": "Plain"}
    plain["recipe"] |= {"network": network}
    smooth = plain | {"name": "Smooth", "trained_as": "Plain"}
    smooth["recipe"] = plain["recipe"] | {
        "name": "smooth",
        "network": network | {"options": network["options"] | {"smoothing": 2.0}},
    }
    content["rows"] = [plain, smooth]
    content["protocols"]["published"]["folds"] = 2
    content["recipe"]["schedule"] |= {"batch": 4, "learning_rate": 0.1}
    (systems.RECIPES / "elmenabawy.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done, before = [], record.fit

    def noted(*given, **named):
        done.append(given[2].parent.parent.name)
        before(*given, **named)

    monkeypatch.setattr(record, "fit", noted)
    rows = run("elmenabawy").protocols["published"].rows
    assert done == ["plain", "plain"]
    place = tmp_path / "out" / "published"
    for fold in ("fold-0", "fold-1"):
        plain, smooth = (place / name / fold / "model" for name in ("plain", "smooth"))
        assert (plain / model_folder.WEIGHTS).read_bytes() == (smooth / model_folder.WEIGHTS).read_bytes()
        assert model_folder.load(smooth).network.smoothing == 2.0
        assert model_folder.read_description(smooth).name == "smooth"
    assert "Its models are those of Plain, or trained alike where that row is not there." in rows[1].notes
    record.shutil.rmtree(place / "plain" / "fold-1")
    record.shutil.rmtree(place / "smooth" / "fold-1")
    content["rows"] = content["rows"][1:]
    (systems.RECIPES / "elmenabawy.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    assert run("elmenabawy").protocols["published"].rows[0].figures == rows[1].figures
    assert done == ["plain", "plain", "smooth"]


def test_two_data_sets_are_trained_on_and_measured_as_one(run, shrunk, lits, tmp_path, monkeypatch):
    shrunk("kulkarni", 1, preprocessing="li", crop=48)
    content = yaml.safe_load((systems.RECIPES / "kulkarni.yaml").read_text(encoding="utf-8"))
    content["protocols"]["sound"]["held_out"] = 0.4
    (systems.RECIPES / "kulkarni.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    make_volumes(tmp_path / "data", (2, 4, 5), write_phantom_as_msd)
    options = RunOptions(device="cpu", cache=tmp_path / "cache")
    both = [lits, lits.parent / "MSD"]
    unmeasured(monkeypatch)
    done = reproduce("kulkarni", both, tmp_path / "out", "sound", options=options)
    (row,) = done.protocols["sound"].rows
    assert done.data == "LITS (LiTS, 4 patients) and MSD (MSD Task03_Liver, 2 patients)"
    assert "1 of MSD, who are taken from LITS (liver_2 is volume-2)" in done.protocols["sound"].notes[0]
    split = splits.load(tmp_path / "out" / "sound" / "split.json")
    assert sorted(split.names) == ["liver_4", "liver_5", "volume-0", "volume-1", "volume-2", "volume-3"]
    assert len(split.validation) == 2
    assert (row.sizes.patients, row.sizes.measured) == (4, 2)
    assert all(figure.value is not None for figure in (row.figures[0], row.figures[2], row.nothing[2]))
    page = (tmp_path / "out" / "reproduction.md").read_text(encoding="utf-8")
    assert "Persons who are in several data sets by their numbers are counted once" in page


def test_early_stopping_watches_patients_who_are_not_measured_and_is_said(run, shrunk, tmp_path):
    policy = {"name": "plateau", "monitor": "loss", "factor": 0.1, "patience": 1}
    stopping = {"early_stopping": {"monitor": "loss", "patience": 1}, "checkpoint_every": 0}
    schedule = {"batch": 30, "optimizer": "adagrad", "learning_rate": 0.1, "policy": policy, "average": 0}
    shrunk("li", 3, crop=48, schedule=schedule | {"precision": "32-true"}, callbacks=stopping)
    content = yaml.safe_load((systems.RECIPES / "li.yaml").read_text(encoding="utf-8"))
    content["rows"][0] |= {"epochs": 30}
    (systems.RECIPES / "li.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (row,) = run("li", "sound").protocols["sound"].rows
    split = splits.load(tmp_path / "out" / "sound" / "split.json")
    assert (len(split.train), len(split.validation), len(split.test)) == (2, 1, 1)
    said = model_folder.read_description(tmp_path / "out" / "sound" / "u-net" / "model").training
    assert (said.patients, said.validation_patients) == (split.train, split.validation)
    assert said.recipe["schedule"]["validate_every"] == 1
    assert (row.sizes.patients, row.figures[0].counted) == (2, 1)
    assert row.sizes.steps < 20
    assert row.notes == (
        f"Training ended early, after {row.sizes.steps} of 20 steps, as its validations got no better.",
    )


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
