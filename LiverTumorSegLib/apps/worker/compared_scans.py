"""A comparison of two scans as a client keeps it: plain facts from which its rows can be told again without images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ...core.errors import UserError
from ...follow_up import links as pairing
from ...follow_up.changes import Change, compare
from ...follow_up.comparison import Comparison
from ...follow_up.matching import Link
from ...follow_up.pair_edits import lesion_at
from ...follow_up.placing import to_later
from ...follow_up.recist import SumOfDiameters, add_diameters
from ...reporting.lesions import Lesion
from .exchange import Answer

Edit = Sequence[Any]
"""What a user said: ``["pair", earlier, later]``, ``["unpair", earlier, later]`` or ``["was there", later]``."""

_SAID: dict[str, Callable[..., tuple[Link, ...]]] = {
    "pair": pairing.pair,
    "unpair": pairing.unpair,
    "was there": pairing.was_there,
}
_TUPLES = ("centroid_mm", "inside_voxel", "liver_segments")
_LINES = ("axial_line_mm", "short_axial_line_mm")
_SCANS = ("earlier", "later")


def facts_of(found: Comparison) -> Answer:
    """All of a comparison but its images and its transform, ready for JSON.

    ``automatic`` are the links that were found, ``links`` those after the ``edits`` of a user.
    ``lesions`` and ``places`` are of the earlier scan and of the later one. A place is the middle of a lesion's axial
    diameter, RAS in mm, in its own scan and where it lies in the other one. Names and dates stay with the client.
    """
    totals, registration = found.totals, found.registration
    kept: Answer = {
        "lesions": [[asdict(one) for one in scan.table.lesions] for scan in (found.earlier, found.later)],
        "places": _places(found),
        "lesion_ml": list(totals.lesion_ml),
        "liver_ml": list(totals.liver_ml),
        "cut": [list(found.earlier.cut_lesions), list(found.later.cut_lesions)],
        "slice_mm": [found.earlier.slice_mm, found.later.slice_mm],
        "days": found.days,
        "targets": list(found.targets),
        "earlier_sums": list(found.earlier_sums),
        "stage": registration.stage,
        "volume_change": list(registration.volume_change),
        "registration_notes": list(registration.notes),
        "notes": list(found.notes),
        "same": found.same,
        "cts": [scan.fingerprint for scan in (found.earlier, found.later)],
        "edits": [],
        "refused": [],
    }
    links = [asdict(link) for link in found.links]
    return kept | {"links": links, "automatic": links}


def links_of(facts: Answer) -> tuple[Link, ...]:
    """The links that were kept, those that a user changed among them."""
    return tuple(
        Link(tuple(one["earlier"]), tuple(one["later"]), one["relation"], one["grade"], one["by_hand"])
        for one in facts["links"]
    )


def with_edits(facts: Answer, edits: Sequence[Edit]) -> Answer:
    """The facts with all that a user said of the pairs that were found.

    What cannot be, as of a lesion that is gone, is ``refused``.

    Args:
        facts: of the comparison.
        edits: all of them, in their order; those of the facts are forgotten.
    """
    links, refused = links_of(facts | {"links": facts["automatic"]}), []
    done: list[list[Any]] = []
    for edit in edits:
        links, why = _tried(links, edit)
        if why:
            refused.append(why)
        else:
            done.append(list(edit))
    return facts | {"links": [asdict(link) for link in links], "edits": done, "refused": refused}


def with_edits_of(before: Answer, facts: Answer, found: Comparison) -> Answer:
    """The facts with what a user said of an earlier comparison of the same CTs.

    Lesions are found again by their places, since numbers change when a CT is segmented again.

    Args:
        before: facts of the earlier comparison.
        facts: of the new one.
        found: the same comparison.
    """
    edits, lost = [], []
    for word, *numbers in before["edits"] if before.get("cts") == facts["cts"] else ():
        places = list(zip((0, 1)[-len(numbers) :], numbers, strict=True))
        now = [_number_now(before, found, side, number) for side, number in places]
        gone = [place for place, at in zip(places, now, strict=True) if at is None]
        if gone:
            side, number = gone[0]
            lost.append(f"No lesion is marked any more where lesion {number} of the {_SCANS[side]} CT was.")
        else:
            edits.append([word, *now])
    changed = with_edits(facts, edits)
    return changed | {"refused": [*lost, *changed["refused"]]}


def _number_now(before: Answer, found: Comparison, side: int, number: int) -> int | None:
    voxel = next(tuple(one["inside_voxel"]) for one in before["lesions"][side] if one["number"] == number)
    return lesion_at((found.earlier, found.later)[side], voxel)


def with_rows(facts: Answer) -> Answer:
    """The facts with ``rows``, one a link, and ``sum`` of the targets' diameters, as the links are now."""
    before, after = ([_lesion(one) for one in side] for side in facts["lesions"])
    changes = compare(links_of(facts), before, after, facts["days"])
    targets = facts["targets"]
    found = add_diameters(changes, targets, facts["earlier_sums"], tuple(facts["cut"]))
    return facts | {"rows": [_row(change, targets) for change in changes], "sum": _sum(found)}


