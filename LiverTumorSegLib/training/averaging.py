"""Exponential moving average of the weights during a training."""

from __future__ import annotations

from typing import cast

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch.optim.swa_utils import AveragedModel

from ..networks import SliceNetwork


class _CountedOnHost(AveragedModel):
    """PyTorch's averaged model without a wait or an upload a step.

    PyTorch asks the averages' device for the count of steps before each average and brings it there again. Here the
    count, which checkpoints hold, stays in the host's memory.

    Args:
        model: what is averaged, its buffers too.
        place: where the averages are.
        decay: see :class:`Averaging`.
    """

    def __init__(self, model: torch.nn.Module, place: torch.device, decay: float) -> None:
        super().__init__(model, place, use_buffers=True)
        self.n_averaged = torch.zeros((), dtype=torch.long)
        self._decay = decay

    @torch.no_grad()
    def update_parameters(self, model: torch.nn.Module) -> None:
        """Average the weights and buffers of a step with those before it."""
        count = int(self.n_averaged)
        share = (1 - self._decay) / (1 - self._decay ** (count + 1))
        weights: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        for before, now in zip(_tensors(self.module), _tensors(model), strict=True):
            if count == 0:
                before.copy_(now)
            elif before.is_floating_point():
                weights[0].append(before)
                weights[1].append(now.to(before.device))
            else:  # counts of batches, whose averages are cut off to whole numbers
                before.copy_(before + (now.to(before.device) - before) * share)
        if weights[0]:
            change = torch._foreach_sub(weights[1], weights[0])  # noqa: SLF001, a few kernels for all on a GPU
            torch._foreach_mul_(change, share)
            torch._foreach_add_(weights[0], change)
        self.n_averaged += 1


def _tensors(model: torch.nn.Module) -> list[torch.Tensor]:
    return [one.detach() for one in (*model.parameters(), *model.buffers())]


class Averaging(WeightAveraging):
    """Exponential moving average from the first step on, with its network open to others.

    It is corrected for its start as Adam's moments are (Kingma and Ba 2015, section 3), else the first weights would
    outweigh all others for as many steps as the average is long.

    Args:
        decay: share that a step leaves to those before it, once there are many.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self._decay = decay

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Keep the average where the training will run: Lightning brings the network there after this."""
        if stage == "fit":
            self._average_model = _CountedOnHost(pl_module, trainer.strategy.root_device, self._decay)

    @property
    def network(self) -> SliceNetwork:
        """The network with averaged weights; it goes on changing with every step."""
        return cast("SliceNetwork", self._average_model.module.network)
