"""What has changed of each lesion between two scans, measured in each scan for itself.

The registration says who is who and nothing else: a warped lesion's volume is the registration's and not the patient's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from ..reporting.lesions import Lesion
from .matching import Link

WITHIN_MM, WITHIN_DIAMETER = 5.0, 0.2
"""Change of a diameter that two measurements of one lesion may differ by: less than either is no change for certain
(McErlean et al. 2013, Radiology 269; Huh et al. 2018 for metastases of the liver)."""

WITHIN_VOLUME = (-0.25, 0.35)
"""The same of a volume, as two readers of one liver tumour differ (PubMed 29221936)."""

_ALONE = {
    "new": "new",
    "was there": "was there, not marked",
    "gone": "not found any more",
    "not covered": "not covered by the other CT",
}
_TOGETHER = {"merged": "merged", "split": "split", "unclear": "several, unclear"}


@dataclass(frozen=True)
class Change:
    """A row of the comparison: one lesion, or several that merged or split.

    Args:
        link: who they are.
        before, after: their measures in each scan, the largest first; none where there is none.
        days: between the scans; None where that is not known.
    """

    link: Link
    before: tuple[Lesion, ...]
    after: tuple[Lesion, ...]
    days: int | None = None

    @property
    def ml(self) -> tuple[float, float]:
        """Volume before and after, of all of them together."""
        return _sum(self.before, "volume_ml"), _sum(self.after, "volume_ml")

    @property
    def diameter_mm(self) -> tuple[float, float]:
        """Longest axial diameter before and after; pieces are added up, as RECIST 1.1 does of lesions that split."""
        return _sum(self.before, "axial_diameter_mm"), _sum(self.after, "axial_diameter_mm")

    @property
    def ml_percent(self) -> float | None:
        """Change of the volume in percent of what it was; None of a lesion that was not there."""
        return _percent(*self.ml)

    @property
    def diameter_percent(self) -> float | None:
        """Change of the diameter in percent of what it was; None of a lesion that was not there."""
        return _percent(*self.diameter_mm)

    @property
    def is_within_repeatability(self) -> bool:
        """Whether two measurements of an unchanged lesion could differ as much, by diameter and by volume."""
        (before, after), volumes = self.diameter_mm, self.ml
        if not (self.before and self.after):
            return False
        change = abs(after - before)
        low, high = WITHIN_VOLUME
        same_volume = low <= volumes[1] / volumes[0] - 1 <= high
        return same_volume and (change < WITHIN_MM or change < WITHIN_DIAMETER * before)

    @property
    def kind(self) -> str:
        """What became of it, in words."""
        alone = _ALONE.get(self.link.relation)
        if alone:
            return alone
        how = _TOGETHER.get(self.link.relation, "")
        before, after = self.ml
        size = "unchanged" if self.is_within_repeatability else "larger" if after > before else "smaller"
        return ", ".join(filter(None, (how, size)))

    @property
    def growth_rate(self) -> float | None:
        """Specific growth rate in percent a day, ln(after / before) over days (Mehrara et al. 2007).

        None where days are not known, or a lesion was or is not there.
        """
        before, after = self.ml
        if not self.days or before <= 0 or after <= 0:
            return None
        return 100 * log(after / before) / self.days

    @property
    def doubling_days(self) -> float | None:
        """Days in which the volume doubles, or halves where negative; None within what measurement allows."""
        rate = self.growth_rate
        return None if not rate or self.is_within_repeatability else 100 * log(2) / rate


@dataclass(frozen=True)
class Totals:
    """Sums over all lesions of each scan.

    Args:
        lesions: how many.
        lesion_ml: their volumes.
        liver_ml: of the liver with them; None where it is not known, or not whole.
    """

    lesions: tuple[int, int]
    lesion_ml: tuple[float, float]
    liver_ml: tuple[float | None, float | None]


def compare(
    links: Sequence[Link], before: Sequence[Lesion], after: Sequence[Lesion], days: int | None = None
) -> tuple[Change, ...]:
    """Rows of a comparison, those that are there now by their numbers, then those that are gone.

    Args:
        links: every lesion in one of them.
        before: measures of the earlier scan.
        after: measures of the later scan.
        days: from the one to the other.
    """
    earlier, later = ({lesion.number: lesion for lesion in lesions} for lesions in (before, after))
    return tuple(
        Change(link, tuple(earlier[n] for n in link.earlier), tuple(later[n] for n in link.later), days)
        for link in links
    )


def _sum(lesions: Sequence[Lesion], name: str) -> float:
    return float(sum(getattr(lesion, name) for lesion in lesions))


def _percent(before: float, after: float) -> float | None:
    return 100 * (after / before - 1) if before > 0 else None
