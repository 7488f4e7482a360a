"""Arithmetic of RECIST 1.1 for the liver alone (Eisenhauer et al. 2009, European Journal of Cancer 45).

It adds up diameters and compares sums. It assesses nobody: lesions outside the liver, lymph nodes, lesions that are no
targets and a reader's judgement are no part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from ..core.errors import UserError
from ..reporting.lesions import Lesion
from .changes import Change

MOST_TARGETS = 2
"""In one organ (section 3.1.2)."""

_SMALLEST_MM, _THICK_MM = 10.0, 5.0
_SMALLER, _LARGER, _LARGER_MM = 0.7, 1.2, 5.0

_NOT_WHOLE = "A CT does not show one of the targets, or not all of it, so the sum is not whole."
_LOST = (
    "A CT before did not cover one of the targets, so the sum is not known from then on: compare the later CTs alone "
    "to choose targets anew."
)

Category = Literal["complete", "partial", "stable", "progressive"]


@dataclass(frozen=True)
class SumOfDiameters:
    """Sums of the targets' longest diameters, and what follows from them.

    Args:
        targets: numbers of the earlier scan's lesions.
        baseline_mm: at first; like the others None where a scan does not show all of every target.
        nadir_mm: the smallest that is known so far, baseline included.
        before_mm: in the earlier scan.
        now_mm: in the later scan.
        new_lesions: how many are new.
        all_gone: whether all targets had gone before, so that the earlier scan has none.
        lost: whether a scan before did not cover a target, which nobody has followed since.
    """

    targets: tuple[int, ...]
    baseline_mm: float | None
    nadir_mm: float | None
    before_mm: float | None
    now_mm: float | None
    new_lesions: int
    all_gone: bool = False
    lost: bool = False

    @property
    def is_known(self) -> bool:
        """Whether there are targets, or were."""
        return bool(self.targets) or self.all_gone or self.lost

    @property
    def whole(self) -> bool:
        """Whether the first scan and both that are compared show all of every target."""
        return None not in (self.baseline_mm, self.before_mm, self.now_mm)

    @property
    def doubt(self) -> str:
        """Why the sum is not whole, a sentence; empty where it is."""
        return "" if self.whole else _LOST if self.lost else _NOT_WHOLE

    @property
    def from_baseline_percent(self) -> float | None:
        """Change from the baseline; None without targets, or where sums are not whole."""
        return _percent(self.baseline_mm, self.now_mm) if self.whole else None

    @property
    def from_nadir_percent(self) -> float | None:
        """Change from the smallest sum; None where that is none, or where sums are not whole."""
        return _percent(self.nadir_mm, self.now_mm) if self.whole else None

    @property
    def category(self) -> Category | None:
        """What the targets' numbers alone would give (section 4.3.1); None without targets, or not with all of them."""
        baseline, nadir, now = self.baseline_mm, self.nadir_mm, self.now_mm
        if not self.is_known or not self.whole or baseline is None or nadir is None or now is None:
            return None
        if now > 0 and now >= _LARGER * nadir and now - nadir >= _LARGER_MM:
            return "progressive"
        if now == 0:
            return "complete"
        return "partial" if now <= _SMALLER * baseline else "stable"


def measurable_mm(slice_mm: float) -> float:
    """Least longest diameter of a target: 10 mm, or twice the thickness of slices above 5 mm (section 3.1.1).

    Args:
        slice_mm: between slices.
    """
    return _SMALLEST_MM if slice_mm <= _THICK_MM else 2 * slice_mm


def choose_targets(baseline: Sequence[Lesion], slice_mm: float) -> tuple[int, ...]:
    """Numbers of the largest measurable lesions, two at most, as a proposal: a reader chooses.

    Args:
        baseline: lesions of the first scan.
        slice_mm: between its slices.
    """
    least = measurable_mm(slice_mm)
    large = sorted((one for one in baseline if one.axial_diameter_mm >= least), key=lambda one: -one.axial_diameter_mm)
    return tuple(sorted(one.number for one in large[:MOST_TARGETS]))


def check_targets(baseline: Sequence[Lesion], targets: Sequence[int], earlier_sums: Sequence[float]) -> None:
    """Refuse targets and sums that a user gives and that cannot be.

    Args:
        baseline: lesions of the first scan.
        targets: their numbers.
        earlier_sums: of scans before it, in mm.

    Raises:
        UserError: there are more than two targets, one is no lesion, or a sum is no length.
    """
    if len(set(targets)) > MOST_TARGETS:
        msg = f"{len(set(targets))} targets are too many: RECIST 1.1 adds up {MOST_TARGETS} in one organ at most."
        raise UserError(msg)
    for number in targets:
        if all(number != one.number for one in baseline):
            msg = f"There is no lesion {number} in the first CT: choose targets by the numbers of its lesions."
            raise UserError(msg)
    for sum_mm in earlier_sums:
        if not 0 <= sum_mm < inf:
            msg = f"{sum_mm:g} is not a sum of diameters: give it in mm, such as 62.5."
            raise UserError(msg)


def add_diameters(
    changes: Sequence[Change],
    targets: Sequence[int],
    earlier_sums: Sequence[float | None] = (),
    cut: tuple[Collection[int], Collection[int]] = ((), ()),
    *,
    lost: bool = False,
) -> SumOfDiameters:
    """Sums of the targets.

    Every lesion that is marked counts what it measures, however small: the 5 mm of section 4.3.1 stand for one that is
    seen and cannot be measured.

    Args:
        changes: rows of the comparison; the earlier scan is the baseline unless sums are given.
        targets: numbers of the earlier scan's lesions.
        earlier_sums: of scans before, in mm, the baseline first, None where one is not known; the earlier scan's own
            belongs between them and now.
        cut: numbers of the earlier and of the later scan's lesions that may go on beyond its end, and their diameters
            with them.
        lost: whether a scan before did not cover a target.
    """
    rows = [change for change in changes if set(change.link.earlier) & set(targets)]
    before = [one for row in rows for one in row.before if one.number in targets]
    after = [one for row in rows for one in row.after]
    lost_now = lost or any(row.link.relation == "not covered" for row in rows)
    sums = (*earlier_sums, _whole_sum(before, cut[0], lost=lost))
    smallest = min((each for each in sums if each is not None), default=None)
    now = _whole_sum(after, cut[1], lost=lost_now)
    new = sum(1 for change in changes if change.link.relation == "new")
    return SumOfDiameters(tuple(sorted(targets)), sums[0], smallest, sums[-1], now, new, lost=lost)


def _whole_sum(lesions: Sequence[Lesion], cut: Collection[int], *, lost: bool) -> float | None:
    """Of the lesions' diameters; None where one of them may be longer, or one is missing."""
    if lost or any(one.number in cut for one in lesions):
        return None
    return float(sum(one.axial_diameter_mm for one in lesions))


def _percent(before: float | None, after: float | None) -> float | None:
    return 100 * (after / before - 1) if before and after is not None else None
