"""Arrays of a batch sent to its device in one piece.

Each upload of a few numbers from the host's usual memory is waited for until the device has come to it, so that the
host stands still several times a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray

Send = Callable[[NDArray[np.float32]], torch.Tensor]
"""Gives an array as a tensor on the device of the batch."""


def send_together(arrays: Iterable[NDArray[np.float32]], device: torch.device) -> Send:
    """Send arrays to a device by one upload, which a CUDA GPU fetches by itself while others go on.

    Args:
        arrays: of any shapes; those, and not equal ones, are what may be asked for.
        device: where the batch is; on a CPU nothing is copied.

    Returns:
        What gives each of them there.
    """
    if device.type == "cpu":
        return torch.from_numpy
    kept = list(arrays)
    flat = torch.from_numpy(np.concatenate([array.ravel() for array in kept]))
    fetched = flat.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else flat.to(device)
    parts = fetched.split([array.size for array in kept])
    there = {id(array): (array, part.reshape(array.shape)) for array, part in zip(kept, parts, strict=True)}
    return lambda array: there[id(array)][1]


def send_each(device: torch.device) -> Send:
    """Send arrays to a device one by one, when they are asked for."""
    return lambda array: torch.from_numpy(array).to(device)
