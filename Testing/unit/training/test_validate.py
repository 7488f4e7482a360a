import os
from dataclasses import replace

import pytest
from support.training_cases import VOLUMES, make_data, make_volumes, recipe_with

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.scans import read_labels
from LiverTumorSegLib.datasets.slices import SliceSource
from LiverTumorSegLib.datasets.volumes import VolumeSource
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.io import volumes
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.models.joining import save_joined
from LiverTumorSegLib.training.card import card_text

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.validate import define_measures, store_figures, validate

BOTH = "data=[{volumes: LITS}, {folder: lits, intensities: [-40, 160]}]"


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A model from three CTs, the third for validation."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    make_volumes(tmp_path / "data")
    plan = recipe_with(tmp_path, *VOLUMES, "postprocessing={largest_liver: false, lesions_in_liver: false}")
    fit(plan, tmp_path / "data", tmp_path / "model", command="", cache=tmp_path / "cache")
    return tmp_path / "model"


def test_the_ct_itself_is_segmented_and_compared_with_its_labels(trained, tmp_path):
    figures = validate(trained, tmp_path / "data", device="cpu", command="")
    ct = volumes.read_volume(tmp_path / "data" / "LITS" / "volume-2.nii.gz")
    reference, _ = read_labels(tmp_path / "data" / "LITS" / "segmentation-2.nii.gz", ct)
    found = segment(ct, model_folder.load(trained), "cpu").labels
    assert found.any()
    both, sizes = ((found > 0) & (reference > 0)).sum(), (found > 0).sum() + (reference > 0).sum()
    assert list(figures.cases) == ["volume-2"]
    assert figures.cases["volume-2"].liver_dice == pytest.approx(2 * both / sizes)
    assert "over every slice of the CT, after postprocessing" in figures.definition
    assert "every slice of the CT" in (trained / model_folder.CARD).read_text()


def test_a_joined_model_is_measured_on_nobody_whom_its_second_network_was_trained_on(tmp_path):
    root = make_data(tmp_path / "data")
    needs_liver = "preprocessing=[{step: liver_level, hu: 100}, {step: window, level: 0, width: 200}]"
    for name, *changes in (("first", "validation=[volume-1, volume-2]"), ("second", needs_liver)):
        fit(recipe_with(tmp_path, "schedule.steps=2", *changes), root, tmp_path / name, command="")
    first, second = (model_folder.load(tmp_path / name) for name in ("first", "second"))
    save_joined(first, second, tmp_path / "both", card_text)
    assert list(validate(tmp_path / "both", root, device="cpu", command="").cases) == ["volume-2"]
    assert "- Never trained on: volume-2.\n" in (tmp_path / "both" / model_folder.CARD).read_text()
    save_joined(first, replaced(second, "volume-1", "volume-2"), tmp_path / "none", card_text)
    with pytest.raises(UserError, match="kept no patient for validation"):
        validate(tmp_path / "none", root, device="cpu", command="")


def replaced(model, *patients):
    """The model as if it had been trained on these."""
    training = model.description.training.model_copy(update={"patients": patients})
    return replace(model, description=model.description.model_copy(update={"training": training}))


def test_figures_of_the_model_itself_carry_no_remark_about_other_trainings(trained, tmp_path):
    first = validate(trained, tmp_path / "data", device="cpu", command="")
    described = model_folder.read_description(trained)
    store_figures(trained, described, first.model_copy(update={"remark": "Trained otherwise than the model itself."}))
    assert "Trained otherwise" in (trained / model_folder.CARD).read_text()
    validate(trained, tmp_path / "data", device="cpu", command="")
    assert "Trained otherwise" not in (trained / model_folder.CARD).read_text()


def test_a_ct_that_is_not_there_is_named(trained, tmp_path):
    (tmp_path / "data" / "LITS" / "volume-2.nii.gz").unlink()
    for root in (tmp_path / "data", tmp_path / "elsewhere"):
        with pytest.raises(UserError, match=r"no slices of volume-2 in .*LITS: give the folder"):
            validate(trained, root, device="cpu", command="")


def test_the_definition_says_what_is_measured_of_each_kind_of_data():
    pictures, cts = SliceSource(folder="a"), VolumeSource(volumes="b")
    assert "over the evenly spaced slices around the liver, after" in define_measures([pictures, pictures])
    assert "over every slice of the CT, after" in define_measures([cts])
    words = (
        "over the evenly spaced slices around the liver or every slice of the CT, by where a patient's data come from,"
    )
    assert words in define_measures([pictures, cts])


def test_patients_of_both_kinds_of_data_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    make_volumes(make_data(tmp_path / "data"), numbers=(3, 4))
    plan = recipe_with(tmp_path, BOTH, "validation=[volume-2, volume-4]", "schedule.steps=1")
    fit(plan, tmp_path / "data", tmp_path / "model", command="", cache=tmp_path / "cache")
    figures = validate(tmp_path / "model", tmp_path / "data", device="cpu", command="")
    assert list(figures.cases) == ["volume-2", "volume-4"]
    assert " or every slice of the CT" in figures.definition
