import pytest
from support.reproduction_cases import ROWS, recipe

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.experiments.reproduction import sizes
from LiverTumorSegLib.experiments.reproduction.sizes import NOTES, SMALL, fold_count, held_out_share, shrink
from LiverTumorSegLib.experiments.reproduction.systems import load
from LiverTumorSegLib.preprocessing import Resize, named

SHRUNK = pytest.mark.parametrize(("size", "side"), [("quick", 96), ("small", 128)])
HELD_OUT = {"validation": ["volume-0"]}


@SHRUNK
def test_the_chain_stays_but_for_its_size(size, side):
    plan = recipe("kulkarni", "U-Net", size=size)
    *steps, last = plan.preprocessing.root
    assert steps == [step for step in named("kulkarni").root if not isinstance(step, Resize)]
    assert (last.height, last.width) == (side, side)


@SHRUNK
def test_a_network_without_padding_sees_more_than_a_slice_so_that_all_of_it_is_learnt(size, side):
    assert recipe("li", "U-Net", size=size).crop - 2 * 92 >= side


@pytest.mark.parametrize(("size", "spacing"), [("quick", 5.0), ("small", 3.0)])
def test_volumes_are_coarse_for_the_chain_and_the_patches_alike(size, spacing):
    plan = recipe("ahmad", "U-Net", size=size)
    assert plan.preprocessing.spacing_mm == plan.patches.spacing_mm[0] == spacing


def test_elastic_displacements_of_volumes_keep_their_millimetres():
    whole, plan = recipe("ahmad", "U-Net"), recipe("ahmad", "U-Net", size="small")
    before, now = (each.augmentation.elastic * each.patches.spacing_mm[0] for each in (whole, plan))
    assert before == now > 0
    assert plan.augmentation.gamma == whole.augmentation.gamma


def test_a_network_that_gets_weights_keeps_its_width():
    known = load("elmenabawy")
    whole = known.recipe | known.rows[2].recipe | HELD_OUT
    assert "options" not in shrink(whole, "quick", narrow=False)["network"]
    assert shrink(whole, "quick", narrow=True)["network"]["options"] == {"fc_channels": 256}
    assert shrink(whole, "small", narrow=True)["network"]["options"] == {"fc_channels": 512}


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_every_small_row_is_a_whole_training_that_a_part_of_its_own_may_end(name, row):
    split = HELD_OUT | {"test": ["volume-1"]}
    plan = recipe(name, row, size="small", split=split)
    spec = plan.network
    with torch.device("meta"):
        networks.create(spec.name, spec.in_channels, spec.classes, **spec.options)
    schedule, stopping = plan.schedule, plan.callbacks.early_stopping
    assert (schedule.steps, schedule.batch) == (3000, 2 if plan.patches else 8)
    assert (stopping.monitor, stopping.patience * schedule.validate_every) == ("loss", 1000)
    assert schedule.learning_rate >= (0.001 if schedule.optimizer.name == "adam" else 0.01)


def test_bfloat16_is_used_where_the_window_fits_its_mantissa_alone():
    assert recipe("li", "U-Net", size="small").schedule.precision == "bf16-mixed"
    assert recipe("li", "U-Net").schedule.precision == "bf16-mixed"
    assert recipe("dhanush", "U-Net", size="small").schedule.precision == "bf16-mixed"
    for name, row in (("elmenabawy", "ResNet-18 without"), ("ahmad", "U-Net")):
        assert recipe(name, row, size="small").schedule.precision == "32-true"


def test_a_stack_of_slices_is_narrowed_with_its_network():
    plan = recipe("li", "DALU-Net", size="small")
    assert (plan.stack.slices, plan.network.in_channels, plan.network.options["slices"]) == (3, 3, 3)


@pytest.mark.parametrize("split", [{"validation": []}, HELD_OUT, {"split": {"slices": 0.2}}])
def test_nobody_who_is_measured_ends_a_training(split):
    known = load("kulkarni")
    plan = shrink(known.recipe | known.rows[0].recipe | split, "small", narrow=True)
    assert plan["callbacks"] == {}
    assert (plan["schedule"]["steps"], plan["schedule"]["validate_every"]) == (3000, 0)


@pytest.mark.parametrize("split", [HELD_OUT | {"test": ["volume-1"]}, {"split": {"slices": 0.2, "validation": 0.1}}])
def test_a_part_that_is_held_back_does(split):
    known = load("kulkarni")
    plan = shrink(known.recipe | known.rows[0].recipe | split, "small", narrow=True)
    assert plan["callbacks"]["early_stopping"] == {"monitor": "loss", "patience": 4}
    assert plan["schedule"]["validate_every"] == 250


def validating(**schedule):
    known = load("li")
    plan = known.recipe | known.rows[0].recipe | HELD_OUT | {"test": ["volume-1"]}
    plan |= {"schedule": plan["schedule"] | {"policy": {"name": "plateau"}, **schedule}}
    return plan | {"callbacks": {"early_stopping": {"patience": 3}}}


def test_a_size_without_validations_takes_no_callback_that_needs_them():
    quick = shrink(validating(validate_every=0), "quick", narrow=True)
    assert (quick["schedule"]["policy"], quick["callbacks"]) == ("constant", {})
    assert shrink(validating(), "small", narrow=True)["schedule"]["policy"] == {"name": "plateau"}


def test_the_quick_size_validates_where_the_paper_does():
    quick = shrink(validating(validate_every=400), "quick", narrow=True)
    assert (quick["schedule"]["validate_every"], quick["callbacks"]["early_stopping"]["patience"]) == (10, 3)


def test_a_batch_in_parts_and_a_frame_of_volumes_follow_the_size():
    assert "micro_batch" not in shrink(validating(micro_batch=2), "small", narrow=True)["schedule"]
    known = load("ahmad")
    whole = known.recipe | known.rows[0].recipe | HELD_OUT | {"frame": [200, 256, 256]}
    assert shrink(whole, "small", narrow=True)["frame"] == [100, 128, 128]


@pytest.mark.parametrize(
    ("size", "patients", "share"), [("small", 20, 0.4), ("small", 15, 0.2), ("published", 20, 0.2)]
)
def test_the_small_size_holds_eight_patients_out_where_as_many_are_left(size, patients, share):
    assert held_out_share(0.2, size, patients) == share
    assert held_out_share(None, size, patients) is None


def test_the_small_size_has_two_folds_at_most():
    assert [fold_count(4, size) for size in sizes.SIZE_NAMES] == [4, 2, 2]
    assert fold_count(None, "small") is None


def test_nobody_can_take_figures_of_another_size_for_a_reproduction():
    assert "reproduce nothing" in NOTES["quick"]
    assert f"{SMALL.steps} steps" in NOTES["small"]
    assert "not of the paper's" in NOTES["small"]
