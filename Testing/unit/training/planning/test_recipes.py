from dataclasses import replace

import pytest
import torch
import yaml
from support.dataset_cases import write_lits, write_slices
from support.fingerprints import INTENSITIES, fingerprint_of
from support.planning_cases import write_set

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Job
from LiverTumorSegLib.datasets import layouts
from LiverTumorSegLib.datasets.export import ExportOptions, export
from LiverTumorSegLib.preprocessing import Chain, Slices

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.network import build_network
from LiverTumorSegLib.training.planning import fingerprint
from LiverTumorSegLib.training.planning.fingerprint import take_fingerprint
from LiverTumorSegLib.training.planning.plans import plan
from LiverTumorSegLib.training.planning.recipes import recipe_text
from LiverTumorSegLib.training.recipe import Recipe

THICK = (40, 300, 320), (5.0, 0.8, 0.8)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(fingerprint, "DRAWN", 10_000)


@pytest.fixture
def lits(tmp_path):
    write_lits(tmp_path / "Livers: 1", 0)
    return layouts.find(tmp_path / "Livers: 1")


def recipe_of(found, name, layout):
    return Recipe.model_validate(yaml.safe_load(recipe_text(found, name, layout)))


def test_a_recipe_for_volumes_has_what_the_plan_says(lits):
    found = plan(fingerprint_of(*[THICK] * 30))
    recipe, chosen = recipe_of(found, "3d_fullres", lits), found.configurations["3d_fullres"]
    assert recipe.patches.size == chosen.patch
    assert recipe.patches.spacing_mm == chosen.spacing
    assert (recipe.schedule.batch, recipe.loss.over_batch) == (2, False)
    assert recipe.data[0].volumes == "Livers: 1"
    assert recipe.sampling.model_dump(include={"lesion", "liver", "other", "joined"}) == {
        "lesion": 0.25,
        "liver": 0.25,
        "other": 0.5,
        "joined": 0,
    }
    network = build_network(recipe)
    assert [stage[0].convs[0].conv.stride for stage in network.encoder.stages] == list(chosen.topology.strides)
    assert [stage[0].convs[1].conv.kernel_size for stage in network.encoder.stages] == list(chosen.topology.kernels)
    assert [stage[0].convs[1].conv.out_channels for stage in network.encoder.stages] == list(chosen.topology.features)


def test_a_recipe_for_slices_has_what_the_plan_says(lits):
    found = plan(fingerprint_of(*[THICK] * 30, labelled=0.25))
    recipe, chosen = recipe_of(found, "2d", lits), found.configurations["2d"]
    assert (recipe.crop, recipe.schedule.batch, recipe.loss.over_batch) == (320, chosen.batch, True)
    assert recipe.preprocessing.spacing_mm == 0.8
    drawn = (chosen.batch - round(chosen.batch * 0.67)) / chosen.batch
    assert recipe.sampling.lesion == pytest.approx(drawn / 2, abs=1e-4)
    assert recipe.sampling.liver == pytest.approx(drawn / 2 + (1 - drawn) / 4, abs=1e-4)
    assert recipe.sampling.other == pytest.approx((1 - drawn) * 3 / 4, abs=1e-4)
    build_network(recipe)


def test_intensities_are_normalised_as_nnu_net_does(lits):
    recipe = recipe_of(plan(fingerprint_of(THICK)), "3d_fullres", lits)
    pixels = recipe.preprocessing(Slices(torch.tensor([[[[-1000.0, 100.0, 140.0, 900.0]]]]), (1, 1))).pixels
    assert pixels.flatten().tolist() == [-3, 0, 1, 3]


def test_data_without_lesions_have_a_network_for_the_liver_alone(lits):
    recipe = recipe_of(plan(fingerprint_of(THICK, labels=("background", "liver"))), "3d_fullres", lits)
    assert (recipe.labels, recipe.network.classes, recipe.segments) == (("background", "liver"), 2, "the liver")
    assert (recipe.sampling.lesion, recipe.sampling.liver) == (0, 0.5)


def test_lower_resolution_is_a_recipe_of_its_own(lits):
    found = plan(fingerprint_of(*[((400, 512, 512), (1.0, 0.8, 0.8))] * 30))
    low, full = (recipe_of(found, name, lits) for name in ("3d_lowres", "3d_fullres"))
    assert (low.name, low.loss.over_batch, full.loss.over_batch) == ("nnunet-3d_lowres", False, True)
    assert all(a > b for a, b in zip(low.patches.spacing_mm, full.patches.spacing_mm, strict=True))


def test_pictures_are_taken_as_greys(tmp_path, few):
    write_slices(tmp_path / "pictures", "a")
    layout = layouts.find(tmp_path / "pictures")
    recipe = recipe_of(plan(take_fingerprint(layout, Job())), "2d", layout)
    assert recipe.data[0].intensities == (0, 255)


def test_a_training_dump_is_taken_as_it_is(tmp_path, few):
    write_lits(tmp_path / "lits", 0)
    pairs, _ = layouts.pair_in_folder(tmp_path / "lits")
    window = Chain.model_validate([{"step": "window", "level": 60, "width": 200}])
    export(pairs, tmp_path / "dump", window, ExportOptions(every=1))
    layout = layouts.find(tmp_path / "dump")
    text = recipe_text(plan(take_fingerprint(layout, Job())), "2d", layout)
    assert "# The pictures are a training dump" in text
    assert Recipe.model_validate(yaml.safe_load(text)).preprocessing == window


def test_one_hu_alone_is_refused(lits):
    flat = fingerprint_of(THICK, intensities=replace(INTENSITIES, low=40.0, high=40.0))
    with pytest.raises(UserError, match="Livers: 1 all hold 40 HU: choose other data"):
        recipe_text(plan(flat), "3d_fullres", lits)


@pytest.mark.parametrize("name", ["2d", "3d_fullres"])
def test_a_recipe_of_a_small_data_set_trains_and_gives_a_model(tmp_path, few, name):
    layout = layouts.find(write_set("small", tmp_path / "small"))
    recipe = recipe_of(plan(take_fingerprint(layout, Job())), name, layout)
    quick = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"steps": 1})})
    fit(quick, tmp_path, tmp_path / "model", command="none", device="cpu", cache=tmp_path / "cache")
    model = model_folder.load(tmp_path / "model")
    assert model.description.preprocessing == recipe.preprocessing
    assert model.description.patches == recipe.patches
