"""What lies beyond a slice's border: its mirror image, as in SciPy's ``mode="mirror"``."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def mirrored(count: int, before: int, after: int, device: torch.device) -> torch.Tensor:
    """Positions ``-before`` to ``count + after`` as positions of the axis, mirrored at its first and last pixel."""
    period = max(1, 2 * (count - 1))
    positions = torch.arange(-before, count + after, device=device).remainder(period)
    return torch.minimum(positions, (period - positions) % period)


def with_border(planes: torch.Tensor, margin: int) -> torch.Tensor:
    """Slices ``[slice, row, column]`` with a mirrored margin on every side, which may be wider than they are."""
    if margin < min(planes.shape[-2:]):
        return F.pad(planes, [margin] * 4, mode="reflect")
    rows, columns = (mirrored(count, margin, margin, planes.device) for count in planes.shape[-2:])
    return planes.index_select(-2, rows).index_select(-1, columns)
