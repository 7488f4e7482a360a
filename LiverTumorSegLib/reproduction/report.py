"""The table of a reproduction and its files: published figures beside measured ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import spreadsheet
from ..rounding import rounded
from ..whole_files import whole_file
from .cells import cell, in_paper
from .results import JSON, Reproduction, RowResult
from .system import System
from .words import sections

CSV, MARKDOWN = "reproduction.csv", "reproduction.md"
_DIGITS = 6
_COLUMNS = ["row", "metric", "published", "protocol", "measured", "low", "high", "counted", "quick"]


def headings(done: Reproduction) -> list[str]:
    """Of the table's columns."""
    marked = "quick, " if done.quick else ""
    return ["row", "metric", "published", *(f"measured, {marked}{name} protocol" for name in done.protocols)]


def table(done: Reproduction) -> list[list[str]]:
    """A row of cells for each figure of each row."""
    found = []
    for name, by_protocol in _rows(done).items():
        for at, metric in enumerate(done.metrics):
            figures = [row.figures[at] if row else None for row in by_protocol]
            published = next(row.published[at] for row in by_protocol if row)
            found.append([name, metric.title, in_paper(metric, published), *(cell(metric, f) for f in figures)])
    return found


def write(folder: Path, system: System, done: Reproduction) -> None:
    """Write ``reproduction.csv``, ``reproduction.md`` and ``reproduction.json``, each whole in place of its elder.

    Raises:
        UserError: the folder cannot be written to.
    """
    _write(folder / CSV, as_csv(done))
    _write(folder / MARKDOWN, markdown(system, done))
    content = Reproduction.model_validate(rounded(done.model_dump(), _DIGITS))
    _write(folder / JSON, content.model_dump_json(indent=1) + "\n")


def markdown(system: System, done: Reproduction) -> str:
    """The table and all that is said beneath it."""
    marked = " (quick, no reproduction)" if done.quick else ""
    lines = [f"# {done.name}: {system.title}{marked}", "", f"{system.source}.", ""]
    columns = headings(done)
    lines += [_line(columns), _line(["---"] * len(columns)), *map(_line, table(done))]
    for heading, sentences in sections(system, done).items():
        lines += ["", f"## {heading}", "", *(f"- {sentence}" for sentence in sentences)]
    return "\n".join([*lines, "", f"{done.software}. Research only, not a medical device.", ""])


def as_csv(done: Reproduction) -> str:
    """A line for each figure that was measured."""
    return spreadsheet.as_csv(_COLUMNS, (dict(zip(_COLUMNS, line, strict=True)) for line in _figures(done)))


def _figures(done: Reproduction) -> Iterator[tuple[Any, ...]]:
    marked = "quick" if done.quick else ""
    for protocol, result in done.protocols.items():
        for row in result.rows:
            for metric, published, figure in zip(done.metrics, row.published, row.figures, strict=True):
                measured = figure.value, figure.low, figure.high, figure.counted
                yield row.name, metric.title, published, protocol, *measured, marked


def _rows(done: Reproduction) -> Mapping[str, list[RowResult | None]]:
    """By name, what each protocol measured of a row, None for one that has not come so far."""
    names = dict.fromkeys(row.name for result in done.protocols.values() for row in result.rows)
    rows = [{row.name: row for row in result.rows} for result in done.protocols.values()]
    return {name: [each.get(name) for each in rows] for name in names}


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _write(path: Path, text: str) -> None:
    with whole_file(path, overwrite=True) as new:
        new.write_text(text, encoding="utf-8")
