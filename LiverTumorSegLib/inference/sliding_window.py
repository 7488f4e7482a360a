"""Networks that see volumes: resampled to a standard spacing, segmented in overlapping patches, put back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, prod

import torch
from monai.inferers import sliding_window_inference

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
    total = prod(
        ceil(max(0, n - size) / max(1, int(size * (1 - patches.overlap)))) + 1
        for n, size in zip(pixels.shape[2:], patches.size, strict=True)
    )
    if total > _MOST_PATCHES:
        msg = (
            f"The model would look at {total:,} parts of this volume, which takes days: its patches are too small or "
            "overlap too much, so use another model."
        )
        raise UserError(msg)
    voxels = prod(max(n, size) for n, size in zip(pixels.shape[2:], patches.size, strict=True))
    on_host = pixels.device.type != engine.placement.device.type
    engine.fit_batch(patches.size, 0 if on_host else _SUM_BYTES * (engine.classes + 1) * voxels)
    done = 0

    def predict(windows: torch.Tensor) -> torch.Tensor:
        nonlocal done

        def work(numbers: Sequence[int]) -> torch.Tensor:
            first = done + numbers[0]
            task.at(min(1, first / total), f"Segmenting part {min(first + 1, total)} of {total}")
            chosen = windows[numbers[0] : numbers[-1] + 1]
            return engine(chosen.to(engine.placement.device, engine.placement.dtype)).float()

        logits = list(engine.in_batches(range(len(windows)), work, engine.halve))
        done += len(windows)
        return logits[0] if len(logits) == 1 else torch.cat(logits)

    logits: torch.Tensor = sliding_window_inference(
        pixels,
        patches.size,
        engine.batch,
        predict,
        patches.overlap,
        "gaussian",
        padding_mode="replicate",
        sw_device=engine.placement.device,
        device=pixels.device,
    )
    return logits[0]


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
