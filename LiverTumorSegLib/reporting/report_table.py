"""The lesion table of a report: which columns it has, a lesion's cells, and the words that stand below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .lesion_columns import COLUMNS, LesionColumn
from .lesions import Lesion, LesionTable

UNKNOWN = "—"

_CELLS: dict[str, Callable[[Lesion], str]] = {
    "probability": lambda lesion: _number(lesion.probability, 100, 0),
    "volume_ml": lambda lesion: f"{lesion.volume_ml:.2f}",
    "axial_diameter_mm": lambda lesion: f"{lesion.axial_diameter_mm:.1f}",
    "short_axial_diameter_mm": lambda lesion: f"{lesion.short_axial_diameter_mm:.1f}",
    "diameter_mm": lambda lesion: f"{lesion.diameter_mm:.1f}",
    "mean_hu": lambda lesion: f"{lesion.mean_hu:.0f}",
    "sd_hu": lambda lesion: f"{lesion.sd_hu:.0f}",
    "surface_distance_mm": lambda lesion: _number(lesion.surface_distance_mm, 1, 1),
    "burden_percent": lambda lesion: _number(lesion.burden_percent, 1, 2),
    "slice": lambda lesion: str(lesion.slice),
}
_BELOW: dict[str, Callable[[Lesion], str]] = {
    "centroid_mm": lambda lesion: "{:.1f}, {:.1f}, {:.1f} mm".format(*lesion.centroid_mm),
    "liver_segments": lambda lesion: lesion.in_segments if lesion.liver_segments is not None else "",
    "origin": lambda lesion: lesion.origin.in_words if lesion.origin else "",
    "note": lambda lesion: lesion.note,
}
"""What takes words stands in a line of its own, so that the numbers keep their room; empty ones are left out."""


@dataclass(frozen=True)
class ReportRow:
    """A lesion in the table.

    Args:
        lesion: which.
        picture: its slice, as a data URI.
        cells: in the order of the columns.
        below: measures that take words, with them.
    """

    lesion: Lesion
    picture: str
    cells: tuple[str, ...]
    below: tuple[tuple[LesionColumn, str], ...]


@dataclass(frozen=True)
class ReportTable:
    """The columns, and the rows.

    Args:
        columns: behind number and picture.
        rows: a lesion each.
    """

    columns: tuple[LesionColumn, ...]
    rows: tuple[ReportRow, ...]


def make_report_table(table: LesionTable, shown: Sequence[Lesion], picture: Callable[[Lesion], str]) -> ReportTable:
    """The table of some lesions.

    Args:
        table: the measures.
        shown: lesions of it.
        picture: makes a lesion's picture, as a data URI.
    """
    judged = any(lesion.probability is not None for lesion in table.lesions)
    names = [name for name in _CELLS if judged or name != "probability"]
    rows = (
        ReportRow(
            lesion,
            picture(lesion),
            tuple(_CELLS[name](lesion) for name in names),
            tuple((COLUMNS[name], words) for name, say in _BELOW.items() if (words := say(lesion))),
        )
        for lesion in shown
    )
    return ReportTable(tuple(COLUMNS[name] for name in names), tuple(rows))


def _number(value: float | None, times: float, digits: int) -> str:
    return UNKNOWN if value is None else f"{times * value:.{digits}f}"
