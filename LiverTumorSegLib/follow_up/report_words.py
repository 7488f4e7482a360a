"""What a report in DICOM says of a comparison in words, by the names that lesions have at every visit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..reporting.lesions import Lesion
from .changes import WITHIN_DIAMETER, WITHIN_MM, WITHIN_VOLUME, Change
from .comparison import Comparison
from .dicom_objects import Tracking
from .recist import SumOfDiameters
from .series import Series

SCOPE = (
    "The liver alone: lesions outside of it and lymph nodes are not looked at. What follows is arithmetic, and no "
    "assessment of a patient."
)


class Said(NamedTuple):
    """What is said of a lesion between two visits.

    Args:
        relation: what became of it.
        pairing: whether a program or a user paired it, and how sure that is.
    """

    relation: str
    pairing: str


def of_lesions(series: Series, trackings: Sequence[Mapping[int, Tracking]]) -> tuple[Mapping[int, Sequence[Said]], ...]:
    """What is said of the lesions of each visit, by their numbers: about the visit before, then about the one after."""
    found: tuple[dict[int, list[Said]], ...] = tuple({number: [] for number in each} for each in trackings)
    for visit, comparison in enumerate(series.comparisons):
        for change in comparison.changes:
            said = _said(change, visit, comparison, trackings)
            for number in change.link.earlier:
                found[visit][number].append(said)
            for number in change.link.later:
                found[visit + 1][number].append(said)
    return found


def summary(series: Series, trackings: Sequence[Mapping[int, Tracking]]) -> Iterator[str]:
    """What the report is about, then a sentence on all lesions and one on the targets for each two visits."""
    yield SCOPE
    for visit, comparison in enumerate(series.comparisons):
        totals, visits = comparison.totals, f"Time points {visit + 1} and {visit + 2}"
        days = f", {comparison.days} days apart" if comparison.days else ""
        words = "{} and {} lesions, {:.1f} and {:.1f} ml".format(*totals.lesions, *totals.lesion_ml)
        livers = [f"{ml:.0f}" for ml in totals.liver_ml if ml]
        liver = f"; liver with its lesions {livers[0]} and {livers[1]} ml" if len(livers) == 2 else ""
        yield f"{visits}{days}: {words}{liver}."
        if comparison.sum_of_diameters.is_known:
            names = [trackings[visit][number].name for number in comparison.sum_of_diameters.targets]
            yield f"{visits}: {_sum(comparison.sum_of_diameters, names)}"
    low, high = (100 * share for share in WITHIN_VOLUME)
    yield (
        f"Unchanged is what two readings differ by: a diameter by less than {WITHIN_MM:.0f} mm or "
        f"{100 * WITHIN_DIAMETER:.0f} %, and a volume between {low:.0f} and {high:+.0f} %."
    )


def doubts(series: Series, lesions: Sequence[int], most: int) -> tuple[str, ...]:
    """What speaks against the comparison, a sentence each.

    Args:
        series: the comparisons.
        lesions: how many each visit has.
        most: of those that the report lists.
    """
    notes = [note for each in series.comparisons for note in each.notes]
    if max(lesions) > most:
        notes.append(f"Of {max(lesions)} lesions the report lists the largest {most} alone.")
    return tuple(dict.fromkeys(notes))


def _said(change: Change, visit: int, comparison: Comparison, trackings: Sequence[Mapping[int, Tracking]]) -> Said:
    before, after = (
        f"{_names(part, trackings[at]) or 'nothing marked'} at time point {at + 1}"
        for at, part in ((visit, change.before), (visit + 1, change.after))
    )
    target = ", target" if set(change.link.earlier) & set(comparison.targets) else ""
    how = "by hand" if change.link.by_hand else f"automatic, {change.link.grade}"
    return Said(
        f"{change.kind}{target}: {before}, {after}{_numbers(change)}.",
        f"Time points {visit + 1} and {visit + 2}: {how}.",
    )


def _names(lesions: Sequence[Lesion], trackings: Mapping[int, Tracking]) -> str:
    return " and ".join(trackings[one.number].name for one in lesions)


def _numbers(change: Change) -> str:
    if change.diameter_percent is None or change.ml_percent is None or not change.after:
        return ""
    (mm, now), (ml, ml_now) = change.diameter_mm, change.ml
    words = (
        f"; {mm:.1f} to {now:.1f} mm ({change.diameter_percent:+.0f} %), "
        f"{ml:.2f} to {ml_now:.2f} ml ({change.ml_percent:+.0f} %)"
    )
    return words if change.growth_rate is None else f"{words}, {change.growth_rate:+.2f} % a day"


def in_mm(value: float | None) -> str:
    """A length, or a dash where it is not known."""
    return "—" if value is None else f"{value:.1f}"


def _sum(found: SumOfDiameters, names: Sequence[str]) -> str:
    whose = " and ".join(names) or ("(out of view)" if found.lost else "(all gone)")
    words = (
        f"sum of the longest diameters of the targets {whose} {in_mm(found.before_mm)} and {in_mm(found.now_mm)} mm; "
        f"{in_mm(found.baseline_mm)} mm at first, {in_mm(found.nadir_mm)} mm at the smallest"
    )
    if found.category is None:
        return f"{words}. {found.doubt}"
    new = f", with {found.new_lesions} new" if found.new_lesions else ""
    return f"{words}. By RECIST 1.1 these numbers alone would give “{found.category}”{new}."
