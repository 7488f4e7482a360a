"""Labels made on an accelerator, and fetched and written by the host while it computes the next batch.

What :func:`.label_assembly.write_labels` does on a CPU looks where labels are before it makes them: each look waits for
an accelerator. Here labels, and how likely they are, are made everywhere, come to the host in one piece, and bring with
them whether all logits were finite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ..core.labels import FULL_CONFIDENCE, FULL_PROBABILITY, LESION
from ..models.description import Head
from ..postprocessing.candidates import LEAST_PROBABILITY
from .label_assembly import LabelOutput, Span, describe_infinite, largest_labels

_NOT_FINITE = 255
"""Every label of a batch with a logit that is not finite."""

_WORDS, _BYTES = torch.int16, torch.uint8
"""What a probability and a label are fetched as; the full probability, 2**15, comes as a negative number."""


class DeviceLabels:
    """Makes the labels of slices on the device that their logits are on.

    Args:
        out: written in place, by :meth:`PendingLabels.finish`.
        head: what logits stand for.
        rows: where their rows lie in the volume.
        columns: the same of their columns.
    """

    def __init__(self, out: LabelOutput, head: Head, rows: Span, columns: Span) -> None:
        self.out, self._head, self.rows, self.columns = out, head, rows, columns
        self._tables: tuple[torch.device, list[tuple[torch.Tensor, ...]]] | None = None

    def start(self, first: int, logits: torch.Tensor) -> PendingLabels:
        """Have the labels of the slices from ``first`` on made, and wait for nothing.

        Args:
            first: of the slices.
            logits: ``[slice, class, row, column]`` of the pixels that the spans cover.
        """
        over = self._interpolate(self._head.over_background(logits).float())
        labels = largest_labels(over, self._head.values)
        planes = [torch.where(logits.isfinite().all(), labels, _NOT_FINITE)]
        if self.out.confidence is not None and LESION.label in self._head.values:
            planes.append(_confidence(over, self._head.values.index(LESION.label)))
        likely = _probabilities(over, len(self.out.probabilities)) if self.out.probabilities else None
        return PendingLabels(self, first, _fetch(torch.stack(planes)), None if likely is None else _fetch(likely))

    def _interpolate(self, over: torch.Tensor) -> torch.Tensor:
        """Logits of the covered voxels; where they lie is told to a device once."""
        if self._tables is None or self._tables[0] != over.device:
            made = [[part.to(over.device) for part in span.table()] for span in (self.rows, self.columns)]
            self._tables = over.device, [tuple(parts) for parts in made]
        for dimension, (lower, upper, weight) in enumerate(self._tables[1], start=2):
            share = weight.reshape([-1] + [1] * (over.ndim - dimension - 1))
            over = torch.lerp(over.index_select(dimension, lower), over.index_select(dimension, upper), share)
        return over


@dataclass(frozen=True)
class PendingLabels:
    """Labels that a device is still at.

    Args:
        labels: whose they are.
        first: slice.
        planes: gives uint8 ``[labels and confidence, slice, row, column]``.
        likely: gives int16 ``[label, slice, row, column]``; None where nobody asks.
    """

    labels: DeviceLabels
    first: int
    planes: Callable[[], NDArray[np.uint8]]
    likely: Callable[[], NDArray[np.int16]] | None

    def finish(self) -> int:
        """Wait for the labels and write them; returns the number of the slice after them.

        Raises:
            NotFinite: a logit was not.
            RuntimeError: the device failed meanwhile.
        """
        chosen, *confidence = self.planes()
        if (chosen[:1, :1, :1] == _NOT_FINITE).any():
            raise describe_infinite()
        probabilities = self.likely() if self.likely else ()  # before the first write: else half a batch may be written
        rows, columns, out = self.labels.rows, self.labels.columns, self.labels.out
        stop = self.first + len(chosen)
        covered = (slice(self.first, stop), slice(rows.begin, rows.end), slice(columns.begin, columns.end))
        out.labels[covered] = chosen
        if out.confidence is not None and confidence:
            out.confidence[covered] = confidence[0]
        for levels, likely in zip(out.probabilities, probabilities, strict=bool(self.likely)):
            levels[covered] = likely.view(np.uint16)
        return stop


def _confidence(over: torch.Tensor, lesion: int) -> torch.Tensor:
    """How likely lesion is, as :func:`.label_assembly.write_labels` writes it."""
    rest = over.amax(dim=1).clamp(min=0)
    shares = F.pad(over, (0, 0, 0, 0, 1, 0)).softmax(dim=1)[:, lesion + 1]
    counts = (over[:, lesion] >= rest + log(LEAST_PROBABILITY)) & (shares >= LEAST_PROBABILITY)
    return torch.where(counts, (shares * FULL_CONFIDENCE).round(), 0).to(_BYTES)


def _probabilities(over: torch.Tensor, count: int) -> torch.Tensor:
    """How likely each label or one above it is, as :func:`.label_assembly.write_probabilities` writes it."""
    shares = F.pad(over, (0, 0, 0, 0, 1, 0)).softmax(dim=1)[:, 1:]
    likely = torch.stack([shares[:, number:].sum(dim=1) for number in range(count)])
    return (likely * FULL_PROBABILITY).round().int().to(_WORDS)


def _fetch(made: torch.Tensor) -> Callable[[], NDArray]:
    """Begin to bring a tensor to the host; the result waits for it.

    From a CUDA GPU it comes on a stream of its own, so that it is not behind the next batch.
    """
    if made.device.type != "cuda":
        return lambda: made.cpu().numpy()
    host = torch.empty(made.shape, dtype=made.dtype, pin_memory=True)
    beside = torch.cuda.Stream(made.device)
    beside.wait_stream(torch.cuda.current_stream(made.device))
    with torch.cuda.stream(beside):
        host.copy_(made, non_blocking=True)
    made.record_stream(beside)
    fetched = beside.record_event()

    def wait() -> NDArray:
        fetched.synchronize()
        return host.numpy()

    return wait
