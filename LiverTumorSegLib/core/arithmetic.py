"""How PyTorch computes on a GPU, set for the whole process: in the same order each time, and in whole float32."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def deterministic_torch() -> Iterator[None]:
    """Have PyTorch add in the same order each time, wherever it can: on a GPU it does not by itself."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    os.environ.setdefault(_CUBLAS, ":4096:8")  # read when CUDA is first used
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it takes time
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deterministic")
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


@contextmanager
def repeatable_convolutions() -> Iterator[None]:
    """Have cuDNN take the same algorithms each time, and none that adds in an order of its own.

    This is what a forward pass needs; all else in it adds in one order, or whole numbers alone. What
    :func:`deterministic_torch` does beyond it costs time: interpolation becomes some sixty operations.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    os.environ.setdefault(_CUBLAS, ":4096:8")
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


@contextmanager
def inference_arithmetic(place: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """What a network's forward passes on a device are computed with; on a CPU there is nothing to choose.

    Args:
        place: where they run.
        dtype: of weights and activations.
    """
    with ExitStack() as chosen:
        if place.type != "cpu":
            chosen.enter_context(repeatable_convolutions())
            if dtype is torch.float32:
                chosen.enter_context(whole_float32())
        yield


@contextmanager
def whole_float32() -> Iterator[None]:
    """Have NVIDIA's GPUs multiply float32 as it is.

    From Ampere on PyTorch lets cuDNN's convolutions round factors to TF32, which has 10 bits after the point as float16
    does (PyTorch, CUDA semantics, TensorFloat-32).
    """
    cudnn: Any = torch.backends.cudnn
    parts: list[Any] = [cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul]
    before = [part.fp32_precision for part in parts]
    for part in parts:
        part.fp32_precision = "ieee"
    try:
        yield
    finally:
        for part, precision in zip(parts, before, strict=True):
            part.fp32_precision = precision
