"""Lightning with several processes: device, strategy, each one's share of a batch, and batch normalisation over all."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from lightning.fabric.plugins.environments import ClusterEnvironment
from lightning.pytorch.plugins import TorchSyncBatchNorm
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.plugins.layer_sync import LayerSync
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.prefetch import NumberedBatches
from ..core.ranks import Rank
from .augmentation import Blob
from .checkpoints import WholeCheckpoints
from .distributed import ProcessGroup


# Not data parallel's plain batch normalisation: each process would see its share alone, and two differ from one.
class SharedBatchNorm(LayerSync):
    """Has a network's batch normalisations see the whole batch while it is trained.

    PyTorch's ``SyncBatchNorm`` refuses the CPU. This is the same on any device: mean and variance (Ioffe and Szegedy
    2015, Batch Normalization, algorithm 1) are those of the samples of all processes, with the gradients that follow.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Let the layers exchange what they need; names, weights and running averages stay as they are."""
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                layer.forward = _SharedForward(layer)  # type: ignore[method-assign, assignment]
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Leave the layers to themselves again."""
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                vars(layer).pop("forward", None)
        return model


class _SharedForward:
    """The forward pass that a layer gets in place of its own."""

    def __init__(self, layer: _BatchNorm) -> None:
        self._layer = layer

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        layer = self._layer
        if not layer.training:
            return type(layer).forward(layer, features)
        axes, wide = [0, *range(2, features.ndim)], features.float()
        own = torch.full((1,), features.numel() / features.shape[1], device=features.device)
        *sums, count = _SumOfProcesses.apply(torch.cat([wide.sum(axes), own])).split([features.shape[1], 1])
        centred = wide - _across(sums[0] / count, features)
        variance = _SumOfProcesses.apply(centred.square().sum(axes)) / count
        self._remember((sums[0] / count).detach(), (variance * count / (count - 1)).detach())
        scale = torch.rsqrt(variance + layer.eps)
        if not layer.affine:
            return (centred * _across(scale, features)).to(features.dtype)
        scaled = centred * _across(scale * layer.weight, features) + _across(layer.bias, features)
        return scaled.to(features.dtype)

    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        layer = self._layer
        if layer.running_mean is None or layer.running_var is None or layer.num_batches_tracked is None:
            return
        layer.num_batches_tracked.add_(1)
        share = 1 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
        layer.running_mean.lerp_(mean, share)
        layer.running_var.lerp_(variance, share)


class _SumOfProcesses(torch.autograd.Function):
    """The sum over all processes; so is the gradient, since each of them goes on with the sum."""

    @staticmethod
    def forward(_context: Any, own: torch.Tensor) -> torch.Tensor:
        total = own.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return _SumOfProcesses.forward(None, gradient)


def _across(values: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """A value a channel, ready to be combined with features ``[sample, channel, *size]``."""
    return values.reshape(1, -1, *[1] * (features.ndim - 2))


def trainer_options(group: ProcessGroup, device: torch.device) -> dict[str, Any]:
    """Arguments of Lightning's trainer: this one device, whatever there is and the environment says."""
    devices = [device.index] if device.type == "cuda" else 1
    own: dict[str, Any] = {"num_nodes": 1, "accelerator": device.type, "devices": devices}
    if not group.several:  # else Lightning asks SLURM and torchrun for ranks
        return own | {"plugins": [LightningEnvironment(), WholeCheckpoints()]}
    whole_batch = TorchSyncBatchNorm() if device.type == "cuda" else SharedBatchNorm()
    every_step_alike = _OneDevice(static_graph=True)  # else weights that no gradient reaches are an error
    return own | {
        "strategy": every_step_alike,
        "plugins": [_JoinedProcesses(group.rank), WholeCheckpoints(), whole_batch],
    }


class _OneDevice(DDPStrategy):
    """Distributed data parallel training where each process is given the one device that it uses."""

    @property
    def root_device(self) -> torch.device:
        return cast("list[torch.device]", self.parallel_devices)[0]


class _JoinedProcesses(ClusterEnvironment):
    """Processes that have met already, see :func:`.distributed.join_processes`."""

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


class SharedBatches:
    """The batches of a sampler, cut to some of their samples.

    A batch is drawn whole by every process, since one sample's random numbers follow another's; what costs time, to
    change the slices, is then done to the share alone. So the shares of all are the batch of a single process.

    Args:
        batches: to be drawn.
        share: samples that are kept.
    """

    def __init__(self, batches: NumberedBatches, share: slice) -> None:
        self._batches, self._share = batches, share

    @property
    def first(self) -> int:
        """Number of the first batch."""
        return self._batches.first

    def draw(self, number: int) -> Any:
        """The share of the batch of a number."""
        return {name: take_share(value, self._share) for name, value in self._batches.draw(number).items()}


def take_share(value: Any, share: slice) -> Any:
    """Cut a part of a batch to some of its samples, which come first along its first axis."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return value[share]
    if isinstance(value, list) and value and isinstance(value[0], Blob):
        kept = range(share.start, share.stop)
        return [blob._replace(sample=blob.sample - share.start) for blob in value if blob.sample in kept]
    if isinstance(value, list):
        return value[share]
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(one[share] if isinstance(one, (torch.Tensor, np.ndarray)) else one for one in value)
    return value
