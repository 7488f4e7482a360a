"""Medians of 3 x 3 and 5 x 5 pixels from minima and maxima of shifted slices: exact, branchless, on any device.

The columns of a square are sorted first, once for all squares that share them. Of a square with sorted columns whose
rows are then sorted, a value at 0-based (row, column) has (row + 1) (column + 1) values no greater than it, itself
included; one whose place shows it too small or too great for the median is not looked at again (the idea of the
networks of Devillard 1998, Fast median search).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import torch

Values = list[torch.Tensor]

_SORT = {
    3: ((0, 1), (1, 2), (0, 1)),
    5: ((0, 3), (1, 4), (0, 2), (1, 3), (0, 1), (2, 4), (1, 2), (3, 4), (2, 3)),
}
"""Comparators that sort so many values."""

_CANDIDATES_5 = ((3, 4), (2, 3, 4), (1, 2, 3), (0, 1, 2), (0, 1))
"""Ranks in each row of a square of 5 x 5 whose place leaves them a chance."""


def median(padded: torch.Tensor, size: int) -> torch.Tensor:
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
        return middle_of([_folded(torch.maximum, least), middle_of(middle), _folded(torch.minimum, greatest)])
    return middle_of([x for row, ranks in zip(rows, _CANDIDATES_5, strict=True) for x in _ranked_of_5(row, ranks)])


def middle_of(values: Values) -> torch.Tensor:
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
    """What has this rank once the value stands among the ascending ones."""
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
