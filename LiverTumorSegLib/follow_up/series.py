"""A patient's scans in their order, compared one with the next, and each lesion followed through all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from ..core.errors import UserError
from ..core.progress import Job
from ..reporting.lesions import Lesion
from .comparison import Comparison, compare_scans
from .pair_edits import PairEdit
from .recist import SumOfDiameters, check_targets
from .scan import Scan, check_series


@dataclass(frozen=True)
class Track:
    """One lesion through the scans, with those that it split into or merged with.

    Args:
        number: 1 for the first of the table.
        lesions: of each scan, the largest first; none where it was not found.
    """

    number: int
    lesions: tuple[tuple[Lesion, ...], ...]

    @property
    def diameters_mm(self) -> tuple[float | None, ...]:
        """Longest axial diameters, those of several lesions added up; None where there is none."""
        return tuple(sum(one.axial_diameter_mm for one in found) if found else None for found in self.lesions)

    @property
    def volumes_ml(self) -> tuple[float | None, ...]:
        """Volumes in the same way."""
        return tuple(sum(one.volume_ml for one in found) if found else None for found in self.lesions)


@dataclass(frozen=True)
class Series:
    """Comparisons of each scan with the next.

    Args:
        comparisons: one fewer than there are scans.
    """

    comparisons: tuple[Comparison, ...]

    @property
    def scans(self) -> tuple[Scan, ...]:
        """In their order."""
        return (self.comparisons[0].earlier, *(each.later for each in self.comparisons))

    @property
    def days(self) -> tuple[int | None, ...]:
        """Since the first scan; None where that is not known."""
        first = self.scans[0].taken
        return tuple((scan.taken - first).days if first and scan.taken else None for scan in self.scans)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Every lesion of every scan in one track, those of the last scan first, by their numbers there."""
        groups = sorted(_groups(self.comparisons), key=_last_first)
        tables = [{one.number: one for one in scan.table.lesions} for scan in self.scans]
        return tuple(
            Track(n, tuple(tuple(table[one] for one in part) for table, part in zip(tables, group, strict=True)))
            for n, group in enumerate(groups, start=1)
        )

    @property
    def edits(self) -> tuple[PairEdit, ...]:
        """What a user said of pairs."""
        return tuple(edit for each in self.comparisons for edit in each.edits)

    @property
    def sums(self) -> tuple[SumOfDiameters, ...]:
        """Of the targets, in each scan after the first."""
        return tuple(each.sum_of_diameters for each in self.comparisons)


def follow(
    scans: Sequence[Scan],
    *,
    targets: Sequence[int] | None = None,
    earlier_sums: Sequence[float] = (),
    other_patients: bool = False,
    edits: Sequence[PairEdit] = (),
    job: Job | None = None,
) -> Series:
    """Compare scans of one patient, each with the next.

    Args:
        scans: two or more, the first taken first.
        targets: numbers of the first scan's target lesions; None has them proposed.
        earlier_sums: sums of diameters before the first scan, in mm, the baseline first.
        other_patients: take them though their patient IDs differ.
        edits: what a user said of pairs before, see :meth:`.comparison.Comparison.with_edits`.
        job: told what is being done.

    Raises:
        UserError: there are fewer than two, or as :func:`LiverTumorSegLib.follow_up.scan.check_series` and
            :func:`LiverTumorSegLib.follow_up.recist.check_targets`.
        Cancelled: the job was.
    """
    if len(scans) < 2:
        msg = "One CT cannot be compared: give an earlier and a later one."
        raise UserError(msg)
    check_series(scans, other_patients=other_patients)
    check_targets(scans[0].table.lesions, targets or (), earlier_sums)
    task, found = job or Job(), list[Comparison]()
    sums: list[float | None] = list(earlier_sums)
    chosen, gone, lost = targets, False, False
    for number, (earlier, later) in enumerate(pairwise(scans)):
        part = task.part(number / (len(scans) - 1), (number + 1) / (len(scans) - 1))
        made = compare_scans(earlier, later, targets=chosen, earlier_sums=sums, job=part).with_edits(edits)
        found.append(replace(made, targets_gone=gone, targets_lost=lost))
        sums.append(found[-1].sum_of_diameters.before_mm)
        chosen, gone, lost = next_targets(found[-1])
    return Series(tuple(found))


class NextTargets(NamedTuple):
    """What became of the targets in the later scan.

    Args:
        numbers: of the lesions there that they are.
        gone: whether all of them have gone.
        lost: whether one is, or was before, where a scan does not cover it: it may be there still.
    """

    numbers: list[int]
    gone: bool
    lost: bool


def next_targets(comparison: Comparison) -> NextTargets:
    """What the targets of a comparison are in the one that follows it."""
    targets = set(comparison.targets)
    links = [link for link in comparison.links if targets & set(link.earlier)]
    numbers = [number for link in links for number in link.later]
    lost = comparison.targets_lost or any(link.relation == "not covered" for link in links)
    gone = comparison.targets_gone or (bool(links) and all(link.relation == "gone" for link in links))
    return NextTargets(numbers, gone and not numbers and not lost, lost)


def _groups(comparisons: Sequence[Comparison]) -> list[tuple[tuple[int, ...], ...]]:
    """Numbers by scan of lesions that are linked, however many scans lie between."""
    scans = len(comparisons) + 1
    parts: list[set[tuple[int, int]]] = []
    for members in _linked(comparisons):
        joined = [part for part in parts if part & members]
        parts = [part for part in parts if not part & members] + [members.union(*joined)]
    return [tuple(tuple(sorted(n for at, n in part if at == scan)) for scan in range(scans)) for part in parts]


def _linked(comparisons: Sequence[Comparison]) -> Iterator[set[tuple[int, int]]]:
    for scan, comparison in enumerate(comparisons):
        for link in comparison.links:
            yield {*((scan, n) for n in link.earlier), *((scan + 1, n) for n in link.later)}


def _last_first(group: tuple[tuple[int, ...], ...]) -> list[tuple[bool, tuple[int, ...]]]:
    return [(not numbers, numbers) for numbers in reversed(group)]
