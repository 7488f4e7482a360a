"""What every network here is: channels in, logits out, and one sentence where the input cannot be right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import nn

from ..errors import UserError


class SliceNetwork(nn.Module, ABC):
    """A network that maps axial slices to logits.

    Networks take any height and width from :attr:`smallest` on and return logits of the input's size; whoever runs them
    may pad to :attr:`stride`, where features of all levels lie exactly upon each other.

    Args:
        in_channels: channels of the input.
        classes: channels of the logits: 1 for a sigmoid, more for a softmax.

    Attributes:
        stride: pixels of the input to one of the coarsest features.
        smallest: pixels that each spatial axis needs at least.
        margin: pixels a side that the logits lack, since borders are not padded.
        remainder: what is left of an input's size, divided by the stride, where such a network can take it.
        axes: spatial axes, 2 for slices, 3 for volumes.
        source: the paper, with its section.
    """

    stride: ClassVar[int] = 1
    smallest: ClassVar[int] = 1
    margin: ClassVar[int] = 0
    remainder: ClassVar[int] = 0
    axes: ClassVar[int] = 2
    source: ClassVar[str]

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.in_channels, self.classes = in_channels, classes

    def forward(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Map ``[batch, in_channels, *size]`` to logits ``[batch, classes, *size]``.

        Networks with deep supervision return a list while they are trained: the logits, then those of coarser levels.

        Raises:
            UserError: the channels are not :attr:`in_channels`, or an axis is shorter than :attr:`smallest`.
        """
        self._check(slices)
        return self.logits(slices)

    @abstractmethod
    def logits(self, slices: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Logits of an input that has been checked."""

    def _check(self, slices: torch.Tensor) -> None:
        name, size = type(self).__name__, tuple(slices.shape[2:])
        if slices.ndim != self.axes + 2 or slices.shape[1] != self.in_channels:
            expected = ("batch", self.in_channels, *("depth", "height", "width")[-self.axes :])
            msg = f"{name} takes [{', '.join(map(str, expected))}], not {list(slices.shape)}."
            raise UserError(msg)
        if min(size) < self.smallest:
            least = " x ".join([str(self.smallest)] * self.axes)
            msg = f"{name} takes at least {least} pixels, not {' x '.join(map(str, size))}."
            raise UserError(msg)
