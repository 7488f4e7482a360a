"""The shape of nnU-Net's U-Net for a patch: where it halves, with which kernels, and how much memory it takes.

Isensee et al. 2021, nnU-Net, Methods, "Architecture topology" and "Adaptation of configurations".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod
from typing import NamedTuple

_SHORTEST = 4
"""Voxels that every axis keeps in the coarsest features."""

_LONE = 3 * _SHORTEST
"""Voxels from which an axis is halved even where no other one is."""

_CLOSE = 2
"""Spacings whose ratio is less than this are treated alike."""

FIRST_FEATURES = 32
_MOST_FEATURES = {2: 512, 3: 320}
CONVOLUTIONS = 2
"""Of each stage, in the encoder and in the decoder."""


class Topology(NamedTuple):
    """Stages of a U-Net, the finest first.

    Args:
        strides: of each stage along each axis; those of the first are 1.
        kernels: of each stage along each axis.
        patch: voxels along each axis, made larger where a halving would leave a rest.
        multiples: what each of these is a multiple of.
    """

    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]
    patch: tuple[int, ...]
    multiples: tuple[int, ...]

    @property
    def features(self) -> tuple[int, ...]:
        """Channels of each stage: doubled from 32 on, up to 512 in slices and 320 in volumes."""
        most = _MOST_FEATURES[len(self.patch)]
        return tuple(min(most, FIRST_FEATURES * 2**stage) for stage in range(len(self.strides)))

    def feature_values(self, classes: int) -> int:
        """Values in all features of a pass over one patch, which nnU-Net takes for the memory of training.

        Args:
            classes: channels of the logits.
        """
        size, count = self.patch, 0
        last = len(self.strides) - 1
        for stage, (stride, features) in enumerate(zip(self.strides, self.features, strict=True)):
            size = tuple(n // step for n, step in zip(size, stride, strict=True))
            convolved = CONVOLUTIONS * features
            upwards = 0 if stage == last else CONVOLUTIONS * features + features  # the last of transposed convolution
            logits = classes if stage == 0 and last else 0
            count += (convolved + upwards + logits) * prod(size)
        return count


def topology_for(spacing: Sequence[float], patch: Sequence[float]) -> Topology:
    """Halve a patch along its finest axes for as long as every axis keeps four voxels.

    Of the axes that are long enough, those are halved whose voxels are less than twice as wide as the finest of them.
    An axis gets kernels of 3 once its voxels are less than twice as wide as the finest of all; the coarsest stage has
    them along every axis.

    Args:
        spacing: millimetres along each axis.
        patch: voxels along each axis; halves of voxels count too, as of a median.
    """
    widths, lengths = list(spacing), list(patch)
    axes = range(len(widths))
    strides, kernels, kernel = [(1,) * len(widths)], [], [1] * len(widths)
    while halved := _halved(widths, lengths):
        finest = min(widths)
        kernel = [3 if size == 3 or width / finest < _CLOSE else 1 for size, width in zip(kernel, widths, strict=True)]
        for axis in halved:
            widths[axis] *= 2
            lengths[axis] = ceil(lengths[axis] / 2)
        strides.append(tuple(2 if axis in halved else 1 for axis in axes))
        kernels.append(tuple(kernel))
    kernels.append((3,) * len(widths))
    multiples = tuple(prod(stride[axis] for stride in strides) for axis in axes)
    whole = tuple(ceil(length / multiple) * multiple for length, multiple in zip(patch, multiples, strict=True))
    return Topology(tuple(strides), tuple(kernels), whole, multiples)


def _halved(widths: Sequence[float], lengths: Sequence[float]) -> list[int]:
    """The axes to halve next, none where the network ends."""
    long_enough = [axis for axis, length in enumerate(lengths) if length >= 2 * _SHORTEST]
    if not long_enough:
        return []
    finest = min(widths[axis] for axis in long_enough)
    found = [axis for axis in long_enough if widths[axis] / finest < _CLOSE]
    return [] if len(found) == 1 and lengths[found[0]] < _LONE else found
