import pytest
from support.reproduction_cases import ROWS, recipe

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.splits import Round
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.systems import Protocol
from LiverTumorSegLib.postprocessing.options import OPTIONS
from LiverTumorSegLib.preprocessing import Resize, named
from LiverTumorSegLib.training.network import build_network

LOADS = {f"volume-{number}": float(number) for number in range(8)}


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_every_recipe_loads_and_its_network_builds(name, row):
    plan = recipe(name, row)
    with torch.device("meta"):  # shapes alone: some have a hundred million weights
        spec = plan.network
        made = networks.create(spec.name, spec.in_channels, spec.classes, **spec.options)
    assert made.classes == plan.network.classes
    assert plan.preprocessing == named(f"{name}_without" if "without" in row or row == "Korabelnikov" else name)


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_every_quick_recipe_builds_a_small_network(name, row):
    plan = recipe(name, row, size="quick")
    assert sum(weights.numel() for weights in build_network(plan).parameters()) < 6e6
    assert plan.encoder_weights is None
    assert plan.schedule.steps == 30
    if plan.crop:
        assert isinstance(plan.preprocessing.root[-1], Resize)


def test_optimisers_losses_and_starting_weights_are_the_papers():
    schedule = recipe("elmenabawy", "ResNet-18 with").schedule
    assert (schedule.optimizer.name, schedule.optimizer.momentum, schedule.learning_rate) == ("sgd", 0.9, 1e-4)
    given = {"alexnet_fcn": "imagenet", "resnet50": "imagenet"}
    alexnet = recipe("elmenabawy", "AlexNet-FCN without", weights=given)
    assert (alexnet.encoder_weights, alexnet.network.options) == ("imagenet", {"imagenet_input": True})
    assert recipe("elmenabawy", "AlexNet-FCN without").loss.name == "cross_entropy"
    assert recipe("li", "U-Net").schedule.optimizer.name == "adagrad"
    assert recipe("li", "U-Net").loss.name == "cross_entropy"
    assert recipe("kulkarni", "ResNet-50", weights=given).encoder_weights == "imagenet"
    assert recipe("kulkarni", "U-Net", weights=given).encoder_weights is None
    assert recipe("kulkarni", "ResNet-50").encoder_weights is None
    assert [row.epochs for row in systems.load("kulkarni").rows] == [50, 10]
    assert {row.epochs for row in systems.load("elmenabawy").rows} == {40}


