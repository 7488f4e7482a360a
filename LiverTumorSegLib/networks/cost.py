"""Cost of a network, found without computing: parameters, operations, and memory while it is trained."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from .base import SliceNetwork, in_tiles, padded


@dataclass(frozen=True)
class Cost:
    """Cost of one slice (or patch) in float32.

    Args:
        parameters: numbers that are learnt.
        gflop: 10^9 floating-point operations of a forward pass in evaluation; a multiplication with its addition
            counts as two, and only convolutions count, as is usual.
        training_bytes: largest memory of a forward and a backward pass at batch one, beyond weights and gradients.
    """

    parameters: int
    gflop: float
    training_bytes: int


def cost(network: SliceNetwork, size: Sequence[int]) -> Cost:
    """Cost of a network at an input size, whatever this machine has.

    Args:
        network: moved to torch's ``meta`` device, where tensors have shapes and no numbers: it cannot be used after.
        size: height and width, or depth, height and width; borders that a network needs are added.
    """
    network.to("meta")
    slices = padded(network, torch.empty(1, network.in_channels, *size, device="meta"))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(slices)
    return Cost(
        sum(p.numel() for p in network.parameters()),
        counter.get_total_flops() / 1e9,
        _training_bytes(network.train(), slices),
    )


_KNOWN_BYTES: weakref.WeakKeyDictionary[SliceNetwork, dict[tuple[tuple[int, ...], torch.dtype], int]]
_KNOWN_BYTES = weakref.WeakKeyDictionary()
"""What a forward pass takes, which no weight changes: the next CT of a size need not wait to have it counted."""


def inference_bytes(network: SliceNetwork, size: Sequence[int], dtype: torch.dtype) -> int:
    """Largest memory of a forward pass in evaluation at batch one, beyond the weights.

    Args:
        network: anywhere; it stays as it is, and what was found of it is kept for as long as it lives.
        size: height and width, or depth, height and width; borders that a network needs are added.
        dtype: of weights and activations.
    """
    known, wanted = _KNOWN_BYTES.setdefault(network, {}), (tuple(size), dtype)
    if wanted not in known:
        known[wanted] = _inference_bytes(network, size, dtype)
    return known[wanted]


def _inference_bytes(network: SliceNetwork, size: Sequence[int], dtype: torch.dtype) -> int:
    counted = copy.deepcopy(network).to("meta", dtype).eval()
    with torch.no_grad(), _Allocations(counted) as made:
        slices = torch.empty(1, network.in_channels, *size, dtype=dtype, device="meta")
        if network.margin:
            in_tiles(counted, slices)
        else:
            counted(padded(counted, slices))
    return made.peak


def _training_bytes(network: SliceNetwork, slices: torch.Tensor) -> int:
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with _Allocations(network) as made:
        output = network(slices)
        logits = output if isinstance(output, list) else [output]
        sum((one.sum() for one in logits), start=torch.zeros((), device="meta")).backward()  # type: ignore[no-untyped-call]
    return made.peak


class _Allocations(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive at one time, but for those that were there before."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        before = [
            *network.parameters(),
            *network.buffers(),
            *(p.grad for p in network.parameters() if p.grad is not None),
        ]
        self._kept = {_key(tensor) for tensor in before}
        self._alive: set[int] = set()
        self._bytes = self.peak = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, torch.Tensor) and _key(tensor) not in self._kept and _key(tensor) not in self._alive:
                self._count(tensor)
        return output

    def _count(self, tensor: torch.Tensor) -> None:
        storage, key = tensor.untyped_storage(), _key(tensor)
        self._alive.add(key)
        self._bytes += storage.nbytes()
        self.peak = max(self.peak, self._bytes)
        weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, count: int) -> None:
        self._alive.discard(key)
        self._bytes -= count


def _key(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata  # noqa: SLF001, the one identity that a storage has
