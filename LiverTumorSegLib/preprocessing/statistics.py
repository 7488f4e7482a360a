"""Statistics of a data set's foreground."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

_LOWEST = int(np.iinfo(np.int16).min)
_VALUES = 2**16


@dataclass(frozen=True)
class ForegroundStatistics:
    """HU of all voxels with a label, named as the options of ``z_score`` over the foreground.

    Args:
        mean: of the voxels.
        deviation: population standard deviation.
        low: 0.5 percentile.
        high: 99.5 percentile.
    """

    mean: float
    deviation: float
    low: float
    high: float


def foreground_statistics(cases: Iterable[tuple[NDArray[np.int16], NDArray[np.uint8]]]) -> ForegroundStatistics:
    """Pool the labelled voxels of several patients, as nnU-Net does for CT (Isensee et al. 2021, Nature Methods 18).

    nnU-Net draws a sample of each patient's voxels; here all are counted, so a large liver weighs more. Percentiles are
    interpolated linearly, as NumPy does.

    Args:
        cases: voxels in HU and labels (0 background) of each patient, of one shape; one is held at a time.

    Raises:
        UserError: no voxel has a label.
    """
    counts = np.zeros(_VALUES, np.int64)
    for voxels, labels in cases:
        for plane, marked in zip(voxels, labels, strict=True):
            counts += np.bincount(plane[marked > 0].astype(np.int64) - _LOWEST, minlength=_VALUES)
    total = int(counts.sum())
    if not total:
        msg = "No voxel of these label volumes is labelled: choose patients whose liver was segmented."
        raise UserError(msg)
    hounsfield = np.arange(_VALUES, dtype=np.float64) + _LOWEST
    mean = float(counts @ hounsfield / total)
    deviation = float(np.sqrt(counts @ (hounsfield - mean) ** 2 / total))
    return ForegroundStatistics(mean, deviation, _percentile(counts, 0.5), _percentile(counts, 99.5))


def _percentile(counts: NDArray[np.int64], percent: float) -> float:
    cumulative = counts.cumsum()
    rank = percent / 100 * (cumulative[-1] - 1)
    below, above = (int(np.searchsorted(cumulative, at, side="right")) for at in (np.floor(rank), np.ceil(rank)))
    return _LOWEST + below + (above - below) * float(rank - np.floor(rank))
