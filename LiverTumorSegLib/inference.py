"""From a volume and a model to labels on the volume's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from . import coarse
from .coarse import Box
from .device import Placement, cpu, place
from .engine import Engine, is_out_of_memory
from .errors import UserError
from .model import Description, Model
from .postprocessing import Postprocessing, clean
from .progress import CancelToken, Job, Progress, job
from .slice_store import SliceStore
from .volume import Volume


@dataclass(frozen=True)
class Options:
    """How to segment.

    Args:
        coarse_pass: first find the liver on coarse slices, then segment its box alone.
        batch: slices a batch, None for the device's usual number.
        postprocessing: clean-up, None for the model's own.
        precision: of weights and activations, see :func:`LiverTumorSegLib.device.place`.
    """

    coarse_pass: bool = True
    batch: int | None = None
    postprocessing: Postprocessing | None = None
    precision: str = "auto"


@dataclass(frozen=True)
class Segmentation:
    """What came out, and how.

    Args:
        labels: uint8 ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 2 lesion.
        volume: what was segmented.
        model: by which model.
        device: where, and in which precision.
        options: how; the postprocessing is the one that ran.
        notes: fallbacks and what was not found, a sentence each.
        seconds: time taken.
    """

    labels: NDArray[np.uint8]
    volume: Volume
    model: Description
    device: str
    options: Options
    notes: tuple[str, ...]
    seconds: float = field(compare=False)


@torch.inference_mode()
def segment(
    volume: Volume,
    model: Model,
    device: str = "auto",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    *,
    options: Options = Options(),
) -> Segmentation:
    """Segment the liver and its lesions.

    Args:
        volume: CT in HU, in any orientation.
        model: from :func:`LiverTumorSegLib.model.load`.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``mps``.
        progress: told the fraction done and what is being done.
        cancel: checked before every batch.
        options: coarse pass, batch and postprocessing.

    Raises:
        UserError: the device is not there, or has too little memory for a single slice.
        Cancelled: ``cancel`` was used; answered within one batch.
    """
    began, task = perf_counter(), job(progress, cancel)
    engine, store = _prepare(volume, model, place(device, options.precision), options)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    seen = volume.axial.of(labels)
    _label(seen, volume.axial.spacing[0], store, engine, options, task.part(0, 0.95))
    task.at(0.95, "Cleaning up")
    cleaning = options.postprocessing or model.description.postprocessing
    clean(seen, volume.voxel_ml, cleaning)
    notes = tuple(engine.notes) if labels.any() else (*engine.notes, "No liver was found.")
    task.at(1, "Done")
    return Segmentation(
        labels,
        volume,
        model.description,
        str(engine.placement),
        replace(options, postprocessing=cleaning),
        notes,
        perf_counter() - began,
    )


def _prepare(volume: Volume, model: Model, placement: Placement, options: Options) -> tuple[Engine, SliceStore]:
    view, spacing = volume.axial.of(volume.voxels), volume.axial.spacing
    try:
        engine = Engine(model.network, placement, options.batch)
        return engine, SliceStore(view, spacing, model.description, engine.placement)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if placement.device == cpu().device:
            msg = "There is not enough memory for this volume: close other programs, or cut the volume."
            raise UserError(msg) from error
        note = f"{placement.device} has too little memory for this volume: running on the CPU."
        return _prepare(volume, model, cpu(note), options)


def _label(
    out: NDArray[np.uint8], slice_mm: float, store: SliceStore, engine: Engine, options: Options, task: Job
) -> None:
    box, rest = coarse.whole(len(out), store), task
    if options.coarse_pass:
        box = coarse.find_liver(engine, store, len(out), slice_mm, task.part(0, 0.2)) or box
        rest = task.part(0.2, 1)
    _label_box(out, box, store, engine, rest)


def _label_box(out: NDArray[np.uint8], box: Box, store: SliceStore, engine: Engine, task: Job) -> None:
    first, last = box.slices

    def label(numbers: Sequence[int]) -> None:
        done = numbers[0] - first
        task.at(done / (last - first), f"Segmenting slice {done + 1} of {last - first}")
        channels = store.channels(numbers, engine.placement)[..., slice(*box.rows), slice(*box.columns)]
        _write_labels(out[numbers[0] : numbers[-1] + 1], engine(channels), box, store.size)

    for _ in engine.in_batches(range(first, last), label):
        pass


def _write_labels(out: NDArray[np.uint8], logits: torch.Tensor, box: Box, prepared: tuple[int, int]) -> None:
    """Write the largest logit's label on the volume's own rows and columns.

    Logits are interpolated as differences to the background, one channel less, and only around pixels where one is
    positive: between others none can be.
    """
    over = (logits[:, 1:] - logits[:, :1]).float()
    positive = (over > 0).flatten(0, 1).any(dim=0)
    if not positive.any():
        return
    spans = []
    for axis, start in enumerate((box.rows[0], box.columns[0])):
        shown = torch.nonzero(positive.any(dim=1 - axis)).flatten()
        low, high = max(0, int(shown[0]) - 1), min(positive.shape[axis], int(shown[-1]) + 2)
        over = over.narrow(axis + 2, low, high - low)
        spans.append(_Span((start + low, start + high), prepared[axis], out.shape[axis + 1]))
    rows, columns = spans
    over = columns.interpolate(rows.interpolate(over.contiguous(), 2), 3)
    out[:, rows.begin : rows.end, columns.begin : columns.end] = _largest(over).cpu().numpy()


class _Span:
    """Rows (or columns) of the volume that a span of preprocessed rows covers, and where they fall in it."""

    def __init__(self, span: tuple[int, int], prepared: int, own: int) -> None:
        ratio = prepared / own
        self.begin, self.end = int(np.ceil(span[0] / ratio - 1e-6)), int(span[1] / ratio + 1e-6)
        at = (np.arange(self.begin, self.end) + 0.5) * ratio - 0.5 - span[0]
        at = at.clip(0, span[1] - span[0] - 1)
        self.lower = torch.from_numpy(np.floor(at).astype(np.int64))
        self.upper = (self.lower + 1).clamp_max(span[1] - span[0] - 1)
        self.weight = torch.from_numpy((at - np.floor(at)).astype(np.float32))

    def interpolate(self, values: torch.Tensor, dimension: int) -> torch.Tensor:
        lower, upper, weight = (x.to(values.device) for x in (self.lower, self.upper, self.weight))
        weight = weight.to(values.dtype).reshape([-1] + [1] * (values.ndim - dimension - 1))
        below, above = values.index_select(dimension, lower), values.index_select(dimension, upper)
        return torch.lerp(below, above, weight)


def _largest(over: torch.Tensor) -> torch.Tensor:
    """Label of the largest logit, uint8: comparing is some fifty times faster on a CPU than ``argmax``."""
    labels = torch.zeros(over[:, 0].shape, dtype=torch.uint8, device=over.device)
    best = torch.zeros_like(over[:, 0])
    for number in range(over.shape[1]):
        labels.masked_fill_(over[:, number] > best, number + 1)
        best = torch.maximum(best, over[:, number])
    return labels
