"""Each process's part of the batches that several train on together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from .augmentation import Blob


class Shared:
    """The batches of a sampler, cut to some of their samples.

    A batch is drawn whole by every process, since one sample's random numbers follow another's; what costs time, to
    change the slices, is then done to the share alone. So the shares of all are the batch of a single process.

    Args:
        batches: to be drawn.
        share: samples that are kept.
    """

    def __init__(self, batches: Iterable[Any], share: slice) -> None:
        self._batches, self._share = batches, share

    def __iter__(self) -> Iterator[Any]:
        for drawn in self._batches:
            yield {name: part_of(value, self._share) for name, value in drawn.items()}


def part_of(value: Any, share: slice) -> Any:
    """What a part of a batch says of some of its samples, which come first along its first axis."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return value[share]
    if isinstance(value, list) and value and isinstance(value[0], Blob):
        kept = range(share.start, share.stop)
        return [blob._replace(sample=blob.sample - share.start) for blob in value if blob.sample in kept]
    if isinstance(value, list):
        return value[share]
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(one[share] if isinstance(one, (torch.Tensor, np.ndarray)) else one for one in value)
    return value
