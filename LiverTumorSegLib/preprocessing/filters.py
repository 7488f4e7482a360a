"""Steps that look at a pixel's neighbours: median and Gaussian; beyond the border, slices are mirrored.

Medians of 3 x 3 and 5 x 5 pixels come from minima and maxima of shifted slices: exact, branchless, on any device. The
columns of a square are sorted first, once for all squares that share them. Of a square with sorted columns whose rows
are then sorted, a value at 0-based (row, column) has (row + 1) (column + 1) values no greater than it, itself included;
one whose place shows it too small or too great for the median is not looked at again (the idea of the networks of
Devillard 1998, Fast median search).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional as F

from .slices import Slices, map_slices
from .step import Step

Values = list[torch.Tensor]

_SORT = {
    3: ((0, 1), (1, 2), (0, 1)),
    5: ((0, 3), (1, 4), (0, 2), (1, 3), (0, 1), (2, 4), (1, 2), (3, 4), (2, 3)),
}
"""Comparators that sort so many values."""

_CANDIDATES_5 = ((3, 4), (2, 3, 4), (1, 2, 3), (0, 1, 2), (0, 1))
"""Ranks in each row of a square of 5 x 5 whose place leaves them a chance."""


def median_of_squares(padded: torch.Tensor, size: int) -> torch.Tensor:
    """Median of each square.

    Args:
        padded: ``[slice, row + size - 1, column + size - 1]``.
        size: of the squares, 3 or 5.

    Returns:
        ``[slice, row, column]``.
    """
    rows = _sorted(_shifted(padded, size, -2))
    if size == 3:
        least, middle, greatest = (_shifted(row, 3, -1) for row in rows)
        return median_of_values(
            [_folded(torch.maximum, least), median_of_values(middle), _folded(torch.minimum, greatest)]
        )
    return median_of_values(
        [x for row, ranks in zip(rows, _CANDIDATES_5, strict=True) for x in _ranked_of_5(row, ranks)]
    )


def median_of_values(values: Values) -> torch.Tensor:
    """Median of an odd number of values: of just too many to hold it at an end, the extremes go and another comes."""
    held = len(values) // 2 + 2
    kept = _without_extremes(values[:held])
    for value in values[held:]:
        kept = _without_extremes([*kept, value])
    return kept[0]


def _without_extremes(values: Values) -> Values:
    """All but the least and the greatest: those are among the lesser and the greater of each pair."""
    half = len(values) // 2
    pairs, alone = list(zip(values[:half], values[half : 2 * half], strict=True)), values[2 * half :]
    lesser, greater = ([choose(*pair) for pair in pairs] for choose in (torch.minimum, torch.maximum))
    greater = _without_last(torch.minimum, torch.maximum, alone + greater)
    lesser = _without_last(torch.maximum, torch.minimum, lesser + greater[: len(alone)])
    return lesser + greater[len(alone) :]


def _without_last(keep: Callable, carry: Callable, values: Values) -> Values:
    """All but the value that ``carry`` prefers to any other."""
    return [keep(carried, value) for carried, value in zip(accumulate(values[:-1], carry), values[1:], strict=True)]


def _sorted(values: Values) -> Values:
    values = list(values)
    for low, high in _SORT[len(values)]:
        pair = values[low], values[high]
        values[low], values[high] = torch.minimum(*pair), torch.maximum(*pair)
    return values


def _ranked_of_5(row: torch.Tensor, ranks: Sequence[int]) -> Values:
    """Values of these ranks among each five neighbours in a row; four of them are sorted from two sorted pairs."""
    lesser, greater = torch.minimum(row[..., :-1], row[..., 1:]), torch.maximum(row[..., :-1], row[..., 1:])
    count = row.shape[-1] - 4
    (low, other_low), (high, other_high) = ((x[..., :count], x[..., 2 : 2 + count]) for x in (lesser, greater))
    inner = torch.maximum(low, other_low), torch.minimum(high, other_high)
    four = torch.minimum(low, other_low), torch.minimum(*inner), torch.maximum(*inner), torch.maximum(high, other_high)
    return [_inserted(row[..., 4:], four, rank) for rank in ranks]


def _inserted(value: torch.Tensor, ascending: Sequence[torch.Tensor], rank: int) -> torch.Tensor:
    """The value of this rank once the new one stands among the ascending ones."""
    if rank > 0:
        value = torch.maximum(value, ascending[rank - 1])
    return torch.minimum(value, ascending[rank]) if rank < len(ascending) else value


def _shifted(values: torch.Tensor, size: int, axis: int) -> Values:
    count = values.shape[axis] - size + 1
    return [values.narrow(axis, start, count) for start in range(size)]


def _folded(choose: Callable, values: Values) -> torch.Tensor:
    first, second, third = values
    folded: torch.Tensor = choose(choose(first, second), third)
    return folded


def mirrored_positions(count: int, before: int, after: int, device: torch.device) -> torch.Tensor:
    """Positions ``-before`` to ``count + after`` as positions of the axis, mirrored at its first and last pixel."""
    period = max(1, 2 * (count - 1))
    positions = torch.arange(-before, count + after, device=device).remainder(period)
    return torch.minimum(positions, (period - positions) % period)


def pad_mirrored(planes: torch.Tensor, margin: int) -> torch.Tensor:
    """Slices ``[slice, row, column]`` with a mirrored margin on every side, which may be wider than they are."""
    if margin < min(planes.shape[-2:]):
        return F.pad(planes, [margin] * 4, mode="reflect")
    rows, columns = (mirrored_positions(count, margin, margin, planes.device) for count in planes.shape[-2:])
    return planes.index_select(-2, rows).index_select(-1, columns)


_REACH = 4
"""Standard deviations to which a Gaussian is followed, as SciPy does."""

_STRIP = 2**16
"""Pixels of which a CPU's cache holds the thirty tensors that a median of 5 x 5 goes through at once."""


