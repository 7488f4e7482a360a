"""A closer look at the liver: a second network, with finer pixels, where the first one has found it.

The second network sees the part of each slice that shows the liver, in HU relative to the liver's own median. Where it
looks, the weighted mean of both networks' logits over the background decides; elsewhere nothing is labelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from ..core.labels import LIVER_LABEL, component_sizes
from ..models.description import Description, Head
from .label_assembly import Span
from .predictor import Predictor
from .slice_cache import SliceCache

_MARGIN_MM = 12.0
"""Around the liver: how far the first look may have missed its border, and what the second sees beside it."""

_FEWEST_ALIKE = 2
"""Slices that are cut alike where they are thick: a batch on a CPU."""

_SLICES_AT_ONCE = 8
"""Whose labels are worked out together, since their places among the labels take much memory."""

_TOUCHING = np.ones((3, 3, 3), bool)
_NOWHERE = 1 << 30

Seen = tuple[torch.Tensor, Span, Span]
"""Logits ``[slice, class, row, column]`` of consecutive slices, and where their rows and columns lie in the CT."""


@dataclass(frozen=True)
class FirstLook:
    """What the first network answered, on its own pixels.

    Args:
        over: float16 ``[slice, label, row, column]`` on the host: logits less the background's.
        slices: of the CT, that they are of.
        rows, columns: where the pixels lie in the CT.
        head: what the logits stand for.
    """

    over: torch.Tensor
    slices: range
    rows: Span
    columns: Span
    head: Head

    def labels(self) -> NDArray[np.uint8]:
        """Label of the largest logit, ``[slice, row, column]``."""
        values = torch.tensor(self.head.values, dtype=torch.uint8)
        largest = (some.max(dim=1) for some in self.over.split(_SLICES_AT_ONCE))
        return torch.cat([torch.where(best > 0, values[at], 0) for best, at in largest]).numpy()

    def on(self, numbers: Sequence[int], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> torch.Tensor:
        """The logits of consecutive slices, interpolated, float32 ``[slice, label, row, column]``.

        Args:
            numbers: of the slices.
            rows: places in the CT, in voxels from the edge of its first row.
            columns: the same of columns.
        """
        some = self.over[numbers[0] - self.slices.start : numbers[-1] + 1 - self.slices.start].float()
        return self.columns.interpolate_at(self.rows.interpolate_at(some, 2, rows), 3, columns)


@dataclass(frozen=True)
class LiverPlace:
    """Where the liver lies in a CT, and how dense it is.

    Args:
        slices: that are looked at.
        edges: int ``[slice, 4]``: first row and the one after the last, first column and the one after the last, that
            show the liver in the slice or near it, with a margin.
        median: of its HU.
        alike: consecutive slices that are cut alike, so that what is seen of one does not depend on the batch.
    """

    slices: range
    edges: NDArray[np.intp]
    median: float
    alike: int

    @classmethod
    def of(
        cls,
        labels: NDArray[np.uint8],
        slices: range,
        spans: tuple[Span, Span],
        view: NDArray[np.int16],
        spacing: tuple[float, float, float],
        smallest_ml: float = 0.0,
    ) -> LiverPlace | None:
        """The place of the largest part of what is labelled; None where nothing is, or too little to be a liver.

        Args:
            labels: ``[slice, row, column]``: 0 background, 1 liver, 2 lesion.
            slices: of the CT, that they are of.
            spans: where their rows and columns lie in the CT.
            view: HU ``[slice, row, column]`` of the CT.
            spacing: millimetres between its slices, rows and columns.
            smallest_ml: that a liver has.
        """
        marked = _largest(labels > 0)
        ml = np.count_nonzero(marked) * prod(spacing) * prod(span.step for span in spans) / 1000
        if not ml or ml < smallest_ml:
            return None
        reach = max(1, int(_MARGIN_MM / spacing[0]))
        sides = [
            _edges(
                np.asarray(marked.any(axis=3 - axis)), spans[axis - 1], reach, int(np.ceil(_MARGIN_MM / spacing[axis]))
            )
            for axis in (1, 2)
        ]
        shown = np.flatnonzero(ndimage.binary_dilation(marked.any(axis=(1, 2)), iterations=reach))
        liver = marked & (labels == LIVER_LABEL)
        first, last = int(shown[0]), int(shown[-1]) + 1
        return cls(
            range(slices.start + first, slices.start + last),
            np.concatenate(sides, axis=1)[first:last],
            _median(liver if liver.any() else marked, slices, spans, view),
            max(_FEWEST_ALIKE, reach),
        )

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Slices, rows and columns of the CT that hold all of it."""
        return slice(self.slices.start, self.slices.stop), *self.holding(range(len(self.slices)))

    @property
    def parts(self) -> list[range]:
        """The slices, counted from the first, by those that are cut alike."""
        every = range(len(self.slices))
        return [every[start : start + self.alike] for start in every[:: self.alike]]

    def holding(self, part: range) -> tuple[slice, slice]:
        """Rows and columns of the CT that hold the liver in all slices of a part."""
        some = self.edges[part.start : part.stop]
        low, high = some[:, ::2].min(axis=0).tolist(), some[:, 1::2].max(axis=0).tolist()
        return slice(low[0], high[0]), slice(low[1], high[1])


