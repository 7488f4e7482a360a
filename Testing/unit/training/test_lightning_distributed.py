import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.core.ranks import Rank
from LiverTumorSegLib.training import lightning_distributed
from LiverTumorSegLib.training.distributed import ALONE, ProcessGroup
from LiverTumorSegLib.training.lightning_distributed import trainer_options

THIRD = ProcessGroup(Rank(5, 8, 2))


CPU, GPU = torch.device("cpu"), torch.device("cuda:2")


def test_a_process_trains_on_the_one_device_that_it_is_given():
    assert trainer_options(THIRD, GPU)["devices"] == [2]


def test_several_processes_know_each_other_without_asking_the_environment():
    given = trainer_options(THIRD, CPU)
    known = given["plugins"][0]
    assert (known.global_rank(), known.world_size(), known.local_rank(), known.node_rank()) == (5, 8, 2, 0)
    assert known.creates_processes_externally
    assert (given["accelerator"], given["devices"], given["num_nodes"]) == ("cpu", 1, 1)
    assert isinstance(given["strategy"], lightning_distributed.DDPStrategy)
    assert "strategy" not in trainer_options(ALONE, CPU)


@pytest.mark.parametrize("device", [CPU, GPU])
def test_batches_are_normalised_as_a_whole(device):
    wanted = lightning_distributed.TorchSyncBatchNorm if device == GPU else lightning_distributed.SharedBatchNorm
    assert isinstance(trainer_options(THIRD, device)["plugins"][-1], wanted)


class Idle(nn.Module):
    """Has weights that nothing is multiplied by, as DALU-Net's memory of other slices where there are none."""

    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, values):
        return self.used(values)


def test_weights_that_no_gradient_reaches_are_left_alone():
    given = trainer_options(THIRD, CPU)["strategy"]._ddp_kwargs
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        network = DistributedDataParallel(Idle(), **given)
        for _ in range(3):
            network(torch.ones(2, 1)).sum().backward()
    finally:
        distributed.destroy_process_group()
    assert network.module.used.weight.grad == 6
    assert network.module.idle.weight.grad is None
