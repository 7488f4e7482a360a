"""Rounds of clicks: the network answers, the reader mends, and the last answer is learned from."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch

from ...core.labels import LESION_LABEL
from ...inference.clicks.channels import Surroundings, stack_channels
from ...inference.clicks.patches import Millimetres
from ...networks import SliceNetwork
from .options import ClickSampling
from .reader import Clicks, mend
from .sampling import ClickBatch

_MENDED_ALONE = 0.5


def click_through(
    network: SliceNetwork, batch: ClickBatch, options: ClickSampling, random: np.random.Generator
) -> torch.Tensor:
    """Channels of a batch after some rounds of clicks, as many for all of its samples.

    The answers before the last are computed without gradients, and none of them where it is to be forgotten (Sofiiuk
    et al. 2021, Reviving iterative training with mask guidance, section 3.3). They are shown as masks, since a mask is
    what an application has of them.

    Args:
        network: that is trained.
        batch: images with their first clicks.
        options: how many rounds, and how the reader clicks.
        random: source of random numbers, the same for all processes.

    Returns:
        ``[batch, channel, slice, row, column]``.
    """
    clicks = [Clicks(inside=[_point(first)]) for first in batch["first"].tolist()]
    readers = [np.random.default_rng(seed) for seed in batch["seeds"].tolist()]
    previous: list[torch.Tensor | None] = [None] * len(clicks)
    for number, improved in enumerate(batch["improved"].tolist()):
        if improved:
            previous[number] = batch["base"][number]
            _begin_to_improve(clicks[number], batch, number, options, readers[number])
    rounds = int(random.integers(options.rounds + 1))
    for _ in range(rounds):
        answers = _answers(network, _channels(batch, clicks, previous))
        for number, reader in enumerate(readers):
            found = answers[number] > 0.5
            _mend(clicks[number], found, batch, number, options, reader)
            previous[number] = None if reader.random() < options.forgotten else found.float()
    return _channels(batch, clicks, previous)


def _begin_to_improve(
    clicks: Clicks, batch: ClickBatch, number: int, options: ClickSampling, reader: np.random.Generator
) -> None:
    """Click where the outline that is there is wrong; half of the time nowhere else where that is inside."""
    _mend(clicks, batch["base"][number] > 0, batch, number, options, reader)
    if len(clicks.inside) > 1 and reader.random() < _MENDED_ALONE:
        del clicks.inside[0]


def _mend(
    clicks: Clicks,
    found: torch.Tensor,
    batch: ClickBatch,
    number: int,
    options: ClickSampling,
    reader: np.random.Generator,
) -> None:
    wanted = (batch["labels"][number] == LESION_LABEL).cpu().numpy()
    mend(clicks, found.cpu().numpy(), wanted, _point(batch["steps"][number].tolist()), options, reader)


def _channels(batch: ClickBatch, clicks: list[Clicks], previous: list[torch.Tensor | None]) -> torch.Tensor:
    livers, zooms, steps = batch["liver"].tolist(), batch["zoom"].tolist(), batch["steps"].tolist()
    known = batch["automatic_known"].tolist()
    return torch.stack(
        [
            stack_channels(
                Surroundings(
                    batch["pixels"][number, 0],
                    livers[number],
                    zooms[number],
                    batch["automatic"][number] if known[number] else None,
                ),
                clicks[number].inside,
                clicks[number].outside,
                previous[number],
                _point(steps[number]),
            )
            for number in range(len(clicks))
        ]
    )


@torch.no_grad()
def _answers(network: SliceNetwork, channels: torch.Tensor) -> torch.Tensor:
    """Probabilities ``[batch, slice, row, column]``."""
    was_training = network.training
    network.eval()
    logits = cast("torch.Tensor", network(channels))
    network.train(was_training)
    return logits[:, 0].float().sigmoid()


def _point(numbers: list[float]) -> Millimetres:
    return numbers[0], numbers[1], numbers[2]
