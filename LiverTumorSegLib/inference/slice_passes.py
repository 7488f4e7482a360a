"""The passes over a CT's slices: where the liver may be, every slice of its box, and a closer look at the liver.

A model with one network labels what it answers. One with two has the first answer at its own pixels, and then the
second look at the liver that this shows; what both say is labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.device import DevicePlacement
from ..core.labels import LIVER_LABEL
from ..core.progress import Job
from ..models.description import Description, Head
from ..models.model_folder import Model
from ..networks import SliceNetwork
from . import liver_box
from .closer_look import CloserLook, FirstLook, LiverPlace, Seen
from .device_labels import DeviceLabels
from .label_assembly import Axis, LabelOutput, Span, refuse_infinite
from .liver_box import Box
from .predictor import Predictor, attempt, load_somewhere
from .slice_cache import SliceCache

_LARGEST = 60_000.0
"""Logits that float16 holds; none of any sense is near."""

_CLOSER_SHARE = 0.65
"""Of the time that the passes take after the coarse one: the second network's, whose pixels are finer."""


def label_slices(
    out: LabelOutput,
    store: SliceCache,
    engine: Predictor,
    model: Model,
    task: Job,
    *,
    coarse: bool,
    batch: int | None,
    smallest_liver_ml: float,
) -> None:
    """Label a CT.

    Args:
        out: arrays of the CT, written in place.
        store: its slices, as the first network sees them.
        engine: the first network; what the second had to do differently is noted with it.
        model: what both are of.
        task: told of every batch.
        coarse: whether the liver is looked for on coarse slices first.
        batch: slices of a batch that were asked for.
        smallest_liver_ml: less than this that the first network finds is no liver, and is not looked at again.
    """
    box, rest = liver_box.whole_box(store), task
    if coarse and LIVER_LABEL in store.head.values:
        box = liver_box.find_liver(engine, store, task.part(0, 0.2)) or box
        rest = task.part(0.2, 1)
        if engine.has_margin:  # its borders are mirrored, which only those of the slice may be
            box = replace(liver_box.whole_box(store), slices=box.slices)
    second = _Second.of(model, batch, smallest_liver_ml)
    if second is None:
        look = _look_at_box(box, store, engine)
        _write(out, [range(*box.slices)], look, store.head, engine, _counting(box.slices, rest))
    else:
        _look_twice(out, box, store, engine, second, rest)


class _Second(NamedTuple):
    """The second network of a model."""

    network: SliceNetwork
    description: Description
    share: float
    batch: int | None
    smallest_liver_ml: float

    @classmethod
    def of(cls, model: Model, batch: int | None, smallest_liver_ml: float) -> _Second | None:
        closer, description = model.description.closer, model.description.of_closer
        if model.closer is None or closer is None or description is None:
            return None
        return cls(model.closer, description, closer.share, batch, smallest_liver_ml)


def _look_twice(out: LabelOutput, box: Box, store: SliceCache, engine: Predictor, second: _Second, task: Job) -> None:
    """Label where the first network finds the liver, by the mean of both."""
    first = _first_look(box, store, engine, task.part(0, 1 - _CLOSER_SHARE))
    spans, spacing = (first.rows, first.columns), store.full_spacing
    place = LiverPlace.of(first.labels(), first.slices, spans, store.view, spacing, second.smallest_liver_ml)
    if place is None:
        return

    def load(where: DevicePlacement) -> CloserLook:
        closer = Predictor(second.network, where, second.batch)
        return CloserLook(place, store.view, spacing, second.description, closer, first, second.share)

    again = load_somewhere(load, engine.placement)
    _look_again(out, place, again, task.part(1 - _CLOSER_SHARE, 1))
    engine.notes += [note for note in again.engine.notes if note not in engine.notes]


