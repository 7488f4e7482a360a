"""A model's network made ready on a device, and what happens when its memory runs out or the device fails."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from traceback import clear_frames
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..core.arithmetic import inference_arithmetic
from ..core.device import DevicePlacement
from ..core.device_failure import (
    describe_failure,
    is_device_failure,
    is_out_of_memory,
    may_be_out_of_memory,
    note_failure,
)
from ..core.errors import UserError
from ..networks import SliceNetwork, in_tiles, same_size
from ..networks.convolution import Convolution
from ..networks.cost import inference_bytes
from ..networks.resnet import ResidualBlock, ResNetEncoder

_LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}

_SHARE = 0.5
"""Of a GPU's free memory, for a batch's activations; cuDNN's workspaces and the labels need the rest."""

Result = TypeVar("Result")


class Predictor:
    """Runs batches; ``notes`` says where it had to go on differently.

    Out of memory halves the batch, then moves to the CPU, and so does a GPU that fails.

    Args:
        network: in evaluation mode; it is copied.
        placement: where to run.
        batch: slices, or patches of a volume, in a batch, in place of the placement's own choice; a CPU takes patches
            one by one, which keeps its cores busy.
        fits: whether what the network is shown has the very size that it was made for, so that nothing is padded.
        layout: of weights and activations in memory; None for channels last, in which most networks are the fastest.
    """

    def __init__(
        self,
        network: SliceNetwork,
        placement: DevicePlacement,
        batch: int | None = None,
        *,
        fits: bool = False,
        layout: torch.memory_format | None = None,
    ) -> None:
        self._original, self._fits = network, fits
        self._layout = layout or _LAYOUTS[network.axes]
        self._asked = batch or None
        self.notes: list[str] = [placement.note] if placement.note else []
        self._was_short = False
        self._settle(placement)
        self.batch = self._wanted_batch()

    def __call__(self, channels: torch.Tensor) -> torch.Tensor:
        """Logits of ``[batch, channel, *size]``; any size, also of networks that lack a margin.

        Raises:
            RuntimeError: memory ran out or the GPU failed, among other reasons; :meth:`in_batches` then goes on.
        """
        with inference_arithmetic(self.placement.device, self.placement.dtype):
            if self.has_margin:
                return in_tiles(self._network, channels)
            channels = channels.contiguous(memory_format=self._layout)
            if self._fits:
                return cast("torch.Tensor", self._network(channels))
            return cast("torch.Tensor", same_size(self._network, channels))  # a list while training alone

    @property
    def has_margin(self) -> bool:
        """Whether the network pads nothing itself, so that borders are mirrored for it."""
        return self._network.margin > 0

    @property
    def classes(self) -> int:
        """Channels of the logits."""
        return self._original.classes

    @property
    def _sees_volumes(self) -> bool:
        return self._original.axes == 3

    @property
    def _unit(self) -> str:
        return "part" if self._sees_volumes else "slice"

    def in_batches(
        self,
        numbers: Sequence[int],
        work: Callable[[Sequence[int]], Result],
        recover: Callable[[Exception], None] | None = None,
    ) -> Iterator[Result]:
        """Yield what ``work`` returns for batch after batch, asked again where a failure can be mended.

        Args:
            numbers: of slices or patches.
            work: on a batch of them.
            recover: mends a failure or raises; None for :meth:`recover`.
        """
        start = 0
        while start < len(numbers):
            batch = numbers[start : start + self.batch]
            result, failure = attempt(lambda batch=batch: work(batch))  # type: ignore[misc]
            if failure is not None:
                (recover or self.recover)(failure)
                continue
            start += len(batch)
            yield cast("Result", result)

    def recover(self, error: Exception) -> None:
        """Halve the batch, or go to the CPU when a single slice was too much or the GPU failed.

        Raises:
            UserError: a single slice is too much for the CPU as well.
            Exception: ``error`` itself, where it is about anything else.
        """
        place, can_move = self.placement.device, not self.placement.is_last_resort
        if may_be_out_of_memory(error) and self.batch > 1:
            self.halve(error)
        elif is_out_of_memory(error) and can_move:
            self.free_memory()
            self._was_short = True
            self._move(f"{place} ran out of memory even for one {self._unit}: going on on the CPU.")
        elif is_out_of_memory(error):
            msg = f"There is not enough memory for a single {self._unit}: close other programs, or use a smaller model."
            raise UserError(msg) from error
        elif is_device_failure(error) and can_move:
            note_failure(place)
            self._move(describe_failure(place, error, "going on on the CPU"))
        else:
            raise error

    def halve(self, error: Exception) -> None:
        """Halve the batch, for want of memory.

        Raises:
            Exception: ``error`` itself, where it is about anything else or the batch cannot be halved.
        """
        if self.batch == 1 or not may_be_out_of_memory(error):
            raise error
        self.free_memory()
        self.batch //= 2
        self._was_short = True
        note = f"{self.placement.device} ran out of memory: going on with {self.batch} {self._unit}s a batch."
        self.notes.append(note)

    def fit_batch(self, size: Sequence[int], reserved: int = 0) -> None:
        """Choose the largest batch that a GPU has memory for: a power of two, up to the usual one, unless one is asked.

        Powers of two, so that a little more or less of free memory makes no other batch, and no other last digit. Once
        memory has run out, the batch that was gone on with stays.

        Args:
            size: rows and columns of a slice, or slices, rows and columns of a patch.
            reserved: bytes that something else will take before.
        """
        if self._asked is not None or self._was_short or self.placement.device.type != "cuda":
            return
        each = inference_bytes(self._original, size, self.placement.dtype)
        fitting = int(_SHARE * max(0, _free_bytes(self.placement.device) - reserved) / each)
        self.batch = min(self.placement.batch, 1 << max(0, fitting.bit_length() - 1))

    def free_memory(self) -> None:
        """Give back what PyTorch keeps of a GPU's memory for later."""
        if self.placement.device.type == "cuda":
            torch.cuda.empty_cache()

    def _move(self, note: str) -> None:
        """Go to the CPU in the wanted precision; the user's batch stays unless memory was short."""
        self.notes.append(note)
        self._settle(self.placement.on_cpu())
        wanted = self._wanted_batch()
        self.batch = min(wanted, self._usual_batch()) if self._was_short else wanted

    def _usual_batch(self) -> int:
        """The placement's, which is for slices: of patches only a GPU whose memory is known gets several."""
        return 1 if self._sees_volumes and self.placement.device.type != "cuda" else self.placement.batch

    def _wanted_batch(self) -> int:
        if self._asked is None or (self._sees_volumes and self.placement.device.type == "cpu"):
            return self._usual_batch()
        return self._asked

    def _settle(self, placement: DevicePlacement) -> None:
        self.placement = placement
        self._network = _prepared(self._original, placement, self._layout)


