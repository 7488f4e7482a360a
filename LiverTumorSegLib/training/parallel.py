"""What Lightning is told of the processes and the device that a model is trained with."""

from __future__ import annotations

from typing import Any, cast

import torch
from lightning.fabric.plugins.environments import ClusterEnvironment
from lightning.pytorch.plugins import TorchSyncBatchNorm
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy

from ..cohort.ranks import Rank
from .batch_norm import SharedBatchNorm
from .checkpoints import WholeCheckpoints
from .group import Group


def device_of(group: Group) -> torch.device:
    """The device that a process trains on: its own GPU, Apple's where it is alone, else the CPU."""
    if torch.cuda.is_available():
        return torch.device(f"cuda:{group.rank.local % torch.cuda.device_count()}")
    alone_with_apples = not group.several and torch.backends.mps.is_available()
    return torch.device("mps" if alone_with_apples else "cpu")


def options(group: Group) -> dict[str, Any]:
    """Arguments of Lightning's trainer: one device a process, whatever there is and the environment says."""
    device = device_of(group)
    devices = [device.index] if device.type == "cuda" else 1
    own: dict[str, Any] = {"num_nodes": 1, "accelerator": device.type, "devices": devices}
    if not group.several:  # else Lightning asks SLURM and torchrun for ranks
        return own | {"plugins": [LightningEnvironment(), WholeCheckpoints()]}
    whole_batch = TorchSyncBatchNorm() if device.type == "cuda" else SharedBatchNorm()
    every_step_alike = _OneDevice(static_graph=True)  # else weights that no gradient reaches are an error
    return own | {"strategy": every_step_alike, "plugins": [_Known(group.rank), WholeCheckpoints(), whole_batch]}


class _OneDevice(DDPStrategy):
    """Distributed data parallel training where each process is given the one device that it uses."""

    @property
    def root_device(self) -> torch.device:
        return cast("list[torch.device]", self.parallel_devices)[0]


class _Known(ClusterEnvironment):
    """Processes that have met already, see :func:`.group.joined`."""

    def __init__(self, rank: Rank) -> None:
        self._rank = rank

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return "unused"

    @property
    def main_port(self) -> int:
        return 0

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._rank.count

    def global_rank(self) -> int:
        return self._rank.number

    def local_rank(self) -> int:
        return self._rank.local

    def node_rank(self) -> int:
        return 0

    def set_world_size(self, size: int) -> None: ...

    def set_global_rank(self, rank: int) -> None: ...
