"""Networks that see volumes: resampled to a standard spacing, segmented in overlapping patches, put back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

import torch
from torch.nn import functional as F

from ..core.device_failure import may_be_out_of_memory
from ..core.errors import UserError
from ..core.progress import Job
from ..models.description import Patches
from ..preprocessing.resampling import resample_to_shape, standard_shape
from .label_assembly import Axis, LabelOutput, Span
from .predictor import Predictor, attempt
from .slice_cache import SliceCache

_SLICES = 8
_SUM_BYTES = 4
"""Of a voxel in the sums of the patches' logits, and in that of their weights: float32."""

_MOST_PATCHES = 100_000
_SIGMA, _LEAST_WEIGHT = 1 / 8, 1e-3


def segment_in_patches(out: LabelOutput, store: SliceCache, patches: Patches, engine: Predictor, task: Job) -> None:
    """Segment every slice of a volume with a network that takes patches.

    Overlapping patches are blended with Gaussian weights, since a network sees less around a patch's border.

    Args:
        out: written in place.
        store: the volume's slices.
        patches: spacing and size that the network is used to.
        engine: the network.
        task: told about every batch of slices, and every patch.
    """
    on_host = False
    while True:
        _, failure = attempt(lambda on_host=on_host: _segment(out, store, patches, engine, task, on_host=on_host))  # type: ignore[misc]
        if failure is None:
            return
        place = engine.placement.device
        if may_be_out_of_memory(failure) and not on_host and not engine.placement.is_last_resort:
            on_host = True
            engine.free_memory()
            engine.notes.append(
                f"{place} ran out of memory: the volume is kept in the host's memory, its parts are not."
            )
        else:
            engine.batch = 1  # what fewer patches at a time could mend is mended by now
            engine.recover(failure)
        out.clear()


def _segment(
    out: LabelOutput, store: SliceCache, patches: Patches, engine: Predictor, task: Job, *, on_host: bool
) -> None:
    pixels = _standardised(store, patches, engine, task.part(0, 0.1), on_host=on_host)
    logits = predict_patches(pixels, patches, engine, task.part(0.1, 0.9))
    _write(out, logits, store, task.part(0.9, 1))


def _standardised(
    store: SliceCache, patches: Patches, engine: Predictor, task: Job, *, on_host: bool = False
) -> torch.Tensor:
    """The volume ``[1, channel, slice, row, column]`` at the standard spacing."""
    shape = standard_shape((store.count, *store.size), (store.slice_mm, *store.spacing), patches.spacing_mm)

    def batches() -> Iterator[torch.Tensor]:
        for start in range(0, store.count, _SLICES):
            task.at(start / store.count, "Preprocessing")
            channels = store.channels(range(start, min(start + _SLICES, store.count)), engine.placement)
            yield channels.cpu() if on_host else channels

    return resample_to_shape(batches(), shape)


def predict_patches(pixels: torch.Tensor, patches: Patches, engine: Predictor, task: Job) -> torch.Tensor:
    """Logits ``[class, slice, row, column]`` of a whole volume, from overlapping patches of it.

    A GPU computes as many patches at a time as it has memory for, and half as many where that runs out after all; each
    has the share in the sums that it has alone.

    Args:
        pixels: ``[1, channel, slice, row, column]``, preprocessed and at the standard spacing; the logits are put
            together where they are.
        patches: their size and overlap.
        engine: the network.
        task: told about every batch of patches.

    Raises:
        RuntimeError: memory ran out for a single patch, among other reasons.
        UserError: there are more patches than anybody would wait for.
    """
    windows = _Windows.over(pixels.shape[2:], patches)
    total = windows.count
    if total > _MOST_PATCHES:
        msg = (
            f"The model would look at {total:,} parts of this volume, which takes days: its patches are too small or "
            "overlap too much, so use another model."
        )
        raise UserError(msg)
    on_host = pixels.device.type != engine.placement.device.type
    engine.fit_batch(patches.size, 0 if on_host else _SUM_BYTES * (engine.classes + 1) * prod(windows.shape))

    def work(numbers: Sequence[int]) -> torch.Tensor:
        task.at(numbers[0] / total, f"Segmenting part {numbers[0] + 1} of {total}")
        chosen = torch.cat([seen[(slice(None), slice(None), *places[number])] for number in numbers])
        return engine(chosen.to(engine.placement.device, engine.placement.dtype)).float()

    seen, places = windows.pad(pixels), list(windows.places())
    weight = _gaussian_weight(patches.size, engine.placement.device)
    sums = pixels.new_zeros(engine.classes, *windows.shape)
    weights = pixels.new_zeros(windows.shape)
    for place in places:
        weights[place] += weight.to(weights.device)
    done = 0
    for logits in engine.in_batches(range(total), work, engine.halve):
        for each in logits.mul_(weight).to(sums.device):
            sums[(slice(None), *places[done])] += each
            done += 1
    sums /= weights
    return windows.unpad(sums)