class Median(Step):
    """Median of ``size`` x ``size`` pixels: the same as SciPy's ``median_filter`` with ``mode="mirror"``."""

    step: Literal["median"] = "median"
    size: Literal[3, 5] = 3

    def _apply(self, slices: Slices) -> Slices:
        return slices.with_pixels(map_slices(self._filter, slices.pixels))

    def _filter(self, planes: torch.Tensor, out: torch.Tensor) -> None:
        padded = pad_mirrored(planes, self.size // 2)
        rows = max(1, _STRIP // planes.shape[2]) if planes.is_cpu else planes.shape[1]
        for start in range(0, planes.shape[1], rows):
            out[:, start : start + rows] = median_of_squares(padded[:, start : start + rows + self.size - 1], self.size)


class Gaussian(Step):
    """Smooth with a Gaussian.

    Args:
        sigma: standard deviation in pixels.
    """

    step: Literal["gaussian"] = "gaussian"
    sigma: float = Field(gt=0, le=100)

    def _apply(self, slices: Slices) -> Slices:
        return slices.with_pixels(smoothed(slices.pixels, self.sigma))


def smoothed(pixels: torch.Tensor, sigma: float) -> torch.Tensor:
    """Smooth with a Gaussian: SciPy's ``gaussian_filter`` with ``mode="mirror"``, to float32's rounding.

    It serves for probabilities, too: to compare their system with that of Korabelnikov et al., Elmenabawy et al.
    (section III.E) smooth what the latter finds with a variance of 0.25, a ``sigma`` of 0.5.

    Args:
        pixels: float ``[..., row, column]``.
        sigma: standard deviation in pixels.
    """
    return map_slices(partial(_smooth, weights=_half_kernel(sigma)), pixels)


def _half_kernel(sigma: float) -> list[float]:
    """Weights of the pixel itself and of those at 1, 2, … pixels to either side."""
    radius = int(_REACH * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    half: list[float] = (weights / (2 * weights.sum() - weights[0])).tolist()
    return half


def _smooth(planes: torch.Tensor, out: torch.Tensor, weights: list[float]) -> None:
    """Weighted sums of shifted slices, by rows, then by columns: several times faster than a convolution on a CPU."""
    radius = len(weights) - 1
    wide = pad_mirrored(planes, radius)
    for axis in (-2, -1):
        count = wide.shape[axis] - 2 * radius
        total = wide.narrow(axis, radius, count) * weights[0]
        for distance, weight in enumerate(weights[1:], start=1):
            before, after = (wide.narrow(axis, radius + sign * distance, count) for sign in (-1, 1))
            total.add_(before + after, alpha=weight)
        wide = total
    out.copy_(wide)
