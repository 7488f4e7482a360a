"""A first pass over few, coarse slices that finds the box the liver lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from ..core.labels import component_sizes
from ..core.progress import Job
from .label_assembly import refuse_infinite
from .predictor import Predictor
from .slice_cache import SliceCache

_SLICE_MM, _PIXEL_MM = 8.0, 2.0
_MARGIN_MM = 15.0
_SMALLEST_SHARE = 0.05


@dataclass(frozen=True)
class Box:
    """Slices, and rows and columns of the preprocessed slices, from the first to before the last."""

    slices: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]


def whole_box(store: SliceCache) -> Box:
    """The box that leaves nothing out."""
    return Box((0, store.count), (0, store.size[0]), (0, store.size[1]))


def find_liver(engine: Predictor, store: SliceCache, job: Job) -> Box | None:
    """Box of the liver with a margin, or None where the coarse pass finds no liver.

    Args:
        engine: the network.
        store: the volume's slices.
        job: told about every batch.
    """
    step = max(1, round(_SLICE_MM / store.slice_mm))
    numbers = range(min(step // 2, store.count - 1), store.count, step)

    def organ(batch: Sequence[int]) -> NDArray[np.bool_]:
        job.at(numbers.index(batch[0]) / len(numbers), "Looking for the liver")
        small = F.interpolate(store.channels(batch, engine.placement), size=_small(store), mode="bilinear")
        logits = engine(small)
        if engine.placement.may_overflow:
            refuse_infinite(logits)
        shown: NDArray[np.bool_] = (store.head.over_background(logits) > 0).any(dim=1).cpu().numpy()
        return shown

    kept = _large_parts(np.concatenate(list(engine.in_batches(numbers, organ))))
    if not kept.any():
        return None
    slices, rows, columns = _extent(kept)
    height, width = _small(store)
    first, last = numbers[slices[0]] - step, numbers[slices[1] - 1] + step + 1
    return Box(
        (max(0, first), min(store.count, last)),
        _widened(rows, height, store.size[0], store.spacing[0]),
        _widened(columns, width, store.size[1], store.spacing[1]),
    )


def _small(store: SliceCache) -> tuple[int, int]:
    """Rows and columns of the coarse pass."""
    rows, columns = (
        max(1, round(n * min(1.0, mm / _PIXEL_MM))) for n, mm in zip(store.size, store.spacing, strict=True)
    )
    return rows, columns


def _large_parts(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    parts, count = ndimage.label(found, np.ones((3, 3, 3)))
    sizes = component_sizes(parts, count)
    sizes[0] = 0
    return (sizes >= max(1, _SMALLEST_SHARE * sizes.max()))[parts]


def _extent(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    return [(s.start, s.stop) for s in ndimage.find_objects(mask.astype(np.uint8))[0]]


def _widened(span: tuple[int, int], coarse: int, size: int, spacing: float) -> tuple[int, int]:
    scale, margin = coarse / size, _MARGIN_MM / spacing
    return max(0, int(span[0] / scale - margin)), min(size, int(np.ceil(span[1] / scale + margin)))
