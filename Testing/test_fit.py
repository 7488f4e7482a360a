import csv
import json

import numpy as np
import pytest
from PIL import Image

from LiverTumorSegLib import model, phantom
from LiverTumorSegLib.errors import UserError

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import recipe as recipes
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.validate import validate

RECIPE = """
name: quick
title: A quick one
segments: the liver and its lesions
seed: 1
data: [{folder: lits, intensities: [-40, 160], default_spacing_mm: 5}]
validation: [volume-2]
preprocessing: [{step: window, level: 60, width: 200}]
stack: {slices: 3, spacing_mm: 8}
network: {name: unet, in_channels: 3, options: {features: [4, 4, 8, 8, 8, 4]}}
crop: 48
schedule: {steps: 6, batch: 2, learning_rate: 0.01, precision: 32-true}
licence: {name: CC0-1.0, terms: free.}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three phantoms as slice pictures."""
    root = tmp_path_factory.mktemp("data")
    for kind in ("images", "masks"):
        (root / "lits" / kind).mkdir(parents=True)
    rows = [["volume", "dx_mm", "dy_mm", "dz_native_mm"]]
    for patient in range(3):
        made = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=patient)
        rows.append([patient, 5.0, 5.0, 20.0])
        grey = ((made.volume.voxels.clip(-40, 160) + 40.0) / 200 * 255).astype(np.uint8)
        for number in range(10):
            name = f"volume-{patient}_slice_{number}"
            Image.fromarray(grey[number]).save(root / "lits" / "images" / f"{name}.jpg", quality=95)
            Image.fromarray(made.labels[number]).save(root / "lits" / "masks" / f"{name}.png")
    with (root / "lits" / "slices.csv").open("w") as table:
        csv.writer(table).writerows(rows)
    return root


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "quick.yaml").write_text(RECIPE)
    return recipes.load(tmp_path / "quick.yaml")


def weights(folder):
    return (folder / model.WEIGHTS).read_bytes()


def test_training_makes_a_model_that_loads_and_the_seed_decides(plan, data, tmp_path):
    for name in ("first", "again"):
        fit(plan, data, tmp_path / name, command="train it")
    trained = model.load(tmp_path / "first").description
    assert trained.training.patients == ("volume-0", "volume-1")
    assert trained.training.validation_patients == ("volume-2",)
    assert trained.training.command == "train it"
    assert "Not measured yet." in (tmp_path / "first" / model.CARD).read_text()
    assert weights(tmp_path / "first") == weights(tmp_path / "again")
    fit(plan.model_copy(update={"seed": 2}), data, tmp_path / "other", command="")
    assert weights(tmp_path / "other") != weights(tmp_path / "first")


def test_validating_writes_figures_by_patient_into_the_model_and_its_card(plan, data, tmp_path):
    fit(plan, data, tmp_path / "model", command="")
    figures = validate(tmp_path / "model", data, device="cpu", command="validate it")
    assert list(figures.cases) == ["volume-2"]
    assert model.load(tmp_path / "model").description.figures == figures
    card = (tmp_path / "model" / model.CARD).read_text()
    assert "| volume-2 |" in card
    assert "`validate it`" in card
    assert json.loads((tmp_path / "model" / model.DESCRIPTION).read_text())["figures"]["command"] == "validate it"


def test_a_validation_patient_that_is_not_there_is_named(plan, data, tmp_path):
    with pytest.raises(UserError, match="volume-9 are not in the data"):
        fit(plan.model_copy(update={"validation": ("volume-9",)}), data, tmp_path / "model", command="")
    assert not (tmp_path / "model").exists()


def test_missing_slices_are_named(plan, data, tmp_path):
    fit(plan, data, tmp_path / "model", command="")
    with pytest.raises(UserError, match="no slices of volume-2"):
        validate(tmp_path / "model", tmp_path, device="cpu", command="")
