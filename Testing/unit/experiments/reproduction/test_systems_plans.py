import pytest
from support.reproduction_cases import ROWS, recipe

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
import torch

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.datasets.splits import Round
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.experiments.reproduction.systems import Protocol
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
    assert plan.preprocessing == named(name if "without" not in row else f"{name}_without")


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
    assert recipe("elmenabawy", "AlexNet-FCN without").encoder_weights == "imagenet"
    assert recipe("elmenabawy", "AlexNet-FCN without").loss.name == "cross_entropy"
    assert recipe("li", "U-Net").schedule.optimizer.name == "adagrad"
    assert recipe("li", "U-Net").loss.name == "cross_entropy"
    assert recipe("kulkarni", "ResNet-50").encoder_weights == "imagenet"
    assert [row.epochs for row in systems.load("kulkarni").rows] == [50, 10]
    assert {row.epochs for row in systems.load("elmenabawy").rows} == {40}


def test_no_weights_are_averaged_and_no_rate_changes_as_no_paper_says_so():
    for name, row in ROWS:
        schedule = recipe(name, row).schedule
        assert (schedule.average, schedule.policy.name) == (0, "constant")


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
    split = systems.split_of_round(systems.load("li").protocols["published"], Round(tuple(LOADS), ()), 0)
    assert split == {"patients": list(LOADS), "split": {"slices": 0.2, "seed": 0}}


def test_held_out_patients_are_the_recipes_validation():
    split = systems.split_of_round(systems.load("li").protocols["sound"], Round(("a", "b"), ("c",)), 0)
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
    (only,) = rounds("li", "sound", persons=[(f"volume-{n}", f"volume-{n + 4}") for n in range(4)])
    assert {int(name[-1]) % 4 for name in only.validation} & {int(name[-1]) % 4 for name in only.train} == set()


def test_too_few_patients_are_said():
    with pytest.raises(UserError, match="too few"):
        rounds("li", "sound", {"volume-0": 1.0})


@pytest.mark.parametrize("size", ["small", "published"])
def test_a_file_of_weights_is_taken_by_the_network_it_fits_alone(tmp_path, size):
    given = {"resnet18": tmp_path / "resnet18.pth"}
    plan = recipe("elmenabawy", "ResNet-18 with", size=size, weights=given)
    assert plan.encoder_weights == str(tmp_path / "resnet18.pth")
    assert plan.network.options == {}
    other = recipe("elmenabawy", "AlexNet-FCN with", size=size, weights=given)
    assert other.encoder_weights == (None if size == "small" else "imagenet")