def _largest(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    parts, count = ndimage.label(marked, _TOUCHING)
    sizes = component_sizes(parts, count)
    sizes[0] = 0
    kept: NDArray[np.bool_] = parts == sizes.argmax() if count else marked
    return kept


def _edges(shown: NDArray[np.bool_], span: Span, reach: int, margin: int) -> NDArray[np.intp]:
    """First voxel, and the one after the last, of what is shown along an axis in each slice or in ``reach`` of it."""
    first = np.where(shown.any(axis=1), shown.argmax(axis=1), _NOWHERE)
    last = np.where(shown.any(axis=1), shown.shape[1] - shown[:, ::-1].argmax(axis=1), -_NOWHERE)
    first = ndimage.minimum_filter1d(first, 2 * reach + 1, mode="nearest")
    last = ndimage.maximum_filter1d(last, 2 * reach + 1, mode="nearest")
    low, high = np.floor(span.edge(first)) - margin, np.ceil(span.edge(last)) + margin
    return np.stack([low.clip(0, span.own), high.clip(0, span.own)], axis=1).astype(np.intp)


def _median(liver: NDArray[np.bool_], slices: range, spans: tuple[Span, Span], view: NDArray[np.int16]) -> float:
    """Of the HU at the pixels' centres."""
    at, row, column = liver.nonzero()
    rows, columns = (span.centres.astype(np.intp).clip(0, span.own - 1) for span in spans)
    return float(np.median(view[at + slices.start, rows[row], columns[column]]))


class CloserLook:
    """The second network over the liver's part of a CT.

    Slices are counted from the first of the place's box, and so are rows and columns.

    Args:
        place: of the liver.
        view: HU ``[slice, row, column]`` of the CT.
        spacing: millimetres between its slices, rows and columns.
        description: of the second network, whose preprocessing needs the liver.
        engine: the second network.
        first: what is averaged with its answer; None for its own alone.
        share: of its own answer in the mean.

    Attributes:
        engine: the same.
    """

    def __init__(
        self,
        place: LiverPlace,
        view: NDArray[np.int16],
        spacing: tuple[float, float, float],
        description: Description,
        engine: Predictor,
        first: FirstLook | None = None,
        share: float = 1.0,
    ) -> None:
        self.engine, self._place, self._first = engine, place, first
        self._share = share
        chain = description.preprocessing.with_liver(place.median)
        known = description.model_copy(update={"preprocessing": chain})
        self._store = SliceCache(view[place.box], spacing, known, engine.placement)
        engine.fit_batch(self._store.size)

    @property
    def head(self) -> Head:
        """What the logits stand for."""
        return self._store.head

    def __call__(self, numbers: Sequence[int]) -> Seen:
        """Logits ``[slice, class, row, column]`` of consecutive slices of one part, and where rows and columns lie."""
        wanted = [number + self._place.slices.start for number in numbers]
        alike = self._place.parts[numbers[0] // self._place.alike]
        sides = zip(self._store.axes, self._place.holding(alike), self._place.box[1:], strict=True)
        rows, columns = (axis.covering(part.start - side.start, part.stop - side.start) for axis, part, side in sides)
        channels = self._store.channels(numbers, self.engine.placement)
        logits = self.engine(channels[..., rows.start : rows.stop, columns.start : columns.stop])
        if self._first is None:
            return logits, rows, columns
        top, left = (side.start for side in self._place.box[1:])
        before = self._first.on(wanted, rows.centres + top, columns.centres + left)
        return self._averaged(logits, before.to(logits.device)), rows, columns

    def _averaged(self, logits: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        """The mean with the first network's logits over the background, as logits whose background is 0."""
        over = torch.lerp(before, self.head.over_background(logits).float(), self._share)
        return over if self.head.sigmoid else F.pad(over, (0, 0, 0, 0, 1, 0))
