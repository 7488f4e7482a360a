"""A model's network made ready on a device, and what happens when its memory runs out or the device fails."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar, cast

import torch
from monai.networks.blocks import Convolution
from monai.networks.nets.resnet import ResNet, ResNetBlock, ResNetBottleneck
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..core import device
from ..core.errors import UserError
from ..networks import SliceNetwork, in_tiles, same_size

_LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}

Result = TypeVar("Result")


class Predictor:
    """Runs batches; ``notes`` says where it had to go on differently.

    Out of memory halves the batch, then moves to the CPU, and so does a GPU that fails.

    Args:
        network: in evaluation mode; it is copied.
        placement: where to run.
        batch: slices in a batch, in place of the placement's own choice.
    """

    def __init__(self, network: SliceNetwork, placement: device.DevicePlacement, batch: int | None = None) -> None:
        self._original = network
        self.batch = batch or placement.batch
        self.notes: list[str] = [placement.note] if placement.note else []
        self._settle(placement)

    def __call__(self, channels: torch.Tensor) -> torch.Tensor:
        """Logits of ``[batch, channel, *size]``; any size, also of networks that lack a margin.

        Raises:
            RuntimeError: memory ran out or the GPU failed, among other reasons; :meth:`in_batches` then goes on.
        """
        if self.has_margin:
            return in_tiles(self._network, channels)
        channels = channels.contiguous(memory_format=_LAYOUTS[self._network.axes])
        return cast("torch.Tensor", same_size(self._network, channels))  # a list while training alone

    @property
    def has_margin(self) -> bool:
        """Whether the network pads nothing itself, so that borders are mirrored for it."""
        return self._network.margin > 0

    def in_batches(self, numbers: Sequence[int], work: Callable[[Sequence[int]], Result]) -> Iterator[Result]:
        """Yield what ``work`` returns for batch after batch, asked again where :meth:`recover` can mend a failure."""
        start = 0
        while start < len(numbers):
            batch = numbers[start : start + self.batch]
            try:
                result = work(batch)
            except (RuntimeError, MemoryError) as error:
                self.recover(error)
                continue
            start += len(batch)
            yield result

    def recover(self, error: Exception) -> None:
        """Halve the batch, or go to the CPU when a single slice was too much or the GPU failed.

        Raises:
            UserError: a single slice is too much for the CPU as well.
            Exception: ``error`` itself, where it is about anything else.
        """
        if device.is_device_failure(error) and self.placement != device.cpu_placement():
            self.notes.append(device.describe_failure(self.placement.device, error, "going on on the CPU"))
            self._settle(device.cpu_placement())
            return
        if not device.is_out_of_memory(error):
            raise error
        if self.placement.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            self.notes.append(f"{self.placement.device} ran out of memory: going on with {self.batch} slices a batch.")
        elif self.placement != device.cpu_placement():
            note = f"{self.placement.device} ran out of memory even for one slice: going on on the CPU."
            self.notes.append(note)
            self._settle(device.cpu_placement())
        else:
            msg = "There is not enough memory for a single slice: close other programs, or use a smaller model."
            raise UserError(msg) from error

    def _settle(self, placement: device.DevicePlacement) -> None:
        self.placement = placement
        network = fuse_normalisation(copy.deepcopy(self._original))
        self._network = network.to(placement.device, placement.dtype, memory_format=_LAYOUTS[network.axes])  # type: ignore[call-overload]


def fuse_normalisation(network: SliceNetwork) -> SliceNetwork:
    """Fold each batch normalisation into the convolution before it: the same function, faster."""
    for block in list(network.modules()):
        for holder, name, next_holder, next_name in _neighbours(block):
            convolution, normalisation = getattr(holder, name), getattr(next_holder, next_name, None)
            if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                setattr(holder, name, fuse_conv_bn_eval(convolution, normalisation))
                setattr(next_holder, next_name, nn.Identity())
    return network


def _neighbours(block: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module, str]]:
    """Parts of a block, by holder and name, of which the second is given the first one's output."""
    if isinstance(block, Convolution) and hasattr(block, "adn"):
        yield block, "conv", block.adn, "N"
    elif isinstance(block, nn.Sequential):
        for first, second in pairwise(name for name, _ in block.named_children()):
            yield block, first, block, second
    elif isinstance(block, (ResNet, ResNetBlock, ResNetBottleneck)):
        for number in (1, 2, 3):
            if hasattr(block, f"conv{number}"):
                yield block, f"conv{number}", block, f"bn{number}"
