"""Which lesion of an earlier scan is which of a later one.

Lesions that overlap after registration are one or belong together: an overlap graph, since an assignment of one to one
cannot say that two lesions have merged. Where nothing overlaps, the nearest are paired by an assignment, and are to be
checked (Rochman et al. 2023 and Santoro-Fernandes et al. 2021 match by registration and overlap as well).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

Relation = Literal["one", "merged", "split", "unclear", "new", "was there", "gone", "not covered"]
Grade = Literal["certain", "likely", "check"]

NEAR_MM = 5.0
"""How far apart two lesions may lie after registration and still be one: what registration is off by at worst."""

_CERTAIN, _WEAK = 0.3, 0.1
"""Shares of the smaller lesion that overlap."""


@dataclass(frozen=True)
class Link:
    """Lesions that belong together, or one that has no partner.

    Args:
        earlier, later: numbers of the lesions in each scan, rising.
        relation: what became of them.
        grade: how sure that is.
        by_hand: whether a user said so.
    """

    earlier: tuple[int, ...]
    later: tuple[int, ...]
    relation: Relation
    grade: Grade
    by_hand: bool = False


@dataclass(frozen=True)
class Touch:
    """How two lesions lie to each other after registration.

    Args:
        overlap: share of the smaller one that they have in common.
        apart_mm: between their surfaces; 0 where they overlap.
    """

    overlap: float
    apart_mm: float


@dataclass(frozen=True)
class Places:
    """Two scans' lesions on one grid, that of the later scan, and where each scan has seen the liver.

    Args:
        earlier: numbers ``[k, j, i]`` of the earlier lesions, brought onto the grid; 0 elsewhere.
        later: the same of the later ones.
        spacing: millimetres along k, j and i.
        unseen_earlier: numbers of later lesions whose place the earlier scan does not show.
        unseen_later: numbers of earlier lesions whose place the later scan does not show.
        every_earlier: numbers of all earlier lesions, also of those that left no voxel on the grid.
        every_later: the same of the later ones.
    """

    earlier: NDArray[np.unsignedinteger]
    later: NDArray[np.unsignedinteger]
    spacing: tuple[float, float, float]
    every_earlier: Sequence[int]
    every_later: Sequence[int]
    unseen_earlier: frozenset[int] = field(default_factory=frozenset)
    unseen_later: frozenset[int] = field(default_factory=frozenset)


def match(places: Places, near_mm: float = NEAR_MM) -> tuple[Link, ...]:
    """Link lesions.

    Args:
        places: of the lesions.
        near_mm: how far apart lesions without an overlap may be paired.

    Returns:
        Every lesion in one link, by the later numbers, those that are gone last.
    """
    touches = measure_touches(places, near_mm)
    overlapping = _strong({pair: touch for pair, touch in touches.items() if touch.overlap > 0})
    groups = _groups(overlapping)
    links = [_link(earlier, later, overlapping) for earlier, later in groups]
    lone_earlier = [n for n in places.every_earlier if not any(n in link.earlier for link in links)]
    lone_later = [n for n in places.every_later if not any(n in link.later for link in links)]
    for before, after in _nearest(lone_earlier, lone_later, touches, near_mm):
        links.append(Link((before,), (after,), "one", "check"))
        lone_earlier.remove(before)
        lone_later.remove(after)
    links += [_lone_later(number, number in places.unseen_earlier) for number in lone_later]
    links += [_lone_earlier(number, number in places.unseen_later) for number in lone_earlier]
    return tuple(sorted(links, key=lambda link: (not link.later, link.later, link.earlier)))


def measure_touches(places: Places, near_mm: float = NEAR_MM) -> dict[tuple[int, int], Touch]:
    """How each earlier lesion lies to each later one that is not farther than ``near_mm`` from it."""
    found: dict[tuple[int, int], Touch] = {}
    margins = [int(np.ceil(near_mm / mm)) + 1 for mm in places.spacing]
    sizes = np.bincount(places.later.ravel()), np.bincount(places.earlier.ravel())
    for before, box in enumerate(ndimage.find_objects(places.earlier.astype(np.int32)), start=1):
        if box is None:
            continue
        near = tuple(
            slice(max(0, part.start - margin), part.stop + margin) for part, margin in zip(box, margins, strict=True)
        )
        mask, others = places.earlier[near] == before, places.later[near]
        if not others.any():
            continue
        away = ndimage.distance_transform_edt(~mask, sampling=places.spacing)
        for after in np.unique(others[others > 0]):
            there = others == after
            apart = float(away[there].min())
            if apart > near_mm:
                continue
            common = int(np.count_nonzero(there & mask))
            smaller = min(int(sizes[0][after]), int(sizes[1][before]))
            found[before, int(after)] = Touch(common / smaller, 0.0 if common else apart)
    return found


def _strong(touches: Mapping[tuple[int, int], Touch]) -> dict[tuple[int, int], Touch]:
    """Overlaps but for such as graze a lesion that overlaps with another one for good."""
    best: dict[tuple[str, int], float] = {}
    for (before, after), touch in touches.items():
        for key in (("earlier", before), ("later", after)):
            best[key] = max(best.get(key, 0.0), touch.overlap)
    return {
        (before, after): touch
        for (before, after), touch in touches.items()
        if touch.overlap >= _WEAK or touch.overlap >= max(best["earlier", before], best["later", after])
    }


def _groups(pairs: Iterable[tuple[int, int]]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Connected parts of the graph."""
    parts: list[tuple[set[int], set[int]]] = []
    for before, after in pairs:
        joined = [part for part in parts if before in part[0] or after in part[1]]
        merged = ({before}.union(*(part[0] for part in joined)), {after}.union(*(part[1] for part in joined)))
        parts = [part for part in parts if part not in joined] + [merged]
    return [(tuple(sorted(before)), tuple(sorted(after))) for before, after in parts]


def _link(earlier: tuple[int, ...], later: tuple[int, ...], touches: Mapping[tuple[int, int], Touch]) -> Link:
    least = min(touches[pair].overlap for pair in touches if pair[0] in earlier and pair[1] in later)
    if len(earlier) == len(later) == 1:
        return Link(earlier, later, "one", "certain" if least >= _CERTAIN else "likely")
    if len(earlier) > 1 and len(later) > 1:
        return Link(earlier, later, "unclear", "check")
    return Link(earlier, later, "merged" if len(later) == 1 else "split", "likely" if least >= _CERTAIN else "check")


def _nearest(
    earlier: Sequence[int], later: Sequence[int], touches: Mapping[tuple[int, int], Touch], near_mm: float
) -> list[tuple[int, int]]:
    """Pairs one to one with the least distances in sum, among those near enough."""
    if not earlier or not later:
        return []
    far = 1e6
    costs = np.full((len(earlier), len(later)), far)
    for row, before in enumerate(earlier):
        for column, after in enumerate(later):
            touch = touches.get((before, after))
            if touch is not None and touch.apart_mm <= near_mm:
                costs[row, column] = touch.apart_mm
    rows, columns = linear_sum_assignment(costs)
    return [
        (earlier[row], later[column]) for row, column in zip(rows, columns, strict=True) if costs[row, column] < far
    ]


def _lone_later(number: int, unseen: bool) -> Link:
    return Link((), (number,), "not covered" if unseen else "new", "check" if unseen else "likely")


def _lone_earlier(number: int, unseen: bool) -> Link:
    return Link((number,), (), "not covered" if unseen else "gone", "check" if unseen else "likely")
