"""A model's network made ready on a device, and what happens when its memory runs out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import device
from .errors import UserError

Result = TypeVar("Result")


def is_out_of_memory(error: Exception) -> bool:
    """True for what CUDA, Apple's GPUs, PyTorch's CPU allocator and Python raise when memory runs out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(part in str(error) for part in words)


class Engine:
    """Runs batches; out of memory halves the batch, then moves to the CPU, and ``notes`` says so.

    Args:
        network: in evaluation mode; it is copied.
        placement: where to run.
        batch: slices in a batch, in place of the placement's own choice.
    """

    def __init__(self, network: nn.Module, placement: device.Placement, batch: int | None = None) -> None:
        self._original = network
        self.batch = batch or placement.batch
        self.notes: list[str] = [placement.note] if placement.note else []
        self._settle(placement)

    def __call__(self, channels: torch.Tensor) -> torch.Tensor:
        """Logits of ``[batch, channel, row, column]``; any height and width, padded here and nowhere else.

        Raises:
            RuntimeError: memory ran out, among other reasons; :meth:`in_batches` then goes on with fewer slices.
        """
        height, width = channels.shape[-2:]
        padding = (0, -width % self._stride, 0, -height % self._stride)
        if any(padding):
            channels = F.pad(channels, padding, mode="replicate")
        channels = channels.contiguous(memory_format=torch.channels_last)
        return self._network(channels)[..., :height, :width]

    def in_batches(self, numbers: Sequence[int], work: Callable[[Sequence[int]], Result]) -> Iterator[Result]:
        """What ``work`` returns for batch after batch; where memory runs out, it is asked again for fewer slices."""
        start = 0
        while start < len(numbers):
            batch = numbers[start : start + self.batch]
            try:
                result = work(batch)
            except (RuntimeError, MemoryError) as error:
                self.make_room(error)
                continue
            start += len(batch)
            yield result

    def make_room(self, error: Exception) -> None:
        """Halve the batch, or go to the CPU when a single slice was too much.

        Raises:
            UserError: a single slice is too much for the CPU as well.
            Exception: ``error`` itself, where it is about anything but memory.
        """
        if not is_out_of_memory(error):
            raise error
        if self.placement.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            self.notes.append(f"{self.placement.device} ran out of memory: going on with {self.batch} slices a batch.")
        elif self.placement != device.cpu():
            note = f"{self.placement.device} ran out of memory even for one slice: going on on the CPU."
            self.notes.append(note)
            self._settle(device.cpu())
        else:
            msg = "There is not enough memory for a single slice: close other programs, or use a smaller model."
            raise UserError(msg) from error

    def _settle(self, placement: device.Placement) -> None:
        self.placement = placement
        self._stride = int(getattr(self._original, "stride", 1))
        network = fuse_normalisation(copy.deepcopy(self._original))
        self._network = network.to(placement.device, placement.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def fuse_normalisation(network: nn.Module) -> nn.Module:
    """Fold each batch normalisation of MONAI's convolution blocks into its convolution: the same function, faster."""
    for block in network.modules():
        if not isinstance(block, Convolution) or not hasattr(block, "adn"):
            continue
        normalisation = getattr(block.adn, "N", None)
        if isinstance(block.conv, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
            block.conv = fuse_conv_bn_eval(block.conv, normalisation)
            block.adn.N = nn.Identity()
    return network