_READY: WeakKeyDictionary[SliceNetwork, tuple[object, SliceNetwork]] = WeakKeyDictionary()
"""Networks that are on an accelerator, by those that they are copies of: the next case need not bring them there."""


def _prepared(original: SliceNetwork, placement: DevicePlacement, layout: torch.memory_format) -> SliceNetwork:
    """A copy on the device; on an accelerator, that of the case before, unless a weight has been changed since."""
    if placement.device.type == "cpu":
        _READY.pop(original, None)
        return _copied(original, placement, layout)
    state = [*original.parameters(), *original.buffers()]
    key = placement.device, placement.dtype, layout, [(one.data_ptr(), _version(one)) for one in state]
    known, network = _READY.get(original, (None, None))
    if network is None or known != key:
        _READY.pop(original, None)  # before there are two
        network = _copied(original, placement, layout)
        _READY[original] = key, network
    return network


def _copied(original: SliceNetwork, placement: DevicePlacement, layout: torch.memory_format) -> SliceNetwork:
    network = fuse_normalisation(copy.deepcopy(original))
    return network.to(placement.device, placement.dtype, memory_format=layout)  # type: ignore[call-overload, no-any-return]


def _version(values: torch.Tensor) -> object:
    """What changes with the numbers; of those made for inference alone nothing does, which are never taken as known."""
    return object() if values.is_inference() else values._version  # noqa: SLF001, autograd's own count


def _free_bytes(place: torch.device) -> int:
    """Memory of a GPU that is free, with what PyTorch keeps of it for later."""
    return torch.cuda.mem_get_info(place)[0] + torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)


def attempt(work: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """What comes of some work, or how its device failed or ran out of memory, once nothing of it is in memory any more.

    An exception keeps the frames that it passed through, and their tensors, while it is handled and by its traceback.

    Raises:
        Exception: whatever else went wrong.
    """
    try:
        return work(), None
    except (RuntimeError, MemoryError) as error:
        if not (may_be_out_of_memory(error) or is_device_failure(error)):
            raise
        failure = error
    clear_frames(failure.__traceback__)
    failure.__traceback__ = failure.__context__ = None
    return None, failure


def load_somewhere(load: Callable[[DevicePlacement], Result], placement: DevicePlacement) -> Result:
    """What comes of loading something onto a device, or onto the CPU, with a note, where the device cannot take it.

    Args:
        load: onto the device that it is given.
        placement: where first.

    Raises:
        UserError: the CPU has too little memory as well.
    """
    made, failure = attempt(lambda: [load(placement)])
    if made:
        return made[0]
    if failure and is_device_failure(failure) and not placement.is_last_resort:
        note_failure(placement.device)
        note = describe_failure(placement.device, failure, "running on the CPU")
    elif failure and not is_out_of_memory(failure):
        raise failure
    elif placement.is_last_resort:
        msg = "There is not enough memory for this volume: close other programs, or cut the volume."
        raise UserError(msg) from failure
    else:
        note = f"{placement.device} has too little memory for this volume: running on the CPU."
    return load_somewhere(load, placement.on_cpu(note))


def widen(placement: DevicePlacement) -> tuple[DevicePlacement, str]:
    """A device in float32, where numbers were not finite in less, and a sentence that says so."""
    name = str(placement.dtype).removeprefix("torch.")
    why = f"{placement.device} gave numbers that are not finite in {name}: the CT was segmented again in float32."
    return replace(placement, dtype=torch.float32, precision="float32", note=""), why


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
    if isinstance(block, Convolution):
        yield block, "conv", block.adn, "N"
    elif isinstance(block, nn.Sequential):
        for first, second in pairwise(name for name, _ in block.named_children()):
            yield block, first, block, second
    elif isinstance(block, (ResNetEncoder, ResidualBlock)):
        for number in (1, 2, 3):
            if hasattr(block, f"conv{number}"):
                yield block, f"conv{number}", block, f"bn{number}"
