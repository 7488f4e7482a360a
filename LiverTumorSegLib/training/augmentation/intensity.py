"""Changed contrast, brightness, noise and resolution of a batch of slices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ...networks.upsampling import resize_bilinear
from .options import Augmentation
from .sending import Send, send_each


class Intensities(NamedTuple):
    """Changes of a batch, one a sample; arrays on the CPU, whatever they are applied to.

    Attributes:
        liver: added to the liver and its lesions.
        resolution: share of the rows and columns that is left in between, 1 for all.
        gamma: power to which values are raised.
        gain: change of the contrast, a share.
        offset: added to all values.
        floor: the least value.
        noise: of the batch's shape, added; None for none.
    """

    liver: NDArray[np.float32]
    resolution: NDArray[np.float32]
    gamma: NDArray[np.float32]
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    floor: NDArray[np.float32]
    noise: torch.Tensor | None

    @property
    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """What a device needs of it."""
        return self.gamma, self.gain, self.offset, self.floor


def draw_intensities(ranges: Augmentation, shape: tuple[int, ...], random: np.random.Generator) -> Intensities:
    """Draw changes for a batch ``[batch, channel, row, column]``, or ``[batch, channel, slice, row, column]``."""
    batch = shape[0]

    def draw(low: float, high: float, share: float = 1, otherwise: float = 0) -> NDArray[np.float32]:
        return np.where(random.random(batch) < share, random.uniform(low, high, batch), otherwise).astype(np.float32)

    return Intensities(
        liver=draw(*ranges.liver_offset, share=ranges.liver_share),
        resolution=draw(0.35, 0.8, share=ranges.blur, otherwise=1),
        gamma=np.exp(draw(-ranges.gamma, ranges.gamma)),
        gain=draw(-ranges.gain, ranges.gain),
        offset=draw(-ranges.offset, ranges.offset),
        floor=draw(0, 0.2, share=ranges.floor),
        noise=_draw_noise(ranges.noise, shape, random) if ranges.noise else None,
    )


def change_intensities(
    pixels: torch.Tensor, labels: torch.Tensor, changes: Intensities, *, in_window: bool, there: Send | None = None
) -> torch.Tensor:
    """Change the intensities of a batch.

    Args:
        pixels: float ``[batch, channel, row, column]``; of volumes ``[batch, channel, slice, row, column]``.
        labels: the same without channels: 0 background, 1 liver, 2 lesion.
        changes: what to do.
        in_window: whether values fill [0, 1], as a window leaves them. Contrast then changes about the middle, and the
            result stays in [0, 1]. Else values are standard scores: contrast changes about 0, nothing is cut off, and
            what is measured in windows (the offsets and the floor) is left out.
        there: gives the changes' arrays on the device; None to send each by itself.
    """
    sent = there or send_each(pixels.device)

    def each(values: NDArray[np.float32]) -> torch.Tensor:
        """A value for each sample, ready to be combined with the pixels."""
        return sent(values).reshape(-1, *[1] * (pixels.ndim - 1))

    changed = pixels.clone()
    if in_window:
        _offset_liver(changed, labels, changes.liver)
    _lower_resolution(changed, changes.resolution)
    if (changes.gamma != 1).any():
        changed = changed.sign() * changed.abs_().pow_(each(changes.gamma))
    changed *= 1 + each(changes.gain)
    if in_window:
        changed += each(changes.offset) - each(changes.gain) / 2
    if changes.noise is not None:
        changed += changes.noise.to(pixels.device)
    return torch.maximum(changed, each(changes.floor)).clamp_(max=1) if in_window else changed


def _draw_noise(largest: float, shape: tuple[int, ...], random: np.random.Generator) -> torch.Tensor:
    seeded = torch.Generator().manual_seed(int(random.integers(2**63)))  # torch draws normals twice as fast as numpy
    deviations = torch.from_numpy(random.uniform(0, largest, (shape[0], *[1] * (len(shape) - 1))).astype(np.float32))
    return torch.randn(shape, generator=seeded).mul_(deviations)


def _offset_liver(pixels: torch.Tensor, labels: torch.Tensor, offsets: NDArray[np.float32]) -> None:
    for index in np.flatnonzero(offsets):
        field = (labels[index] > 0).float()
        pixels[index] += F.avg_pool2d(field[None], 3, stride=1, padding=1) * float(offsets[index])


def _lower_resolution(pixels: torch.Tensor, shares: NDArray[np.float32]) -> None:
    for index in np.flatnonzero(shares < 1):
        planes = pixels[index].flatten(0, -3)[None]  # of a volume all slices, each in its plane
        fewer = F.interpolate(planes, scale_factor=float(shares[index]), mode="bilinear", antialias=True)
        pixels[index] = resize_bilinear(fewer, pixels.shape[-2:]).reshape(pixels[index].shape)
