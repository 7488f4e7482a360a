import csv

import pytest
import torch
from support.training_cases import make_data, make_volumes, recipe_with, volume_recipe

from LiverTumorSegLib import networks
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled
from LiverTumorSegLib.core.ranks import Rank
from LiverTumorSegLib.models import model_folder
from LiverTumorSegLib.networks import SliceNetwork

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import checkpoints
from LiverTumorSegLib.training.distributed import ProcessGroup
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.losses import CrossEntropy
from LiverTumorSegLib.training.micro_batches import add_gradients, batch_parts, refuse_parts_in_several_processes
from LiverTumorSegLib.training.train import load_recipe


class Plain(SliceNetwork):
    """Two levels of logits in training, and no batch normalisation."""

    source = "none"

    def __init__(self, in_channels, classes):
        super().__init__(in_channels, classes)
        self.body = torch.nn.Sequential(torch.nn.Conv2d(in_channels, 6, 3, padding=1), torch.nn.ReLU())
        self.score = torch.nn.Conv2d(6, classes, 1)

    def logits(self, slices):
        made = self.score(self.body(slices))
        return [made, made[..., ::2, ::2]] if self.training else made


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setitem(networks._REGISTRY, "plain", Plain)


FIVE = ("network={name: plain, in_channels: 3}", "loss=cross_entropy", "schedule.batch=5", "schedule.optimizer=sgd")


def trained(folder, data, name, *changes, recipe=recipe_with, **options):
    fit(recipe(folder, *changes), data, folder / name, command="", device="cpu", **options)
    return model_folder.load(folder / name).network.state_dict()


def table(folder, name):
    with (checkpoints.training_logs(folder / name)[-1] / "metrics.csv").open() as lines:
        return list(csv.DictReader(lines))


def numbers(row):
    return {name: float(value) for name, value in row.items() if value}


def test_the_last_part_has_what_is_left():
    assert batch_parts(10, 4) == (slice(0, 4), slice(4, 8), slice(8, 10))
    assert batch_parts(10, None) == batch_parts(10, 10) == batch_parts(10, 99) == (slice(0, 10),)