@dataclass(frozen=True)
class _Windows:
    """Overlapping patches of a volume, which is padded where it is smaller than one.

    Args:
        starts: first voxel of each patch along each axis.
        size: of a patch.
        shape: of the padded volume.
        before: voxels before the volume along each axis.
        own: shape of the volume.
    """

    starts: tuple[Sequence[int], ...]
    size: Sequence[int]
    shape: tuple[int, ...]
    before: tuple[int, ...]
    own: tuple[int, ...]

    @classmethod
    def over(cls, own: Sequence[int], patches: Patches) -> _Windows:
        shape = tuple(max(n, side) for n, side in zip(own, patches.size, strict=True))
        starts = tuple(_starts(n, side, patches.overlap) for n, side in zip(shape, patches.size, strict=True))
        before = tuple((whole - n) // 2 for whole, n in zip(shape, own, strict=True))
        return cls(starts, patches.size, shape, before, tuple(own))

    @property
    def count(self) -> int:
        return prod(map(len, self.starts))

    def places(self) -> Iterator[tuple[slice, ...]]:
        for starts in product(*self.starts):
            yield tuple(slice(at, at + side) for at, side in zip(starts, self.size, strict=True))

    def pad(self, pixels: torch.Tensor) -> torch.Tensor:
        both = [
            (before, whole - n - before) for before, whole, n in zip(self.before, self.shape, self.own, strict=True)
        ]
        pads = [count for pair in reversed(both) for count in pair]
        return F.pad(pixels, pads, "replicate") if any(pads) else pixels

    def unpad(self, values: torch.Tensor) -> torch.Tensor:
        places = (slice(at, at + n) for at, n in zip(self.before, self.own, strict=True))
        return values[(slice(None), *places)]


def _starts(length: int, side: int, overlap: float) -> Sequence[int]:
    step, last = max(1, int(side * (1 - overlap))), length - side
    return [min(number * step, last) for number in range(ceil(last / step) + 1)]


def _gaussian_weight(size: Sequence[int], device: torch.device) -> torch.Tensor:
    """How much each voxel of a patch counts: a Gaussian of an eighth of its side, 1 in the middle, 0.001 at least.

    Returns:
        ``[*size]``, float32.
    """
    weight = torch.ones((), device=device)
    for side in size:
        distance = torch.arange(side, dtype=torch.float32, device=device) - (side - 1) / 2
        weight = weight[..., None] * torch.exp(distance**2 / (-2 * (side * _SIGMA) ** 2))
    return weight.clamp_(min=max(float(weight.min()), _LEAST_WEIGHT))


def _write(out: LabelOutput, logits: torch.Tensor, store: SliceCache, task: Job) -> None:
    depth, *plane = logits.shape[1:]
    slices = Span(0, depth, Axis(store.count, store.count / depth))
    rows, columns = (
        Span(0, now, Axis(axis.own, axis.step * before / now, axis.origin))
        for axis, before, now in zip(store.axes, store.size, plane, strict=True)
    )
    for start in range(0, store.count, _SLICES):
        task.at(start / store.count, "Writing labels")
        numbers = range(start, min(start + _SLICES, store.count))
        chosen = slices.interpolate(logits, 1, numbers).transpose(0, 1)
        out.write(start, chosen, store.head, rows, columns)
