"""Are these numbers Hounsfield units? And their way to int16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import UserError

_AIR, _FAT, _FEW = -500, (-200, -20), 0.005
_LIMITS = np.iinfo(np.int16)


@np.errstate(over="ignore", invalid="ignore")  # what is not finite is refused below, in words
def to_int16(stored: NDArray, path: Path, *, slope: float = 1.0, intercept: float = 0.0) -> NDArray[np.int16]:
    """Turn stored voxels into HU, rounded and clipped to int16, one slice at a time to spare memory.

    Args:
        stored: ``[k, j, i]`` of any real type; returned as it is when nothing has to be done.
        path: file that an error names.
        slope: what stored numbers are multiplied by.
        intercept: what is then added.

    Raises:
        UserError: a voxel is NaN or infinite.
    """
    if stored.dtype.newbyteorder("=") == np.int16 and slope == 1 and intercept == 0:
        return stored.astype(np.int16, copy=False)
    hounsfield = np.empty(stored.shape, np.int16)
    for values, out in zip(stored, hounsfield, strict=True):
        scaled = values.astype(np.float64) * slope + intercept
        if not np.isfinite(scaled).all():
            msg = (
                f"{path} holds voxels that are NaN or infinite: have them interpolated (--damaged interpolate on the "
                "command line), or replace them, for example by -1000 HU (air)."
            )
            raise UserError(msg)
        out[:] = np.clip(np.rint(scaled), _LIMITS.min, _LIMITS.max)
    return hounsfield


def doubt(voxels: NDArray[np.int16]) -> str | None:
    """Say why voxels do not look like Hounsfield units, or None where they may be.

    Below water, CT has fat between its organs, also where a window was clipped; MR, probability maps and CT stored
    without its offset have nothing there, whatever they were padded with. Volumes that are constant or all air pass.
    """
    sample = voxels[:: max(1, voxels.shape[0] // 64), ::2, ::2]
    tissue = sample[sample > _AIR]
    if tissue.size < _FEW * sample.size or tissue.min() == tissue.max():
        return None
    low, middle, high = (float(x) for x in np.percentile(tissue, (0.5, 50, 99.5)))
    if np.mean((tissue >= _FAT[0]) & (tissue <= _FAT[1])) < _FEW:
        return f"almost no voxel lies between {_FAT[0]} and {_FAT[1]}, where fat is in CT"
    if high - low < 60 and abs(middle) < 60:
        return f"the voxels span only {low:.0f} to {high:.0f}, as if they had been normalised"
    return None
