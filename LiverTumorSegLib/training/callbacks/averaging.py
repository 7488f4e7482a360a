"""The moving average of the weights, which is what is validated and saved."""

from __future__ import annotations

import torch
from lightning.pytorch.callbacks import WeightAveraging

from ...networks import SliceNetwork


class Averaging(WeightAveraging):
    """Exponential moving average from the first step on, with its network open to others.

    It is corrected for its start as Adam's moments are (Kingma and Ba 2015, section 3), else the first weights would
    outweigh all others for as many steps as the average is long.

    Args:
        decay: share that a step leaves to those before it, once there are many.
    """

    def __init__(self, decay: float) -> None:
        def average(before: list[torch.Tensor], now: list[torch.Tensor], count: torch.Tensor | int) -> None:
            share = (1 - decay) / (1 - decay ** (int(count) + 1))
            if not before[0].is_floating_point():  # counts of batches, whose averages are cut off to whole numbers
                for old, new in zip(before, now, strict=True):
                    old.copy_(old + (new - old) * share)
                return
            change = torch._foreach_sub(now, before)  # noqa: SLF001, one kernel for all weights on a GPU
            torch._foreach_mul_(change, share)
            torch._foreach_add_(before, change)

        super().__init__(multi_avg_fn=average)

    @property
    def network(self) -> SliceNetwork:
        """The network with averaged weights; it goes on changing with every step."""
        network: SliceNetwork = self._average_model.module.network
        return network
