"""Texts of a comparison of two CTs in the panel."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from .texts import _

GROWN, SHRUNK = "grown", "shrunk"


def headings() -> list[str]:
    """Of the table of changes."""
    return [_("before"), _("now"), _("what"), _("diameter\nmm"), _("volume\nml"), _("volume\n%")]


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row's cells, in the order of :func:`headings`.

    Args:
        row: of the comparison's facts, see :mod:`LiverTumorSegLib.apps.worker.compared_scans`.
    """
    percent = row["ml_percent"]
    return [
        _numbers(row["before"]),
        _numbers(row["after"]),
        _marked(row),
        "{}→{}".format(*(_known("{:.1f}", value) for value in row["mm"])),
        "{}→{}".format(*(_known("{:.2f}", value) for value in row["ml"])),
        _known("{:+.0f}", percent),
    ]


def kind(what: str) -> str:
    """What became of a lesion, in the user's language; parts that are not known stay as they are."""
    known = {
        "new": _("new"),
        "was there, not marked": _("was there, not marked"),
        "not found any more": _("not found any more"),
        "not covered by the other CT": _("not covered by the other CT"),
    }
    parts = {
        "merged": _("merged"),
        "split": _("split"),
        "several": _("several"),
        "unclear": _("unclear"),
        "unchanged": _("unchanged"),
        "larger": _("larger"),
        "smaller": _("smaller"),
    }
    return known.get(what) or ", ".join(parts.get(part, part) for part in what.split(", "))


def tone(row: Mapping[str, Any]) -> str:
    """How the report colours a row: :data:`GROWN`, :data:`SHRUNK`, or empty."""
    if "larger" in row["what"] or row["what"] == "new":
        return GROWN
    return SHRUNK if "smaller" in row["what"] else ""


def row_tool_tip(row: Mapping[str, Any]) -> str:
    """What else is known of a row, as plain text."""
    said = [_("Pair: {how}").format(how=_("by hand") if row["by_hand"] else _grade(row["grade"]))]
    if row["target"]:
        said.append(_("A target: its diameter is part of the sum."))
    if row["growth_rate"] is not None:
        said.append(_("Growth {rate:+.2f} % a day.").format(rate=row["growth_rate"]))
    if row["doubling_days"]:
        said.append(
            _("Its volume doubles in {days:.0f} days.").format(days=row["doubling_days"])
            if row["doubling_days"] > 0
            else _("Its volume halves in {days:.0f} days.").format(days=-row["doubling_days"])
        )
    if row["mm_percent"] is not None:
        said.append(_("Diameter {change:+.0f} %.").format(change=row["mm_percent"]))
    return "\n".join(said)


def summary(facts: Mapping[str, Any], names: Sequence[str]) -> str:
    """The sums of a comparison as rich text.

    Args:
        facts: of the comparison.
        names: of the earlier CT and of the later one.
    """
    counts = [len(side) for side in facts["lesions"]]
    days = _(", {days} days").format(days=facts["days"]) if facts["days"] else ""
    said = _("{before} → {after}{days}: <b>{n} → {m} lesions</b>, {ml:.1f} → {now:.1f} ml.").format(
        before=html.escape(names[0]),
        after=html.escape(names[1]),
        days=days,
        n=counts[0],
        m=counts[1],
        ml=facts["lesion_ml"][0],
        now=facts["lesion_ml"][1],
    )
    return f"{said} {_sum(facts['sum'])}".strip()


def _sum(found: Mapping[str, Any]) -> str:
    if not found["targets"]:
        return ""
    targets = ", ".join(map(str, found["targets"]))
    if found["category"] is None:
        said = _(
            "Sum of the targets’ diameters (lesions {targets} before): not whole, since a CT does not show all of them."
        )
        return said.format(targets=targets)
    said = _(
        "Sum of the targets’ diameters (lesions {targets} before): <b>{before:.1f} → {now:.1f} mm</b>; by arithmetic "
        "alone “{category}”, which is no assessment."
    )
    return said.format(
        targets=targets, before=found["before_mm"], now=found["now_mm"], category=category(found["category"])
    )


def category(name: str) -> str:
    """What the targets' numbers alone would give, in the user's language."""
    return {
        "complete": _("complete"),
        "partial": _("partial"),
        "stable": _("stable"),
        "progressive": _("progressive"),
    }.get(name, name)


def warnings(facts: Mapping[str, Any], *, changed: bool) -> list[str]:
    """What speaks against the table, a sentence each, the most important first.

    Args:
        facts: of the comparison.
        changed: whether segments were measured anew since.
    """
    stale = [_("Lesions were measured again since they were compared: press Compare again.")] if changed else []
    lost = [
        _("What you said of a pair does not fit any more: {why}").format(why=sentence) for sentence in facts["refused"]
    ]
    return [*stale, *lost, *facts["notes"]]


def date_hint(known: str) -> str:
    """What stands in an empty field for a day: what DICOM says, or how to write it."""
    if known:
        return _("{day}, as DICOM says").format(day=known)
    return _("not known; such as 2026-03-31")


def other_patients() -> str:
    """The question where the CTs state different patient IDs, as plain text."""
    return _("The two CTs state different patient IDs. Are they of one patient all the same?")


def button(*, busy: bool) -> str:
    """Of the one button that compares, or cancels."""
    return _("Cancel") if busy else _("Compare")


def button_tool_tip(*, has_later: bool, has_earlier: bool, segmented: bool) -> str:
    """What the button does, or what it waits for."""
    if not has_later:
        return _("Segment the later CT first")
    if not has_earlier:
        return _("Choose the earlier CT first")
    if segmented:
        return _("Tell what grew, what shrank, what is new and what is not found any more")
    return _("Segment the earlier CT as the later one was, then compare both")


def _marked(row: Mapping[str, Any]) -> str:
    """What became of it, and whether that is the user's word or is to be checked."""
    what = kind(row["what"])
    if row["by_hand"]:
        return _("{what} (by hand)").format(what=what)
    return _("{what} (check)").format(what=what) if row["grade"] == "check" else what


def _grade(grade: str) -> str:
    return {"certain": _("certain"), "likely": _("likely"), "check": _("check")}.get(grade, grade)


def _numbers(numbers: Sequence[int]) -> str:
    return " + ".join(map(str, numbers)) or "–"


def _known(form: str, value: float | None) -> str:
    return "–" if value is None else form.format(value)