@pytest.mark.parametrize("micro_batch", [1, 2, 3, 7])
def test_gradients_of_parts_are_those_of_the_whole_batch(micro_batch):
    torch.manual_seed(0)
    network = networks.create("alexnet_fcn", 1, 3, fc_channels=8, dropout=0.0).double()
    batch = {"pixels": torch.rand(7, 1, 64, 64).double(), "labels": torch.randint(0, 3, (7, 64, 64))}

    def loss_of(part):
        return CrossEntropy()(network(part["pixels"]), part["labels"], torch.ones(len(part["labels"]), dtype=bool))

    whole = loss_of(batch)
    whole.backward()
    wanted = [weights.grad.clone() for weights in network.parameters()]
    network.zero_grad()
    found = add_gradients(batch, batch_parts(7, micro_batch), loss_of, lambda loss: loss.backward())
    assert found.item() == pytest.approx(whole.item(), rel=1e-12)
    assert max(grad.abs().max() for grad in wanted) > 1e-3
    for weights, grad in zip(network.parameters(), wanted, strict=True):
        torch.testing.assert_close(weights.grad, grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("policy", ["one_cycle", "constant", "plateau"])
@pytest.mark.usefixtures("plain")
def test_a_training_in_parts_comes_to_the_weights_of_one_in_whole_batches(data, tmp_path, policy):
    changes = (*FIVE, f"schedule.policy={policy}", "schedule.validate_every=2", "augmentation=unet-lits")
    whole = trained(tmp_path, data, "whole", *changes)
    parts = trained(tmp_path, data, "parts", *changes, "schedule.micro_batch=2")
    for name, weights in whole.items():
        torch.testing.assert_close(parts[name], weights, rtol=1e-4, atol=1e-6)
    assert [numbers(row) for row in table(tmp_path, "parts")] == [
        pytest.approx(numbers(row), rel=1e-4) for row in table(tmp_path, "whole")
    ]


@pytest.mark.usefixtures("plain")
def test_gradients_in_parts_are_cut_as_a_whole(data, tmp_path):
    """A large rate and few steps: uncut gradients, or parts cut each, would lead elsewhere."""
    changes = (*FIVE, "schedule.policy=constant", "schedule.learning_rate=5", "schedule.steps=3")
    whole = trained(tmp_path, data, "whole", *changes)
    parts = trained(tmp_path, data, "parts", *changes, "schedule.micro_batch=3")
    for name, weights in whole.items():
        torch.testing.assert_close(parts[name], weights, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("plain")
def test_parts_are_computed_in_the_recipes_precision(data, tmp_path):
    changes = (*FIVE, "schedule.micro_batch=2", "schedule.policy=constant")
    whole = trained(tmp_path, data, "whole", *changes)
    mixed = trained(tmp_path, data, "mixed", *changes, "schedule.precision=bf16-mixed")
    assert any(not torch.equal(mixed[name], weights) for name, weights in whole.items())
    for name, weights in whole.items():
        torch.testing.assert_close(mixed[name], weights, rtol=0.05, atol=0.01)


def test_patches_of_volumes_go_in_parts_too(tmp_path):
    data = make_volumes(tmp_path)
    made = trained(
        tmp_path,
        data,
        "parts",
        "schedule.micro_batch=1",
        "schedule.steps=2",
        "loss={name: dice_ce, over_batch: false}",
        recipe=volume_recipe,
        cache=tmp_path / "cache",
    )
    assert all(torch.isfinite(weights).all() for weights in made.values())


def test_patches_that_are_clicked_into_come_to_the_same_weights_in_parts(tmp_path):
    data = make_volumes(tmp_path)
    changes = {
        "data": [{"volumes": "LITS"}],
        "validation": ["volume-1"],
        "network.options": {"features": [2, 2, 4, 4]},
        "clicks": {"spacing_mm": [2.0, 2.0, 2.0], "size": [16, 16, 16]},
        "schedule": {"steps": 3, "batch": 5, "optimizer": "sgd", "learning_rate": 0.1, "precision": "32-true"},
    }

    def made(name, **more):
        recipe = load_recipe("lesion-click", changes | {f"schedule.{key}": value for key, value in more.items()})
        fit(recipe, data, tmp_path / name, command="", device="cpu", cache=tmp_path / "cache")
        return model_folder.load(tmp_path / name).network.state_dict()

    whole, parts, start = made("whole"), made("parts", micro_batch=2), made("start", learning_rate=1e-9)
    assert any((whole[name] - start[name]).abs().max() > 0.01 for name in whole)
    for name, weights in whole.items():
        torch.testing.assert_close(parts[name], weights, rtol=1e-3, atol=1e-4)


def test_a_training_in_parts_that_was_stopped_goes_on_to_the_same_weights_and_log(data, tmp_path):
    changes = (
        "loss=cross_entropy",
        "schedule.batch=5",
        "schedule.micro_batch=2",
        "schedule.validate_every=3",
        "callbacks.checkpoint_every=2",
    )
    unbroken = trained(tmp_path, data, "unbroken", *changes)

    def stop(_fraction, sentence):
        if sentence.startswith("Step 5 "):
            raise Cancelled

    with pytest.raises(Cancelled):
        trained(tmp_path, data, "model", *changes, progress=stop)
    told = []
    resumed = trained(tmp_path, data, "model", *changes, resume=True, say=told.append)
    assert told[0] == "Training goes on after step 4."
    assert all(torch.equal(resumed[name], weights) for name, weights in unbroken.items())
    assert table(tmp_path, "model") == table(tmp_path, "unbroken")


def test_a_part_as_large_as_the_batch_changes_nothing(data, tmp_path):
    whole = trained(tmp_path, data, "whole")
    same = trained(tmp_path, data, "same", "schedule.micro_batch=2")
    assert all(torch.equal(same[name], weights) for name, weights in whole.items())


@pytest.mark.parametrize(
    "loss", ["partial_label", "dice", "dice_ce", "tversky", "{name: cross_entropy, weights: [1, 2, 3]}"]
)
def test_a_loss_that_joins_samples_is_refused_in_parts(tmp_path, loss):
    with pytest.raises(UserError, match="joins the samples of a batch.*leave schedule.micro_batch out"):
        recipe_with(tmp_path, f"loss={loss}", "schedule.micro_batch=1")
    recipe_with(tmp_path, f"loss={loss}", "schedule.micro_batch=2")


@pytest.mark.parametrize("loss", ["focal", "cross_entropy", "{name: dice, over_batch: false}"])
def test_a_loss_that_is_a_mean_over_samples_is_not(tmp_path, loss):
    recipe_with(tmp_path, f"loss={loss}", "schedule.micro_batch=1")


def test_several_processes_share_the_batch_already(tmp_path):
    schedule = recipe_with(tmp_path, "loss=focal", "schedule.micro_batch=1").schedule
    with pytest.raises(UserError, match=r"micro_batch is for one process, and these are 2"):
        refuse_parts_in_several_processes(schedule, ProcessGroup(Rank(0, 2, 0)))
    refuse_parts_in_several_processes(schedule, ProcessGroup())
