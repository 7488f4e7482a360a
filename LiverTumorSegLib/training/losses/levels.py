"""One loss over the logits of all levels of a network, each against labels of its own size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F


def over_levels(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    logits: torch.Tensor | list[torch.Tensor],
    labels: torch.Tensor,
) -> torch.Tensor:
    """Apply a loss to logits, or to the list of a network with deep supervision: the mean, weighted by 1, 1/2, 1/4 ....

    Each level weighs half of the finer one, and all weigh 1 together (Isensee et al. 2021, nnU-Net, Methods). Labels
    are cut to the middle where the logits lack a border, as those of unpadded networks do (Ronneberger et al. 2015,
    U-Net, figure 1), and resampled by nearest neighbour for coarser levels.

    Args:
        loss: takes float32 logits ``[batch, classes, *size]`` and labels ``[batch, *size]``.
        logits: ``[batch, classes, *size]``, the finest first.
        labels: integers ``[batch, *size]``, at least as large as the finest logits.
    """
    levels = logits if isinstance(logits, list) else [logits]
    inner = _middle(labels, levels[0].shape[2:])
    weights = [0.5**level for level in range(len(levels))]
    losses = torch.stack([loss(level.float(), _resized(inner, level.shape[2:])) for level in levels])
    return (losses * losses.new_tensor(weights)).sum() / sum(weights)


def _middle(labels: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    for axis, count in enumerate(size, start=1):
        labels = labels.narrow(axis, (labels.shape[axis] - count) // 2, count)
    return labels


def _resized(labels: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if labels.shape[1:] == torch.Size(size):
        return labels
    return F.interpolate(labels[:, None].float(), size=tuple(size), mode="nearest-exact")[:, 0].to(labels.dtype)
