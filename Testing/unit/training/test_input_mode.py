import csv

import numpy as np
import pytest
import torch
from support.evaluation_cases import save
from support.training_cases import make_volumes, recipe_with, volume_recipe
from support.volumes import reordered

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, CancelToken, Job
from LiverTumorSegLib.datasets import phantom
from LiverTumorSegLib.evaluation.overlap import dice
from LiverTumorSegLib.inference.segment import segment
from LiverTumorSegLib.models import model_folder

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import checkpoints, patients
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.input_mode import input_mode_of
from LiverTumorSegLib.training.patch_sampling import PatchSampler
from LiverTumorSegLib.training.scoring import SliceScorer, VolumeScorer
from LiverTumorSegLib.training.slice_sampling import SliceSampler
from LiverTumorSegLib.training.validate import validate


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_volumes(tmp_path_factory.mktemp("volumes"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def weights(folder):
    return (folder / model_folder.WEIGHTS).read_bytes()


def rows(folder):
    with (checkpoints.training_logs(folder)[-1] / "metrics.csv").open() as table:
        return list(csv.DictReader(table))


def test_what_a_recipes_network_sees_decides(tmp_path):
    slices, volumes = input_mode_of(recipe_with(tmp_path)), input_mode_of(volume_recipe(tmp_path))
    assert (slices.scorer, volumes.scorer) == (SliceScorer, VolumeScorer)
    assert (slices.layout, volumes.layout) == (torch.channels_last, torch.channels_last_3d)


def test_each_kind_draws_its_batches_from_the_step_on_that_it_is_told(data, cache, tmp_path):
    for plan, kind in (
        (recipe_with(tmp_path, "data=[{volumes: LITS}]"), SliceSampler),
        (volume_recipe(tmp_path), PatchSampler),
    ):
        found = patients.read(plan, data, cache, say=lambda _: None, job=Job())
        sampler = input_mode_of(plan).sampler(plan, found.train, 0)
        assert isinstance(sampler, kind)
        batches = iter(sampler)
        next(batches)
        second, same = (
            input_mode_of(plan).augmented(next(one))
            for one in (batches, iter(input_mode_of(plan).sampler(plan, found.train, 1)))
        )
        assert torch.equal(second["pixels"], same["pixels"])


def test_files_in_another_axis_order_give_the_same_patches_of_the_patient(data, cache, tmp_path):
    for number, (axes, flips) in enumerate([((2, 0, 1), (1, 0, 1)), ((1, 2, 0), (0, 1, 1)), ((0, 2, 1), (1, 1, 0))]):
        made = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=number)
        for name, array, kind in (("volume", made.volume.voxels, np.int16), ("segmentation", made.labels, np.uint8)):
            turned = reordered(type(made.volume)(array, made.volume.affine), axes, flips)
            save(tmp_path / "LITS" / f"{name}-{number}.nii.gz", turned.voxels, dtype=kind, affine=turned.affine)
    plan, batches = volume_recipe(tmp_path), []
    for root in (data, tmp_path):
        found = patients.read(plan, root, cache, say=lambda _: None, job=Job())
        batches.append(input_mode_of(plan).augmented(next(iter(input_mode_of(plan).sampler(plan, found.train, 0)))))
    assert batches[0]["labels"].any()
    for name in batches[0]:
        assert torch.equal(batches[0][name], batches[1][name])


def test_a_training_on_volumes_finds_the_liver_and_its_model_segments(data, cache, tmp_path):
    plan = volume_recipe(
        tmp_path,
        "schedule.steps=50",
        "schedule.average=0.9",
        "schedule.validate_every=25",
        "callbacks={save: best, pictures_every: 1}",
    )
    fit(plan, data, tmp_path / "model", command="train it", cache=cache)
    losses = [float(row["loss"]) for row in rows(tmp_path / "model")]
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:10])
    assert float(rows(tmp_path / "model")[-1]["liver_dice"]) > 0.6
    (log,) = checkpoints.training_logs(tmp_path / "model")
    assert len(list((log / "pictures").iterdir())) == 2
    trained = model_folder.load(tmp_path / "model")
    assert trained.description.patches == plan.patches
    unseen = phantom.create((10, 64, 80), (20.0, 5.0, 5.0), seed=9)
    found = segment(unseen.volume, trained, "cpu").labels
    assert dice(found > 0, unseen.labels > 0) > 0.6
    figures = validate(tmp_path / "model", data, device="cpu", command="validate it")
    assert figures.cases["volume-2"].liver_dice > 0.6


def test_a_training_on_volumes_that_was_cancelled_goes_on_to_the_same_weights_and_log(data, cache, tmp_path):
    plan = volume_recipe(tmp_path, "callbacks={checkpoint_every: 2, save: best}", "network.options.dropout=0.1")
    fit(plan, data, tmp_path / "unbroken", command="", cache=cache)
    cancel, told = CancelToken(), []

    def interrupt(_fraction, sentence):
        if sentence.startswith("Step 4 "):
            cancel.cancel()

    with pytest.raises(Cancelled):
        fit(plan, data, tmp_path / "model", command="", cache=cache, progress=interrupt, cancel=cancel)
    fit(plan, data, tmp_path / "model", command="", cache=cache, resume=True, say=told.append)
    assert told[0] == "Training goes on after step 4."
    assert weights(tmp_path / "model") == weights(tmp_path / "unbroken")
    assert rows(tmp_path / "model") == rows(tmp_path / "unbroken")


@pytest.mark.parametrize(
    "changes",
    [
        ("labels=[background, liver]", "network.classes=1", "loss=dice_ce", "augmentation=none"),
        ("labels=[background, lesion]", "network.classes=2", "loss={name: cross_entropy, weights: median_frequency}"),
        ("loss=tversky", "schedule.optimizer=sgd", "schedule.policy=plateau", "callbacks.early_stopping={patience: 1}"),
        ("data=[{volumes: LITS, lesions_apart: false}]", "sampling={joined: 1}", "augmentation=unet-lits"),
        ("schedule.precision=bf16-mixed", "patches.size=[48, 32, 32]", "preprocessing=li", "augmentation=li"),
    ],
)
def test_other_entries_of_a_recipe_work_on_volumes_too(data, cache, tmp_path, changes):
    steps = ("schedule.steps=2", "schedule.batch=1", "schedule.validate_every=1")
    fit(volume_recipe(tmp_path, *steps, *changes), data, tmp_path / "model", command="", cache=cache)
    assert model_folder.load(tmp_path / "model").description.patches


def test_a_training_on_volumes_does_not_go_on_with_another_spacing(data, cache, tmp_path):
    plan = volume_recipe(tmp_path, "callbacks.checkpoint_every=1")

    def interrupt(_fraction, sentence):
        if sentence.startswith("Step 2 "):
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(plan, data, tmp_path / "model", command="", cache=cache, progress=interrupt)
    other = volume_recipe(tmp_path, "callbacks.checkpoint_every=1", "patches.spacing_mm=[10, 8, 9]")
    with pytest.raises(UserError, match="began with another recipe: patches.spacing_mm was"):
        fit(other, data, tmp_path / "model", command="", cache=cache, resume=True)
