"""Numbers that lesions keep for as long as they exist, through corrections and other choices of candidates.

A segmentation numbers lesions by size, the largest first. From then on a new lesion gets the next number. The part of a
lesion that holds most of it keeps its number, and lesions that became one have the number of the largest of them. A
number that is free again is given to nothing but the same lesion, should it come back, as by an undo.
"""

from __future__ import annotations

import binascii
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.boxed import Boxed, unpacked
from ..core.labels import LIVER_LABEL
from ..core.volume import Box

MOST_GONE = 200
"""Lesions that are gone and can come back with their number; more than steps that can be undone."""

Numbered = tuple[int, Boxed]


@dataclass(frozen=True)
class LesionNumbers:
    """The lesions of a result by their numbers.

    Args:
        there: voxels of each lesion, bool, in a box of the CT's ``[k, j, i]``.
        gone: lesions that were there, the last one last.
        following: the number that the next new lesion gets.
    """

    there: Mapping[int, Boxed]
    gone: tuple[Numbered, ...] = ()
    following: int = 1

    @classmethod
    def of(cls, numbered: NDArray[np.unsignedinteger]) -> LesionNumbers:
        """The lesions of labels that are numbered for the first time.

        Args:
            numbered: ``[k, j, i]``: 0 background, 1 liver, 1 + n for lesion n.
        """
        there = dict(_lesions(numbered))
        return cls(there, (), 1 + max(there, default=0))

    def after(self, numbered: NDArray[np.unsignedinteger]) -> LesionNumbers:
        """The same result with other labels, numbered as :meth:`carried` says."""
        return self.replaced(self.there, dict(_lesions(numbered)))

    def replaced(self, changed: Collection[int], found: Mapping[int, Boxed]) -> LesionNumbers:
        """With other lesions in place of some.

        Args:
            changed: numbers of lesions that were there.
            found: those in their place.
        """
        kept = {number: lesion for number, lesion in self.there.items() if number not in changed}
        there = dict(sorted((kept | dict(found)).items()))
        left = [(number, lesion) for number, lesion in self.there.items() if number not in there]
        gone = [each for each in self.gone if each[0] not in there]
        return LesionNumbers(there, (*gone, *left)[-MOST_GONE:], max(self.following, 1 + max(there, default=0)))

    def carried(
        self, parts: NDArray[np.integer], at: Box, changed: Collection[int] | None = None
    ) -> NDArray[np.integer]:
        """Numbers of lesions as they are now.

        Args:
            parts: of a box of ``[k, j, i]``: 0, and 1 to n for a lesion each.
            at: the box.
            changed: numbers of the lesions that these may be; None for all.

        Returns:
            ``[0 to n]``, 0 for 0.
        """
        sizes = np.bincount(parts.reshape(-1))
        given = np.zeros(len(sizes), np.int64)
        for number, lesion in self._by_size(self.there if changed is None else changed):
            held = _overlaps(lesion, parts, at, len(sizes))
            heir = int(np.lexsort((-np.arange(len(held)), sizes, held))[-1]) if held.any() else 0
            if heir and not given[heir]:
                given[heir] = number
        for number, lesion in reversed(self.gone):
            held = 2 * _overlaps(lesion, parts, at, len(sizes))
            for part in np.flatnonzero((held > _size(lesion)) & (held > sizes) & (given == 0)):  # one at most
                given[part] = number
        new = sorted((part for part in range(1, len(sizes)) if not given[part]), key=lambda part: -sizes[part])
        given[new] = range(self.following, self.following + len(new))
        return given

    def _by_size(self, numbers: Iterable[int]) -> list[Numbered]:
        """These lesions, the largest first, of equal ones that of the lowest number."""
        return sorted(((number, self.there[number]) for number in numbers), key=lambda each: (-_size(each[1]), each[0]))

    def to_text(self) -> str:
        """As :func:`read_numbers` reads it."""
        content = {
            "following": self.following,
            "there": [[number, *lesion.packed()] for number, lesion in self.there.items()],
            "gone": [[number, *lesion.packed()] for number, lesion in self.gone],
        }
        return json.dumps(content)


def read_numbers(text: str, shape: tuple[int, ...]) -> LesionNumbers | None:
    """What :meth:`LesionNumbers.to_text` wrote; None where there is nothing, or it is not of a CT of this shape."""
    try:
        content = json.loads(text)
        there, gone = (
            [(int(number), unpacked(lesion, shape)) for number, *lesion in content[name]] for name in ("there", "gone")
        )
        following = int(content["following"])
    except (KeyError, TypeError, ValueError, OverflowError, zlib.error, binascii.Error):
        return None
    numbers = [number for number, _ in (*there, *gone)]
    if min(numbers, default=1) < 1 or len(set(numbers)) < len(numbers) or following <= max(numbers, default=0):
        return None
    return LesionNumbers(dict(there), tuple(gone), following)


def _lesions(numbered: NDArray[np.unsignedinteger]) -> Iterator[Numbered]:
    """Lesions by their numbers; by NumPy alone, since Slicer has no SciPy before the module's packages are there."""
    at = np.flatnonzero(numbered > LIVER_LABEL)
    if not len(at):
        return
    values = numbered.reshape(-1)[at]
    order = np.argsort(values, kind="stable")
    numbers, first = np.unique(values[order], return_index=True)
    for number, own in zip(numbers.tolist(), np.split(at[order], first[1:]), strict=True):
        places = np.stack(np.unravel_index(own, numbered.shape))
        low, high = places.min(axis=1), places.max(axis=1) + 1
        mask = np.zeros(high - low, np.bool_)
        mask[tuple(places - low[:, None])] = True
        yield number - LIVER_LABEL, Boxed(_box(zip(low.tolist(), high.tolist(), strict=True)), mask)


def _size(lesion: Boxed) -> int:
    return int(np.count_nonzero(lesion.values))


def _overlaps(lesion: Boxed, parts: NDArray[np.integer], at: Box, count: int) -> NDArray[np.intp]:
    """Voxels of a lesion in each part, none in what is no part."""
    shared = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(lesion.box, at, strict=True)]
    if any(start >= stop for start, stop in shared):
        return np.zeros(count, np.intp)
    here, there = (
        tuple(slice(start - side.start, stop - side.start) for (start, stop), side in zip(shared, box, strict=True))
        for box in (at, lesion.box)
    )
    held = np.bincount(parts[here][lesion.values[there]], minlength=count)
    held[0] = 0
    return held


def _box(sides: Iterable[tuple[int, int]]) -> Box:
    k, j, i = (slice(start, stop) for start, stop in sides)
    return k, j, i