def _tried(links: tuple[Link, ...], edit: Edit) -> tuple[tuple[Link, ...], str]:
    """The links after an edit, or as they are and why it cannot be."""
    try:
        return _edited(links, edit), ""
    except UserError as error:
        return links, str(error)


def _edited(links: Sequence[Link], edit: Edit) -> tuple[Link, ...]:
    word, *numbers = edit
    said = _SAID.get(word)
    if said is None:
        msg = f"“{word}” cannot be said of lesions: pair them, unpair them, or say that one was there."
        raise UserError(msg)
    return said(links, *map(int, numbers))


def _places(found: Comparison) -> list[list[list[list[float]]]]:
    registration = found.registration
    before, after = ([one.axial_middle_mm for one in scan.table.lesions] for scan in (found.earlier, found.later))
    return [
        [[point.tolist(), to_later(registration, point).tolist()] for point in before],
        [[point.tolist(), registration.to_earlier(point)[0].tolist()] for point in after],
    ]


def _lesion(kept: Answer) -> Lesion:
    """What :func:`dataclasses.asdict` made of a lesion; how it came about is not needed any more."""
    tuples = {name: tuple(kept[name]) for name in _TUPLES if kept[name] is not None}
    lines = {name: tuple(map(tuple, kept[name])) for name in _LINES}
    return Lesion(**(kept | tuples | lines | {"origin": None}))


def _row(change: Change, targets: Sequence[int]) -> Answer:
    both = bool(change.before and change.after)
    return {
        "before": [one.number for one in change.before],
        "after": [one.number for one in change.after],
        "what": change.kind,
        "relation": change.link.relation,
        "grade": change.link.grade,
        "by_hand": change.link.by_hand,
        "ml": _pair(change, change.ml),
        "mm": _pair(change, change.diameter_mm),
        "hu": [part[0].mean_hu if part else None for part in (change.before, change.after)],
        "slice": [part[0].slice if part else None for part in (change.before, change.after)],
        "ml_percent": change.ml_percent if both else None,
        "mm_percent": change.diameter_percent if both else None,
        "growth_rate": change.growth_rate,
        "doubling_days": change.doubling_days,
        "target": bool(set(change.link.earlier) & set(targets)),
    }


def _pair(change: Change, values: tuple[float, float]) -> list[float | None]:
    return [value if part else None for part, value in zip((change.before, change.after), values, strict=True)]


def _sum(found: SumOfDiameters) -> Answer:
    return {
        "targets": list(found.targets),
        "before_mm": found.before_mm,
        "baseline_mm": found.baseline_mm,
        "smallest_mm": found.nadir_mm,
        "now_mm": found.now_mm,
        "from_baseline_percent": found.from_baseline_percent,
        "from_smallest_percent": found.from_nadir_percent,
        "category": found.category,
    }
