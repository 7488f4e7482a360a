"""Outlines of what is marked in a slice, along the edges of its pixels, so that filling them gives the pixels back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Loop = list[tuple[int, int]]
_TURNS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Directions of (row, column), each a quarter turn from the one before."""


def outlines(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """One closed polygon for each part that hangs together through the edges of its pixels.

    A hole is taken out of its polygon by a channel of no width, the keyhole of DICOM PS3.3, section C.8.8.6.3.

    Args:
        mask: ``[row, column]``.

    Yields:
        ``[point, (row, column)]`` with pixel centres at whole numbers; the last point joins the first one.
    """
    parts, _ = ndimage.label(mask)
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        own = parts[box] == number
        outer, *holes = sorted(_loops(own), key=_area, reverse=True)
        corner = (box[0].start, box[1].start)
        yield np.array(_with_keyholes(outer, holes), float) + corner - 0.5


def _loops(part: NDArray[np.bool_]) -> Iterator[Loop]:
    """Corners of pixels around a part, one way, and around each of its holes, the other way.

    Where two pixels touch by a corner alone, the outline turns to the pixel that it has followed.
    """
    leaving = _edges(part)
    while leaving:
        at = next(iter(leaving))
        heading = min(leaving[at])
        passed: list[tuple[tuple[int, int], int]] = []
        while at in leaving:
            sharper = (heading - 1) % len(_TURNS)
            heading = sharper if sharper in leaving[at] else next(iter(leaving[at]))
            passed.append((at, heading))
            leaving[at].remove(heading)
            if not leaving[at]:
                del leaving[at]
            at = (at[0] + _TURNS[heading][0], at[1] + _TURNS[heading][1])
        yield [corner for number, (corner, to) in enumerate(passed) if to != passed[number - 1][1]]


def _edges(part: NDArray[np.bool_]) -> dict[tuple[int, int], set[int]]:
    """Directions in which the outline leaves each corner of a pixel."""
    leaving: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    padded = np.pad(part, 1)
    inside = padded[1:-1, 1:-1]
    sides = (
        (padded[1:-1, :-2], (0, 0), 0),
        (padded[2:, 1:-1], (1, 0), 1),
        (padded[1:-1, 2:], (1, 1), 2),
        (padded[:-2, 1:-1], (0, 1), 3),
    )
    for beside, (row, column), heading in sides:
        for at in np.argwhere(inside & ~beside).tolist():
            leaving[at[0] + row, at[1] + column].add(heading)
    return dict(leaving)


def _area(loop: Loop) -> float:
    """With the sign of its direction."""
    rows, columns = np.array(loop, float).T
    return float(np.dot(rows, np.roll(columns, -1)) - np.dot(columns, np.roll(rows, -1))) / 2


def _with_keyholes(outer: Loop, holes: list[Loop]) -> Loop:
    made = outer
    for hole in holes:
        first = min(range(len(hole)), key=hole.__getitem__)
        corner = np.array(hole[first])
        nearest = int(np.abs(np.array(made) - corner).sum(1).argmin())
        round_it = [*hole[first:], *hole[: first + 1]]
        made = [*made[: nearest + 1], *round_it, *made[nearest:]]
    return made
