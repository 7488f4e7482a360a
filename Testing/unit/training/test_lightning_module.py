import numpy as np
import pytest
import torch
from support.training_cases import at_step, recipe_with

from LiverTumorSegLib.datasets.slices import Patient

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training.lightning_module import PATIENTS, RECIPE, SliceSegmenter
from LiverTumorSegLib.training.losses import partial_label_loss
from LiverTumorSegLib.training.network import build_network
from LiverTumorSegLib.training.recipe import Recipe


def segmenter_of(plan, train=()):
    return SliceSegmenter(plan, build_network(plan), train)


def test_median_frequency_weights_are_those_of_the_networks_own_classes(tmp_path):
    lesions = ["labels=[background, lesion]", "network.classes=2"]
    plan = recipe_with(tmp_path, *lesions, "loss={name: cross_entropy, weights: median_frequency}")
    labels = torch.tensor([[[0, 0, 1, 2]]], dtype=torch.uint8)
    patient = Patient("a", np.arange(1), labels[:, None], labels, None, lesions_apart=True)
    assert segmenter_of(plan, [patient])._loss.weights == pytest.approx((0.5 / 0.75, 0.5 / 0.25))


def test_a_recipe_that_names_no_loss_has_the_one_of_joined_labels(tmp_path):
    batch = {
        "pixels": torch.rand(2, 3, 32, 32),
        "labels": torch.randint(0, 3, (2, 32, 32), dtype=torch.uint8),
        "lesions_apart": torch.tensor([True, False]),
    }
    segmenter = segmenter_of(recipe_with(tmp_path)).eval()
    wanted = partial_label_loss(segmenter.network(batch["pixels"]), batch["labels"], batch["lesions_apart"])
    assert segmenter.training_step(batch).item() == pytest.approx(wanted.item(), rel=1e-5)


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


def test_what_a_network_draws_depends_on_the_seed_and_the_step_alone(tmp_path, monkeypatch):
    segmenter = segmenter_of(recipe_with(tmp_path))

    def drawn_at(step, seed=1):
        monkeypatch.setattr(segmenter, "_recipe", segmenter._recipe.model_copy(update={"seed": seed}))
        segmenter._trainer = at_step(step)
        segmenter.on_train_batch_start({}, 0)
        return torch.rand(4).tolist()

    first = drawn_at(5)
    assert drawn_at(6) != first
    assert drawn_at(5, seed=2) != first
    assert drawn_at(5) == first


def test_a_checkpoint_holds_the_recipe_and_how_many_slices_its_patients_have(tmp_path):
    plan, checkpoint = recipe_with(tmp_path), {}
    counts = {"training": {"volume-0": 10}, "validation": {}}
    SliceSegmenter(plan, build_network(plan), (), counts).on_save_checkpoint(checkpoint)
    assert checkpoint[PATIENTS] == counts
    assert Recipe.model_validate(checkpoint[RECIPE]) == plan
