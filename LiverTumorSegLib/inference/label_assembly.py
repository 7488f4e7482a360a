"""Labels and probabilities on the volume's own rows and columns, made of logits on preprocessed slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ..core.errors import UserError
from ..core.labels import FULL_CONFIDENCE, FULL_PROBABILITY, LESION
from ..core.volume import Box
from ..models.description import Head
from ..postprocessing.candidates import LEAST_PROBABILITY


@dataclass(frozen=True)
class Axis:
    """Preprocessed pixels along one axis of the volume.

    Args:
        own: voxels of the volume along it.
        step: voxels from one preprocessed pixel to the next.
        origin: voxels before the first preprocessed pixel's edge.
    """

    own: int
    step: float
    origin: float = 0.0

    def covering(self, begin: int, end: int) -> Span:
        """The pixels that cover the voxels from ``begin`` to before ``end``."""
        first, last = ((voxel - self.origin) / self.step for voxel in (begin, end))
        return Span(max(0, floor(first + 1e-6)), ceil(last - 1e-6), self)


@dataclass(frozen=True)
class LabelOutput:
    """Arrays of a volume that slices are written into.

    Args:
        labels: uint8 ``[slice, row, column]``, all 0.
        probabilities: uint16 of the same shape, all 0, for each label but the background; none where nobody asks.
        confidence: uint8 of the same shape, all 0: gets how likely lesion is wherever it is labelled or is
            :data:`LEAST_PROBABILITY` or more, in parts of :data:`FULL_CONFIDENCE`; None where nobody asks.
    """

    labels: NDArray[np.uint8]
    probabilities: tuple[NDArray[np.uint16], ...] = ()
    confidence: NDArray[np.uint8] | None = None

    def within(self, box: Box) -> LabelOutput:
        """The part in a box of slices, rows and columns."""
        confidence = None if self.confidence is None else self.confidence[box]
        return LabelOutput(self.labels[box], tuple(levels[box] for levels in self.probabilities), confidence)

    def clear(self) -> None:
        """Begin again."""
        self.labels[:] = 0
        for levels in self.probabilities:
            levels[:] = 0
        if self.confidence is not None:
            self.confidence[:] = 0

    def write(self, first: int, logits: torch.Tensor, head: Head, rows: Span, columns: Span) -> None:
        """Write the slices from ``first`` on, as :func:`write_labels` and :func:`write_probabilities` do.

        Raises:
            NotFinite: a logit is not.
        """
        refuse_infinite(logits)
        part = slice(first, first + len(logits))
        if self.probabilities:  # first: where memory runs out over them, the labels are still all 0
            write_probabilities([levels[part] for levels in self.probabilities], logits, head, rows, columns)
        confidence = None if self.confidence is None else self.confidence[part]
        write_labels(self.labels[part], logits, head, rows, columns, confidence)


class NotFinite(UserError):
    """A network answered with NaN or infinity."""


def refuse_infinite(logits: torch.Tensor) -> None:
    """Raise :class:`NotFinite`: background would be what comes of NaN, and of the difference of infinities."""
    if not logits.isfinite().all():
        raise describe_infinite()


def describe_infinite() -> NotFinite:
    """The error, with what a user can do."""
    return NotFinite(
        "The model answers with numbers that are not finite (NaN or infinity): its weights are damaged, or too large "
        "for the precision, so get the model again, or choose --precision float32."
    )


def write_labels(
    out: NDArray[np.uint8],
    logits: torch.Tensor,
    head: Head,
    rows: Span,
    columns: Span,
    confidence: NDArray[np.uint8] | None = None,
) -> None:
    """Write the largest logit's label.

    Logits are interpolated as differences to the background, one channel less, and only around pixels where one is
    positive: between others none can be.

    Args:
        out: ``[slice, row, column]`` of the volume, all 0; written in place.
        logits: ``[slice, class, row, column]`` of the pixels that ``rows`` and ``columns`` cover.
        head: what they stand for.
        rows: where the logits' rows lie in the volume.
        columns: the same of their columns.
        confidence: of the shape of ``out``; where given, gets how likely lesion is, as :class:`LabelOutput` says.
    """
    over = head.over_background(logits).float()
    positive = (over > 0).flatten(0, 1).any(dim=0)
    if not positive.any():
        return
    for axis, span in ((0, rows), (1, columns)):
        shown = torch.nonzero(positive.any(dim=1 - axis)).flatten()
        near = span.narrowed(int(shown[0]) - span.margin, int(shown[-1]) + 1 + span.margin)
        over = over.narrow(axis + 2, near.start - span.start, near.stop - near.start)
        rows, columns = (near, columns) if axis == 0 else (rows, near)
    over = columns.interpolate(rows.interpolate(over.contiguous(), 2), 3)
    covered = (slice(None), slice(rows.begin, rows.end), slice(columns.begin, columns.end))
    out[covered] = largest_labels(over, head.values).cpu().numpy()
    if confidence is not None and LESION.label in head.values:
        _write_confidence(confidence[covered], over, head.values.index(LESION.label))


def _write_confidence(out: NDArray[np.uint8], over: torch.Tensor, lesion: int) -> None:
    """Write where lesion may be likely enough alone: untouched pages of a large array take no memory.

    Lesion is labelled where its logit is the largest, and the share of the largest of three is a third at least.
    """
    rest = over.amax(dim=1).clamp(min=0)
    likely = over[:, lesion] >= rest + log(LEAST_PROBABILITY)
    chosen = over.movedim(1, -1)[likely]
    shares = F.pad(chosen, (1, 0)).softmax(dim=1)[:, lesion + 1]
    shares = shares.where(shares >= LEAST_PROBABILITY, 0)
    out[likely.cpu().numpy()] = (shares * FULL_CONFIDENCE).round().byte().cpu().numpy()


def write_probabilities(
    out: Sequence[NDArray[np.uint16]], logits: torch.Tensor, head: Head, rows: Span, columns: Span
) -> None:
    """Write how likely each label or one above it is, so that the liver's probability holds that of its lesions.

    Probabilities follow from interpolated logits, as the labels do: the likeliest label is the one written.

    Args:
        out: ``[slice, row, column]`` of the volume for each of the head's values, in parts of :data:`FULL_PROBABILITY`.
        logits: ``[slice, class, row, column]`` of the pixels that ``rows`` and ``columns`` cover.
        head: what they stand for.
        rows: where the logits' rows lie in the volume.
        columns: the same of their columns.
    """
    over = head.over_background(logits).float()
    over = columns.interpolate(rows.interpolate(over, 2), 3)
    shares = F.pad(over, (0, 0, 0, 0, 1, 0)).softmax(dim=1)[:, 1:]  # the background's own logit is 0 by now
    for number, levels in enumerate(out):
        likely = shares[:, number:].sum(dim=1)
        levels[:, rows.begin : rows.end, columns.begin : columns.end] = (
            (likely * FULL_PROBABILITY).round().cpu().numpy()
        )


class Span:
    """Preprocessed pixels from ``start`` to before ``stop`` along an axis, and the voxels that they cover.

    Args:
        start: first pixel.
        stop: the one after the last.
        axis: how they lie in the volume.
    """

    def __init__(self, start: int, stop: int, axis: Axis) -> None:
        self.start, self.stop, self._axis = start, stop, axis
        first, last = (axis.origin + edge * axis.step for edge in (start, stop))
        self.begin, self.end = max(0, int(np.ceil(first - 1e-6))), min(axis.own, int(last + 1e-6))

    @property
    def margin(self) -> int:
        """Pixels beside one that voxels whose value it has a share in can reach: more where voxels are the larger."""
        return 1 + ceil(0.5 / self._axis.step)

    def narrowed(self, low: int, high: int) -> Span:
        """The span from its pixel ``low`` to before ``high``, as far as it goes."""
        return Span(self.start + max(0, low), min(self.stop, self.start + high), self._axis)

    @property
    def own(self) -> int:
        """Voxels of the volume along the axis."""
        return self._axis.own

    @property
    def step(self) -> float:
        """Voxels of the volume from one pixel to the next."""
        return self._axis.step

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middle of each pixel, in voxels from the edge of the volume's first."""
        return self.edge(np.arange(self.stop - self.start) + 0.5)

    def edge(self, pixels: NDArray) -> NDArray[np.float64]:
        """Where so many pixels from the span's beginning end, in voxels from the edge of the volume's first."""
        edge: NDArray[np.float64] = self._axis.origin + (self.start + pixels) * self._axis.step
        return edge

    def interpolate(self, values: torch.Tensor, dimension: int, voxels: range | None = None) -> torch.Tensor:
        """Interpolate linearly, from the pixels of ``dimension`` to the covered voxels, or to those asked for."""
        return self.interpolate_at(values, dimension, self._centres_of(voxels))

    def interpolate_at(self, values: torch.Tensor, dimension: int, places: NDArray[np.float64]) -> torch.Tensor:
        """The same to places in voxels from the edge of the volume's first; beyond the span its last pixel repeats."""
        lower, upper, weight = (part.to(values.device) for part in self._table_at(places))
        weight = weight.to(values.dtype).reshape([-1] + [1] * (values.ndim - dimension - 1))
        return torch.lerp(values.index_select(dimension, lower), values.index_select(dimension, upper), weight)

    def table(self, voxels: range | None = None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of each covered voxel, or of those asked for: the pixels before and after it, and the share of the latter."""
        return self._table_at(self._centres_of(voxels))

    def _centres_of(self, voxels: range | None) -> NDArray[np.float64]:
        return np.asarray(voxels or range(self.begin, self.end)) + 0.5

    def _table_at(self, places: NDArray[np.float64]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        at = (places - self._axis.origin) / self._axis.step - 0.5 - self.start
        at = at.clip(0, self.stop - self.start - 1)
        lower = torch.from_numpy(np.floor(at).astype(np.int64))
        weight = torch.from_numpy((at - np.floor(at)).astype(np.float32))
        return lower, (lower + 1).clamp_max(self.stop - self.start - 1), weight


def largest_labels(over: torch.Tensor, values: tuple[int, ...]) -> torch.Tensor:
    """Label of the largest logit, uint8: comparing is some fifty times faster on a CPU than ``argmax``."""
    labels = torch.zeros(over[:, 0].shape, dtype=torch.uint8, device=over.device)
    best = torch.zeros_like(over[:, 0])
    for number, value in enumerate(values):
        labels.masked_fill_(over[:, number] > best, value)
        best = torch.maximum(best, over[:, number])
    return labels
