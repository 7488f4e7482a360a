"""A reproduction as one page to read: tables, curves, pictures, and all that belongs to them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader

from ...core.about import DISCLAIMER
from ...core.sanitize import escape_for_page
from ...evaluation import charts
from ...evaluation.panels import FALSE_COLOUR, MISSED_COLOUR
from . import report
from .course import FLAT_RULE
from .estimate import in_hours
from .results import Example, Reproduction, RowResult
from .sizes import MARKS, NOTES
from .systems import ProtocolName, System

_TRAINED, _VALIDATED = "trained on", "validated on"


def html(system: System, done: Reproduction, folder: Path) -> str:
    """The page's text; it needs no other file, and works without JavaScript.

    Args:
        system: that was reproduced.
        done: what was measured, which alone decides what the page shows.
        folder: of the reproduction, with the pictures of examples; one that is missing is left out.
    """
    rows = list(_rows(done))
    template = _environment().get_template("reproduction.html")
    return template.render(
        done=done,
        system=system,
        mark=MARKS[done.size],
        note=NOTES[done.size],
        headings=report.headings(done),
        table=report.table(done),
        rows=rows,
        curves=[(name, row, _curve(name, row)) for name, row in rows if row.courses],
        roc=[_roc(name, done) for name in done.protocols],
        examples=[(name, row, list(_pictures(row, folder))) for name, row in rows if row.examples],
        sections=report.report_sections(system, done),
        seconds=sum(row.seconds or 0 for _, row in rows),
    )


def _environment() -> Environment:
    packages = (__package__, "LiverTumorSegLib.reporting")
    loader = ChoiceLoader([PackageLoader(str(name)) for name in packages])
    environment = Environment(
        loader=loader, autoescape=True, finalize=escape_for_page, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "hours": _time,
        "steps": report.describe_steps,
        "planned": lambda row: row.courses[0].planned if row.courses else row.sizes.steps,
        "flat": report.describe_flattening,
    }
    environment.globals |= {
        "disclaimer": DISCLAIMER,
        "flat_rule": FLAT_RULE,
        "missed_colour": f"rgb{MISSED_COLOUR}",
        "false_colour": f"rgb{FALSE_COLOUR}",
    }
    return environment


def _time(seconds: float | None) -> str:
    return "—" if seconds is None else in_hours(seconds)


def _rows(done: Reproduction) -> Iterator[tuple[ProtocolName, RowResult]]:
    """Every row of every protocol, those of one row beside each other."""
    for name in dict.fromkeys(row.name for result in done.protocols.values() for row in result.rows):
        for protocol, result in done.protocols.items():
            yield from ((protocol, row) for row in result.rows if row.name == name)


def _curve(protocol: ProtocolName, row: RowResult) -> str:
    several = len(row.courses) > 1
    lines: dict[str, list[tuple[float, float]]] = {}
    for number, course in enumerate(row.courses):
        fold = f", fold {number}" if several else ""
        lines[f"{_TRAINED}{fold}"] = list(course.loss)
        if course.validation:
            lines[f"{_VALIDATED}{fold}"] = list(course.validation)
    return charts.lines(lines, f"{row.name}, {protocol} protocol", "step", "loss", marked=_VALIDATED)


def _roc(protocol: ProtocolName, done: Reproduction) -> str:
    rows = done.protocols[protocol].rows
    lines = {f"{row.name}, {structure}": list(points) for row in rows for structure, points in row.roc.items()}
    if not lines:
        return ""
    title = f"ROC of all held-out pixels, {protocol} protocol"
    return charts.lines(lines, title, "false positive rate", "true positive rate", share=True)


def _pictures(row: RowResult, folder: Path) -> Iterator[tuple[Example, str]]:
    for example in row.examples:
        try:
            content = (folder / example.picture).read_bytes()
        except OSError:
            continue
        yield example, f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
