"""How often each HU occurs among voxels: all that means and percentiles need, in half a megabyte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LOWEST = int(np.iinfo(np.int16).min)
_VALUES = 2**16


class HuCounts:
    """Counts of each HU from -32768 to 32767; what is asked of them needs one voxel at least.

    Example:
        >>> counts = HuCounts()
        >>> counts.add(np.array([10, 20, 20, 30], np.int16))
        >>> counts.mean, counts.percentile(50)
        (20.0, 20.0)
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_VALUES, np.int64)

    def add(self, voxels: NDArray[np.int16]) -> None:
        """Count some more voxels, of any shape."""
        self._counts += np.bincount(voxels.ravel().astype(np.int64) - _LOWEST, minlength=_VALUES)

    @property
    def total(self) -> int:
        """How many voxels there are."""
        return int(self._counts.sum())

    @property
    def mean(self) -> float:
        return float(self._counts @ self._hounsfield / self.total)

    @property
    def deviation(self) -> float:
        """Population standard deviation."""
        return float(np.sqrt(self._counts @ (self._hounsfield - self.mean) ** 2 / self.total))

    @property
    def least(self) -> int:
        return int(np.flatnonzero(self._counts)[0]) + _LOWEST

    @property
    def greatest(self) -> int:
        return int(np.flatnonzero(self._counts)[-1]) + _LOWEST

    def percentile(self, percent: float) -> float:
        """Percentile, interpolated linearly as NumPy does."""
        cumulative = self._counts.cumsum()
        rank = percent / 100 * (cumulative[-1] - 1)
        below, above = (int(np.searchsorted(cumulative, at, side="right")) for at in (np.floor(rank), np.ceil(rank)))
        return _LOWEST + below + (above - below) * float(rank - np.floor(rank))

    @property
    def _hounsfield(self) -> NDArray[np.float64]:
        return np.arange(_VALUES, dtype=np.float64) + _LOWEST