def look_at_liver(
    out: LabelOutput,
    liver: NDArray[np.uint8],
    view: NDArray[np.int16],
    spacing: tuple[float, float, float],
    description: Description,
    engine: Predictor,
    task: Job,
) -> None:
    """Label what a second network finds by itself in a liver that is known.

    Args:
        out: arrays of the CT, written in place.
        liver: labels ``[slice, row, column]`` of it.
        view: HU of the CT, of the same shape.
        spacing: millimetres between slices, rows and columns.
        description: of the second network.
        engine: the same.
        task: told of every batch.
    """
    rows, columns = (Span(0, size, Axis(size, 1.0)) for size in liver.shape[1:])
    place = LiverPlace.of(liver, range(len(liver)), (rows, columns), view, spacing)
    if place:
        _look_again(out, place, CloserLook(place, view, spacing, description, engine), task)


def _look_at_box(box: Box, store: SliceCache, engine: Predictor) -> Callable[[Sequence[int]], Seen]:
    rows, columns = (Span(*part, axis) for part, axis in zip((box.rows, box.columns), store.axes, strict=True))

    def look(numbers: Sequence[int]) -> Seen:
        channels = store.channels(numbers, engine.placement)[..., slice(*box.rows), slice(*box.columns)]
        return engine(channels), rows, columns

    return look


def _first_look(box: Box, store: SliceCache, engine: Predictor, task: Job) -> FirstLook:
    look, tell, numbers = _look_at_box(box, store, engine), _counting(box.slices, task), range(*box.slices)

    def answer(some: Sequence[int]) -> torch.Tensor:
        tell(some[0])
        logits = look(some)[0]
        refuse_infinite(logits)
        return store.head.over_background(logits).clamp(-_LARGEST, _LARGEST).half().cpu()

    over = _joined(engine.in_batches(numbers, answer), len(numbers))
    rows, columns = (Span(*part, axis) for part, axis in zip((box.rows, box.columns), store.axes, strict=True))
    return FirstLook(over, numbers, rows, columns, store.head)


def _joined(parts: Iterable[torch.Tensor], count: int) -> torch.Tensor:
    """Parts one after the other, without all of them beside the whole in memory."""
    whole, at = torch.empty(0), 0
    for part in parts:
        if not at:
            whole = part.new_empty((count, *part.shape[1:]))
        whole[at : at + len(part)] = part
        at += len(part)
    return whole


def _look_again(out: LabelOutput, place: LiverPlace, look: CloserLook, task: Job) -> None:
    count = len(place.slices)

    def tell(number: int) -> None:
        task.at(number / count, f"Looking closer at slice {number + 1} of {count}")

    _write(out.within(place.box), place.parts, look, look.head, look.engine, tell)


def _counting(slices: tuple[int, int], task: Job) -> Callable[[int], None]:
    first, last = slices

    def tell(number: int) -> None:
        done = number - first
        task.at(done / (last - first), f"Segmenting slice {done + 1} of {last - first}")

    return tell


def _write(
    out: LabelOutput,
    parts: Sequence[range],
    look: Callable[[Sequence[int]], Seen],
    head: Head,
    engine: Predictor,
    tell: Callable[[int], None],
) -> None:
    """Write the labels of slices, those of a batch while the next is computed; no batch is of two parts."""
    labels: DeviceLabels | None = None
    written, stop = parts[0].start, parts[-1].stop

    def label(some: Sequence[int]) -> Callable[[], int]:
        nonlocal labels
        tell(some[0])
        logits, rows, columns = look(some)
        if _works_beside_host(logits.device):
            if labels is None or labels.rows is not rows or labels.columns is not columns:
                labels = DeviceLabels(out, head, rows, columns)
            return labels.start(some[0], logits).finish
        out.write(some[0], logits, head, rows, columns)
        return lambda: some[-1] + 1

    def label_all() -> None:
        nonlocal written
        finish: Callable[[], int] | None = None
        left = (range(max(written, part.start), part.stop) for part in parts)
        for following in chain.from_iterable(engine.in_batches(part, label) for part in left):
            written, finish = finish() if finish else written, following
        written = finish() if finish else written

    while written < stop:
        place = engine.placement
        _, failure = attempt(label_all)
        if failure is not None and engine.placement == place:  # else it went to the CPU with a batch still on its way
            engine.recover(failure)


def _works_beside_host(place: torch.device) -> bool:
    """Whether a device goes on by itself, so that waiting for it is what costs time."""
    return place.type != "cpu"
