"""Labels under correction and their measures, of which those alone are taken again that a change can have changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.boxed import Boxed
from ..core.labels import LESION_LABEL, LIVER_LABEL, absolute_box, enclosing_box, relative_box, widened_box
from ..core.volume import Box, Volume
from .lesion import Lesion, measure_lesion
from .lesion_numbers import LesionNumbers
from .lesions import LesionTable, collect_measures, measure_lesions, number_lesions
from .organ import Organ, Surface


class MeasuredLabels:
    """Labels that change box by box, and their measures, which are those of the whole at any time.

    A lesion is measured again where its voxels changed. Where liver and lesions together have another shape, so that
    their surface is another, the depths of all lesions are measured again, too.

    Args:
        labels: ``[k, j, i]`` on the volume's grid: 0 background, 1 liver, 2 lesion; they are copied.
        volume: the CT.
        marks, probabilities, region, numbers: as of :func:`LiverTumorSegLib.reporting.lesions.measure_lesions`.
    """

    def __init__(
        self,
        labels: NDArray[np.uint8],
        volume: Volume,
        marks: Collection[str] = ("liver", "lesion"),
        probabilities: NDArray[np.float32] | None = None,
        *,
        region: bool = False,
        numbers: LesionNumbers | None = None,
    ) -> None:
        self._labels, self._volume, self._marks, self._region = labels.copy(), volume, marks, region
        self._seen = None if probabilities is None else volume.axial.of(probabilities)
        self.table: LesionTable = measure_lesions(labels, volume, marks, probabilities, region=region, numbers=numbers)
        self.numbered: NDArray[np.unsignedinteger] = number_lesions(labels, volume, self.table).astype(np.uint16)
        self.numbers = numbers.after(self.numbered) if numbers else LesionNumbers.of(self.numbered)
        self._known = {lesion.number: lesion for lesion in self.table.lesions}
        self._organ: Organ | None = None
        self._moved, self._liver_known = False, "liver" in marks or bool((labels == LIVER_LABEL).any())
        self._surface: Surface | None = None

    @property
    def labels(self) -> NDArray[np.uint8]:
        """``[k, j, i]`` as they are now; not to be written to."""
        return self._labels

    def change(self, changes: Iterable[tuple[Box, NDArray[np.uint8]]]) -> None:
        """Put other labels into boxes ``(k, j, i)``, and bring table, numbers and numbered labels up to date."""
        changed: set[int] = set()
        for box, labels in changes:
            before = self._labels[box]
            if np.array_equal(before, labels):
                continue
            if not np.array_equal(before > 0, labels > 0):
                self._organ, self._moved = None, True
            changed |= self._put(box, labels)
        self._measure({number for number in changed if number in self.numbers.there})

    def _put(self, box: Box, labels: NDArray[np.uint8]) -> set[int]:
        """Number the lesions anew that a box touches; returns the numbers of those that are others now."""
        touched = set(np.unique(self.numbered[widened_box(box, self._labels.shape)]).tolist()) - {0, LIVER_LABEL}
        before = {value - LIVER_LABEL: self.numbers.there[value - LIVER_LABEL] for value in touched}
        self._labels[box] = labels
        reach = enclosing_box([box, *(lesion.box for lesion in before.values())])
        numbered, own = self.numbered[reach], np.zeros(self._labels[reach].shape, np.bool_)
        for lesion in before.values():
            own[relative_box(lesion.box, reach)] |= lesion.values
        own[relative_box(box, reach)] = True
        view = self._volume.axial
        seen, _ = ndimage.label(view.of(own & (self._labels[reach] == LESION_LABEL)))
        parts = view.back(seen)
        given = self.numbers.carried(parts, reach, before)
        numbered[own] = np.where(parts > 0, given[parts] + LIVER_LABEL, self._labels[reach])[own]
        found = dict(_boxed(parts, given, reach))
        self.numbers = self.numbers.replaced(before, found)
        return {number for number, lesion in found.items() if not _is_same(lesion, before.get(number))}

    def _measure(self, changed: Collection[int]) -> None:
        """Measure these lesions, and of the others what follows from liver and lesions together."""
        liver_known = "liver" in self._marks or bool((self._labels == LIVER_LABEL).any())
        moved = self._moved or self._liver_known != liver_known
        if self._organ is None or moved:
            some = bool(self._labels.any())
            self._organ = Organ(self._labels, self._volume, liver_known=liver_known) if some else None
            self._surface = None
        self._moved, self._liver_known = False, liver_known
        organ, parts = self._organ, np.zeros((1, 1, 1), np.int32)
        if organ is not None:
            if liver_known and self._surface is None and self.numbers.there:
                self._surface = Surface(organ)
            seen = self._volume.axial.of(self.numbered)[organ.near]
            parts = seen.astype(np.int32).clip(LIVER_LABEL) - LIVER_LABEL
            self._known = {
                number: self._measured(number, lesion, organ, number in changed, moved)
                for number, lesion in sorted(self.numbers.there.items())
            }
        lesions = list(self._known.values()) if organ else []
        self.table = collect_measures(organ, parts, lesions, liver_known=liver_known, region=self._region)

    def _measured(self, number: int, lesion: Boxed, organ: Organ, changed: bool, moved: bool) -> Lesion:
        """A lesion's measures; they are taken again where it changed, its depth also where the surface did."""
        whole = self._volume.axial.box(lesion.box, self._labels.shape)
        box = relative_box(whole, organ.near)
        mask = self._volume.axial.of(lesion.values)
        known = self._known.get(number)
        if changed or known is None:
            levels = None if self._seen is None else self._seen[whole]
            return measure_lesion(number, mask, box, organ, self._surface, levels)
        known = replace(known, burden_percent=organ.share(int(np.count_nonzero(mask))))
        if not moved:
            return known
        return replace(known, surface_distance_mm=self._surface.distance(mask, box) if self._surface else None)


def _boxed(parts: NDArray[np.int32], given: NDArray[np.integer], at: Box) -> Iterator[tuple[int, Boxed]]:
    """Each part of a box with its number."""
    for part, near in enumerate(ndimage.find_objects(parts), start=1):
        yield int(given[part]), Boxed(absolute_box(near, at), parts[near] == part)


def _is_same(lesion: Boxed, other: Boxed | None) -> bool:
    return other is not None and lesion.box == other.box and np.array_equal(lesion.values, other.values)
