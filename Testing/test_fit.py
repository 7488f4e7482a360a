import csv
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from LiverTumorSegLib import model, networks, phantom
from LiverTumorSegLib.datasets.slices import Patient
from LiverTumorSegLib.errors import UserError
from LiverTumorSegLib.networks import SliceNetwork

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import fit as fitting
from LiverTumorSegLib.training import recipe as recipes
from LiverTumorSegLib.training.fit import SliceSegmenter, fit
from LiverTumorSegLib.training.losses import partial_label_loss
from LiverTumorSegLib.training.network import build
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


def recipe_with(tmp_path, *changes):
    (tmp_path / "quick.yaml").write_text(RECIPE)
    return recipes.load(tmp_path / "quick.yaml", recipes.parse_changes(list(changes)))


@pytest.fixture
def plan(tmp_path):
    return recipe_with(tmp_path)


class Levels(SliceNetwork):
    """Two levels of logits in training, the finer without a border of two pixels."""

    margin = 2
    source = "none"

    def __init__(self, in_channels, classes):
        super().__init__(in_channels, classes)
        self.body = torch.nn.Conv2d(in_channels, classes, 5)

    def logits(self, slices):
        made = self.body(slices)
        return [made, made[..., ::2, ::2]]


def segmenter_of(plan, train=()):
    return SliceSegmenter(plan, build(plan), train)


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
    assert model.load(tmp_path / "model").description.training.patients == ("volume-0", "volume-1", "volume-2")


def test_a_training_that_diverged_is_not_saved(data, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "over_levels", lambda _loss, logits, _labels: (logits * math.nan).sum())
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
    trained = model.load(tmp_path / "model").description
    assert trained.labels == ("background", "lesion")
    assert trained.network.classes == 1
    assert recipes.Recipe.model_validate(trained.training.recipe) == plan
    case = validate(tmp_path / "model", data, device="cpu", command="").cases["volume-2"]
    assert case.liver_dice is None
    assert "| volume-2 | - |" in (tmp_path / "model" / model.CARD).read_text()


def test_median_frequency_weights_are_those_of_the_networks_own_classes(tmp_path):
    lesions = ["labels=[background, lesion]", "network.classes=2"]
    plan = recipe_with(tmp_path, *lesions, "loss={name: cross_entropy, weights: median_frequency}")
    labels = torch.tensor([[[0, 0, 1, 2]]], dtype=torch.uint8)
    patient = Patient("a", np.arange(1), labels[:, None], labels, None, lesions_apart=True)
    assert segmenter_of(plan, [patient])._loss.weights == pytest.approx((0.5 / 0.75, 0.5 / 0.25))


def test_a_recipe_that_names_no_loss_has_the_one_of_joined_labels(plan, monkeypatch):
    batch = {
        "pixels": torch.rand(2, 3, 32, 32),
        "labels": torch.randint(0, 3, (2, 32, 32), dtype=torch.uint8),
        "lesions_apart": torch.tensor([True, False]),
    }
    segmenter = segmenter_of(plan).eval()
    monkeypatch.setattr(segmenter, "log", lambda *_, **__: None)
    wanted = partial_label_loss(segmenter.network(batch["pixels"]), batch["labels"], batch["lesions_apart"])
    assert segmenter.training_step(batch).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_networks_with_several_levels_and_without_borders_are_trained(data, tmp_path, monkeypatch):
    monkeypatch.setitem(networks._REGISTRY, "levels", Levels)
    plan = recipe_with(tmp_path, "network={name: levels, in_channels: 3}", "crop=49")
    fit(plan, data, tmp_path / "model", command="")
    assert (tmp_path / "model" / model.WEIGHTS).exists()


@pytest.mark.parametrize(
    ("change", "kind"), [("policy=one_cycle", torch.optim.AdamW), ("optimizer=adagrad", torch.optim.Adagrad)]
)
def test_the_optimiser_is_the_recipes_with_a_cycle_of_its_learning_rate(tmp_path, change, kind):
    made = segmenter_of(recipe_with(tmp_path, f"schedule.{change}")).configure_optimizers()
    assert isinstance(made["optimizer"], kind)
    assert made["lr_scheduler"]["interval"] == "step"


def test_a_constant_learning_rate_has_no_schedule(tmp_path):
    made = segmenter_of(recipe_with(tmp_path, "schedule.policy=constant")).configure_optimizers()
    assert made.param_groups[0]["lr"] == 0.01


def test_what_became_of_encoder_weights_is_reported(tmp_path, monkeypatch, caplog):
    asked = []
    monkeypatch.setattr(
        networks, "load_encoder_weights", lambda network, source: asked.append((network, source)) or "all of it"
    )
    segmenter = segmenter_of(recipe_with(tmp_path, "encoder_weights=encoder.pth"))
    assert asked == [(segmenter.network, "encoder.pth")]
    assert "all of it" in caplog.text
