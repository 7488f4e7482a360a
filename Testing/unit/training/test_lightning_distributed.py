import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.ranks import Rank
from LiverTumorSegLib.training import lightning_distributed
from LiverTumorSegLib.training.distributed import ALONE, ProcessGroup
from LiverTumorSegLib.training.lightning_distributed import device_of, trainer_options

THIRD = ProcessGroup(Rank(5, 8, 2))


@pytest.fixture
def gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


@pytest.fixture
def no_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_each_process_of_a_machine_has_its_own_gpu(gpus):
    assert device_of(ALONE) == torch.device("cuda:0")
    assert device_of(THIRD) == torch.device("cuda:2")
    assert trainer_options(THIRD)["devices"] == [2]


def test_apples_gpu_is_for_one_process(monkeypatch, no_gpus):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device_of(ALONE).type == "mps"
    assert device_of(THIRD).type == "cpu"


def test_several_processes_know_each_other_without_asking_the_environment(no_gpus):
    given = trainer_options(THIRD)
    known = given["plugins"][0]
    assert (known.global_rank(), known.world_size(), known.local_rank(), known.node_rank()) == (5, 8, 2, 0)
    assert known.creates_processes_externally
    assert (given["accelerator"], given["devices"], given["num_nodes"]) == ("cpu", 1, 1)
    assert isinstance(given["strategy"], lightning_distributed.DDPStrategy)
    assert "strategy" not in trainer_options(ALONE)


@pytest.mark.parametrize("there", ["gpus", "no_gpus"])
def test_batches_are_normalised_as_a_whole(request, there):
    request.getfixturevalue(there)
    wanted = lightning_distributed.TorchSyncBatchNorm if there == "gpus" else lightning_distributed.SharedBatchNorm
    assert isinstance(trainer_options(THIRD)["plugins"][-1], wanted)


class Idle(nn.Module):
    """Has weights that nothing is multiplied by, as DALU-Net's memory of other slices where there are none."""

    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, values):
        return self.used(values)


def test_weights_that_no_gradient_reaches_are_left_alone(no_gpus):
    given = trainer_options(THIRD)["strategy"]._ddp_kwargs
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        network = DistributedDataParallel(Idle(), **given)
        for _ in range(3):
            network(torch.ones(2, 1)).sum().backward()
    finally:
        distributed.destroy_process_group()
    assert network.module.used.weight.grad == 6
    assert network.module.idle.weight.grad is None
