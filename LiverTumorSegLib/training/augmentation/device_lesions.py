"""Lesions painted on an accelerator, which nothing is asked of meanwhile.

What :func:`.synthetic_lesions.paint_lesions` does on a CPU looks where the liver is before it paints a lesion, and
paints around there alone: each look waits for an accelerator. Here the first lesions of all samples are painted at
once, wherever their centres turn out to be, then the second ones, since what is lesion by then is liver no more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.labels import LESION_LABEL, LIVER_LABEL
from .sending import Send
from .synthetic_lesions import TEXTURE, WAVES, Blob, cut_of_ball, reach_of

_HALF, _BITS = 21, 42
"""A centre is sent as two whole numbers of 21 bits: one float32 would make another pixel of some."""

_NO_LESION = (0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0)
"""Numbers that stand in for a lesion that a sample has not: of reach, radius and edge 1, and not shown."""


class BlobRounds(NamedTuple):
    """Lesions of a batch by rounds, of which each has one a sample at most; arrays on the CPU.

    Attributes:
        numbers: ``[round, sample, number]``, as :func:`_numbers` has them.
        waves: ``[round, sample, 2, wave]``, as a lesion's.
        fills: ``[round, sample, channel]``, radius of the cut through a unit ball that a channel shows.
        textures: ``[round, sample, row, column]``, as a lesion's.
    """

    numbers: NDArray[np.float32]
    waves: NDArray[np.float32]
    fills: NDArray[np.float32]
    textures: NDArray[np.float32]

    @classmethod
    def of(cls, blobs: list[Blob], batch: int, channels: int, depth: float) -> BlobRounds:
        """Arrange lesions, those of a sample in their order.

        Args:
            blobs: what to paint.
            batch: samples.
            channels: of a sample, slices of which the middle one is labelled.
            depth: pixels from one slice to the next.
        """
        places: list[tuple[int, int]] = []
        counts = [0] * batch
        for blob in blobs:
            places.append((counts[blob.sample], blob.sample))
            counts[blob.sample] += 1
        shape = max(counts, default=0), batch
        made = cls(
            np.tile(np.array(_NO_LESION, np.float32), (*shape, 1)),
            np.zeros((*shape, 2, WAVES), np.float32),
            np.zeros((*shape, channels), np.float32),
            np.zeros((*shape, TEXTURE, TEXTURE), np.float32),
        )
        offsets = (np.arange(channels) - channels // 2) * depth
        for place, blob in zip(places, blobs, strict=True):
            made.numbers[place], made.waves[place], made.textures[place] = _numbers(blob), blob.waves, blob.texture
            made.fills[place] = [cut_of_ball(offset / blob.radius) for offset in offsets]
        return made


def paint_rounds(
    pixels: torch.Tensor, labels: torch.Tensor, lesions_apart: torch.Tensor, rounds: BlobRounds, there: Send
) -> tuple[torch.Tensor, torch.Tensor]:
    """Paint lesions into the liver of a batch, as :func:`.synthetic_lesions.paint_lesions` does but for rounding.

    Args:
        pixels: float ``[batch, slice, row, column]`` in [0, 1].
        labels: ``[batch, row, column]``: 0 background, 1 liver, 2 lesion.
        lesions_apart: bool ``[batch]``.
        rounds: what to paint.
        there: gives the arrays of the rounds on the device.

    Returns:
        New pixels and labels.
    """
    for numbers, waves, fills, textures in zip(*map(there, rounds), strict=True):
        pixels, labels = _paint(pixels, labels, lesions_apart, _Lesions.of(numbers, waves, fills, textures))
    return pixels, labels


def _numbers(blob: Blob) -> list[float]:
    """What :class:`_Lesions` begins with."""
    high, low = divmod(int(blob.centre * 2**_BITS), 2**_HALF)
    ratio, turn = blob.axes
    stretches, turns = (np.exp(ratio / 2), np.exp(-ratio / 2)), (np.cos(turn), np.sin(turn))
    return [1, high, low, reach_of(blob), blob.radius, blob.contrast, blob.edge, blob.rim, *stretches, *turns]


class _Lesions(NamedTuple):
    """A round of lesions on the device: what there is one of a sample is ``[sample, 1, 1]``."""

    shown: torch.Tensor
    high: torch.Tensor
    low: torch.Tensor
    reach: torch.Tensor
    radius: torch.Tensor
    contrast: torch.Tensor
    edge: torch.Tensor
    rim: torch.Tensor
    longer: torch.Tensor
    shorter: torch.Tensor
    cos: torch.Tensor
    sin: torch.Tensor
    waves: torch.Tensor
    fills: torch.Tensor
    textures: torch.Tensor

    @classmethod
    def of(cls, numbers: torch.Tensor, waves: torch.Tensor, fills: torch.Tensor, textures: torch.Tensor) -> _Lesions:
        return cls._make([*numbers[:, None, None].unbind(-1), waves, fills[:, :, None, None], textures])


def _paint(
    pixels: torch.Tensor, labels: torch.Tensor, lesions_apart: torch.Tensor, lesions: _Lesions
) -> tuple[torch.Tensor, torch.Tensor]:
    liver = labels == LIVER_LABEL
    row, column = _centres(liver, lesions)
    height, width = labels.shape[1:]
    rows = torch.arange(height, device=labels.device)[:, None] - row
    columns = torch.arange(width, device=labels.device) - column
    near = (rows.abs() <= lesions.reach) & (columns.abs() <= lesions.reach)
    changed = liver & near & (lesions.shown > 0) & lesions_apart[:, None, None]
    distance, outline = _polar(rows.float(), columns.float(), lesions)
    across = _shares(rows, row, height, lesions).transpose(1, 2)  # of the texture's rows in the pixels'
    uneven = across @ lesions.textures @ _shares(columns.transpose(1, 2), column, width, lesions)
    inside = (outline[:, None] * lesions.fills - distance[:, None]) / lesions.edge[:, None]
    body = (lesions.contrast * (1 + uneven))[:, None] * torch.sigmoid(3 * inside)
    shade = body + lesions.rim[:, None] * torch.exp(-inside.square())
    pixels = torch.where(changed[:, None], (pixels + shade).clamp_(0, 1), pixels)
    return pixels, torch.where(changed & (distance < outline), LESION_LABEL, labels)


def _centres(liver: torch.Tensor, lesions: _Lesions) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column ``[sample, 1, 1]`` of the liver's pixel that a lesion is centred on; beyond it where none is."""
    passed = liver.flatten(1).cumsum(1, dtype=torch.int32)
    share = (lesions.high.long() << _HALF) + lesions.low.long()
    wanted = (share[:, 0] * passed[:, -1:]) >> _BITS
    position = (passed <= wanted).sum(1)[:, None, None]
    row = position.div(liver.shape[2], rounding_mode="floor")
    return row, position - row * liver.shape[2]


