import pytest
import torch
from support.fake_gpus import FakeGpu, put_gpus
from support.training_cases import make_data, recipe_with, volume_recipe

from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.ranks import Rank

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.training import training_device
from LiverTumorSegLib.training.distributed import ALONE, ProcessGroup
from LiverTumorSegLib.training.fit import fit
from LiverTumorSegLib.training.network import build_network
from LiverTumorSegLib.training.training_device import (
    choose_training_device,
    choose_training_precision,
    count_drawing_threads,
    refuse_wrong_gradients,
)

THIRD = ProcessGroup(Rank(5, 8, 2))


def chosen(group, wanted="auto"):
    said = []
    return choose_training_device(group, wanted, said.append), said


def test_each_process_of_a_machine_has_its_own_gpu(monkeypatch):
    put_gpus(monkeypatch, *[FakeGpu()] * 4)
    assert chosen(THIRD) == (torch.device("cuda:2"), [])
    assert chosen(THIRD, "cpu") == (torch.device("cpu"), [])
    with pytest.raises(UserError, match="cuda:1 cannot be for 8 processes, each of which has its own device"):
        chosen(THIRD, "cuda:1")


def test_a_process_that_slurm_shows_its_own_gpu_alone_has_it(monkeypatch):
    put_gpus(monkeypatch, FakeGpu())
    assert chosen(THIRD) == (torch.device("cuda:0"), [])


def test_alone_the_freest_gpu_is_taken_or_the_one_that_is_named(monkeypatch):
    put_gpus(monkeypatch, FakeGpu(free=10**9), FakeGpu(free=40 * 10**9))
    assert chosen(ALONE) == (torch.device("cuda:1"), [])
    assert chosen(ALONE, "cuda:0") == (torch.device("cuda:0"), [])
    assert chosen(ALONE, "cuda") == (torch.device("cuda:0"), [])
    with pytest.raises(UserError, match="cuda:2 does not exist"):
        chosen(ALONE, "cuda:2")


def test_why_it_is_the_cpu_is_said(monkeypatch):
    put_gpus(monkeypatch, FakeGpu("GTX 1080", capability=(6, 1)))
    place, said = chosen(ALONE)
    assert place == torch.device("cpu")
    assert "compute capability 6.1" in said[0]


def test_apples_gpu_is_for_one_process(monkeypatch):
    put_gpus(monkeypatch)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert chosen(ALONE)[0].type == "mps"
    assert chosen(THIRD)[0].type == "cpu"


@pytest.mark.parametrize(("device", "precision"), [("cpu", "32-true"), ("cuda:0", "16-mixed")])
def test_float16_is_for_gpus_alone(tmp_path, device, precision):
    recipe, said = recipe_with(tmp_path, "schedule.precision=16-mixed"), []
    assert choose_training_precision(recipe, torch.device(device), said.append) == precision
    assert bool(said) == (precision == "32-true")


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "16-mixed"), ((8, 0), "bf16-mixed")])
def test_a_gpu_without_bfloat16_trains_in_float16_and_says_so(monkeypatch, tmp_path, capability, precision):
    put_gpus(monkeypatch, FakeGpu("a GPU", capability=capability))
    recipe, said = recipe_with(tmp_path, "schedule.precision=bf16-mixed"), []
    assert choose_training_precision(recipe, torch.device("cuda:0"), said.append) == precision
    assert said == [] or "cuda:0 (a GPU) has no bfloat16: training runs in 16-mixed" in said[0]
    assert bool(said) == (precision == "16-mixed")


def test_it_is_said_before_data_are_read(monkeypatch, tmp_path):
    put_gpus(monkeypatch, FakeGpu("a GPU", capability=(7, 5)))
    said = []
    with pytest.raises(UserError, match="no-data"):
        plan = recipe_with(tmp_path, "schedule.precision=bf16-mixed")
        fit(plan, tmp_path / "no-data", tmp_path / "model", command="", say=said.append)
    assert "has no bfloat16" in said[0]


def test_a_device_that_is_not_there_is_refused_before_data_are_read(tmp_path):
    with pytest.raises(UserError, match="cuda:7 cannot be used"):
        fit(recipe_with(tmp_path), tmp_path / "no-data", tmp_path / "model", command="", device="cuda:7")


def test_training_runs_on_the_cpu_where_it_is_asked_for(tmp_path, monkeypatch):
    put_gpus(monkeypatch, FakeGpu())
    said = []
    plan = recipe_with(tmp_path, "schedule.steps=1", "validation=[]")
    fit(plan, make_data(tmp_path / "data"), tmp_path / "model", command="", device="cpu", say=said.append)
    assert (tmp_path / "model" / "model.json").exists()
    assert said[0].startswith("The log is in")


def test_patches_whose_gradients_a_cpu_gets_wrong_are_refused_on_it_alone(tmp_path):
    recipe = volume_recipe(tmp_path, "schedule.precision=bf16-mixed")
    network = build_network(recipe)
    with pytest.raises(UserError, match=r"32 slices become 2 .* take 48 slices, or set schedule.precision to 32-true"):
        refuse_wrong_gradients(recipe, network, torch.device("cpu"))
    refuse_wrong_gradients(recipe, network, torch.device("cuda:0"))
    refuse_wrong_gradients(volume_recipe(tmp_path), network, torch.device("cpu"))


@pytest.mark.parametrize(("cores", "alone", "of_eight"), [(1, 1, 1), (2, 1, 1), (4, 3, 1), (16, 4, 1), (64, 4, 4)])
def test_batches_are_drawn_by_the_cores_that_a_gpu_leaves(monkeypatch, cores, alone, of_eight):
    monkeypatch.setattr(training_device, "count_cores", lambda: cores)
    there = torch.device("cuda:0")
    assert count_drawing_threads(there, ALONE) == alone
    assert count_drawing_threads(there, THIRD) == of_eight
    assert count_drawing_threads(torch.device("cpu"), ALONE) == 1
    assert training_device.count_cores() >= 1