def test_elmenabawy_takes_1000_slices_that_show_the_liver_in_parts_and_cleans_nothing_up():
    plan = recipe("elmenabawy", "AlexNet-FCN with")
    assert (plan.schedule.batch, plan.schedule.micro_batch) == (1000, 16)
    assert plan.sampling.shuffled == systems.load("elmenabawy").protocols["published"].shown == "liver"
    steps = {option.name: option.off for option in OPTIONS if option.name != "sensitivity"}
    assert plan.postprocessing.model_dump(exclude={"sensitivity"}) == steps
    row = systems.load("elmenabawy").rows[0]
    assert systems.with_steps(plan, row, 16917 * 3 // 4).schedule.steps == 508  # 40 * 12687 / 1000 is 507.5


def test_korabelnikov_is_alexnet_without_preprocessing_but_for_the_smoothing_of_what_it_finds():
    plain, smooth = (recipe("elmenabawy", row) for row in ("AlexNet-FCN without", "Korabelnikov"))
    same = {"name": plain.name, "title": plain.title, "network": plain.network}
    assert smooth.model_copy(update=same) == plain
    assert smooth.network.options == {"smoothing": 0.25**0.5}


def test_no_weights_are_averaged_and_no_rate_changes_where_no_paper_says_so():
    for name, row in ROWS:
        schedule = recipe(name, row).schedule
        assert (schedule.average, schedule.policy.name) == (0, "plateau" if name == "li" else "constant")


def test_the_callbacks_of_li_watch_the_loss_of_every_epoch():
    row = systems.load("li").rows[1]
    plan = systems.with_steps(recipe("li", "AU-Net"), row, 33)
    assert (plan.schedule.steps, plan.schedule.validate_every) == (825, 9)
    assert (plan.schedule.policy.monitor, plan.schedule.policy.factor, plan.schedule.policy.patience) == (
        "loss",
        0.1,
        10,
    )
    assert plan.callbacks.early_stopping.model_dump() == {"monitor": "loss", "patience": 20}
    assert recipe("li", "AU-Net", size="quick").schedule.validate_every == 10


def test_what_training_validates_on_is_neither_trained_on_nor_measured():
    li = systems.load("li").protocols
    assert systems.split_of_round(li["published"], Round(tuple(LOADS), ()), 0)["split"] == {
        "slices": 0.2,
        "validation": 0.1,
        "seed": 0,
    }
    (only,) = rounds("li", "sound")
    assert [len(part) for part in only] == [5, 1, 2]
    plan = recipe("li", "U-Net", split=systems.split_of_round(li["sound"], only, 0))
    assert (plan.validation, plan.test) == (only.validation, only.test)
    assert set(plan.patients) == set(LOADS)


def test_of_folds_each_has_patients_of_the_others_to_validate_on():
    protocol = Protocol(drawn="patients", folds=4, validation=0.2, measured_on="volumes")
    for each in systems.draw_split(protocol, LOADS, [], seed=0, size="published").rounds:
        entries = systems.split_of_round(protocol, each, 0)
        assert entries["test"] == list(each.validation)
        assert len(entries["validation"]) == 1
        assert set(entries["validation"]) < set(each.train)
        assert set(entries["patients"]) == set(LOADS)


def test_steps_are_the_epochs_of_all_slices_the_last_batch_included():
    row = systems.load("kulkarni").rows[0]
    assert systems.with_steps(recipe("kulkarni", "U-Net"), row, 33).schedule.steps == 104  # 50 * 33 / 16 is 103.1


def test_steps_on_volumes_are_those_of_their_patches():
    row = systems.load("ahmad").rows[0]
    assert systems.with_steps(recipe("ahmad", "U-Net"), row, 10).schedule.steps == 100 * 10 * 8 / 2


def rounds(name, protocol, loads=LOADS, size="published", persons=()):
    how = systems.load(name).protocols[protocol]
    return systems.draw_split(how, loads, list(persons), seed=0, size=size).rounds


def test_slices_are_drawn_from_all_patients():
    split = systems.split_of_round(systems.load("kulkarni").protocols["slices"], Round(tuple(LOADS), ()), 0)
    assert split == {"patients": list(LOADS), "split": {"slices": 0.2, "seed": 0}}


def test_a_part_for_validation_is_not_the_one_that_is_measured():
    known = systems.load("dhanush").protocols
    split = systems.split_of_round(known["published"], Round(tuple(LOADS), ()), 0)
    assert split["split"] == {"slices": 0.2, "validation": 0.1, "seed": 0}
    (only,) = rounds("dhanush", "sound")
    assert sorted(only.train + only.validation + only.test) == list(LOADS)
    assert (len(only.validation), len(only.test)) == (1, 2)
    split = systems.split_of_round(known["sound"], only, 0)
    everybody = [*only.train, *only.validation, *only.test]
    assert split == {"patients": everybody, "validation": list(only.validation), "test": list(only.test)}


def test_held_out_patients_are_the_recipes_validation():
    split = systems.split_of_round(systems.load("ahmad").protocols["sound"], Round(("a", "b"), ("c",)), 0)
    assert split == {"patients": ["a", "b", "c"], "validation": ["c"]}


def test_four_folds_hold_everybody_out_once_and_two_where_it_is_quick():
    found = rounds("elmenabawy", "published")
    assert len(found) == 4
    assert sorted(name for each in found for name in each.validation) == list(LOADS)
    assert all(set(each.train) | set(each.validation) == set(LOADS) for each in found)
    assert len(rounds("elmenabawy", "sound", size="quick")) == 2


def test_a_sound_split_gives_each_part_its_share_of_tumour():
    for seed in range(5):
        protocol = Protocol(drawn="patients", folds=4, stratified=True, measured_on="volumes")
        found = systems.draw_split(protocol, LOADS, [], seed=seed, size="published").rounds
        assert all(sum(LOADS[name] >= 4 for name in each.validation) == 1 for each in found)


def test_two_names_of_one_person_are_held_out_together():
    (only,) = rounds("ahmad", "sound", persons=[(f"volume-{n}", f"volume-{n + 4}") for n in range(4)])
    assert {int(name[-1]) % 4 for name in only.validation} & {int(name[-1]) % 4 for name in only.train} == set()


def test_too_few_patients_are_said():
    with pytest.raises(UserError, match="too few"):
        rounds("li", "sound", {"volume-0": 1.0})


@pytest.mark.parametrize("size", ["small", "published"])
def test_a_file_of_weights_is_taken_by_the_network_it_fits_alone(tmp_path, size):
    given = {"resnet18": str(tmp_path / "resnet18.pth")}
    plan = recipe("elmenabawy", "ResNet-18 with", size=size, weights=given)
    assert plan.encoder_weights == str(tmp_path / "resnet18.pth")
    assert plan.network.options == {"imagenet_input": True}
    other = recipe("elmenabawy", "AlexNet-FCN with", size=size, weights=given)
    assert other.encoder_weights is None


def test_ahmads_second_row_has_what_torchio_projects_share():
    plan, first = recipe("ahmad", "U-Net as TorchIO projects have it"), recipe("ahmad", "U-Net")
    assert plan.frame == (200, 256, 256)
    assert plan.patches.size == (96, 96, 96)
    assert (plan.sampling.other, plan.sampling.liver, plan.sampling.lesion) == (0.2, 0.3, 0.5)
    assert (plan.augmentation.rotation, plan.augmentation.tilt, plan.augmentation.zoom) == (10, 10, (0.9, 1.1))
    same = {"preprocessing", "patches", "network", "loss", "schedule", "labels", "seed"}
    assert plan.model_dump(include=same) == first.model_dump(include=same)
    assert first.frame is None
    assert recipe("ahmad", "U-Net as TorchIO projects have it", size="quick").frame == (60, 77, 77)
    row = systems.load("ahmad").rows[1]
    assert systems.with_steps(plan, row, 10).schedule.validate_every == 200