def _polar(rows: torch.Tensor, columns: torch.Tensor, lesions: _Lesions) -> tuple[torch.Tensor, torch.Tensor]:
    """Distance of every pixel from the centre, and of the outline in its direction, in pixels."""
    along = (lesions.cos * columns + lesions.sin * rows) * lesions.longer
    across = (lesions.cos * rows - lesions.sin * columns) * lesions.shorter
    angle = torch.atan2(across, along)
    swing = torch.ones_like(angle)
    for number, wave in enumerate(lesions.waves.unbind(-1), start=2):
        amplitude, phase = wave[:, :, None, None].unbind(1)
        swing += amplitude * torch.cos(number * angle + phase)
    return torch.hypot(along, across), lesions.radius * swing


def _shares(steps: torch.Tensor, centre: torch.Tensor, size: int, lesions: _Lesions) -> torch.Tensor:
    """Share of each of the texture's lines in each pixel along an axis, ``[sample, line, pixel]``.

    The texture is stretched, linearly as ``interpolate`` does it, over what is within the slice and the lesion's reach.

    Args:
        steps: pixels from the centre, ``[sample, pixel, 1]``.
        centre: ``[sample, 1, 1]``.
        size: pixels of the slice along the axis.
        lesions: whose.
    """
    first = (centre - lesions.reach).clamp(min=0)
    count = (centre + lesions.reach + 1).clamp(max=size) - first
    at = ((steps + centre - first + 0.5) * (TEXTURE / count) - 0.5).clamp(0, TEXTURE - 1)
    lines = torch.arange(TEXTURE, device=steps.device)
    return (1 - (at - lines).abs()).clamp(min=0).transpose(1, 2)
