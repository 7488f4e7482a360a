"""The rows of the lesion table: which lesion each shows, however it is sorted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import qt

from LiverTumorSegLib.apps.panel import texts

from .texts import plain

_ROW = qt.Qt.UserRole
_PADDING, _LEAST = 5, 28


def fillTable(
    table: Any,
    rows: Sequence[Mapping[str, float]],
    notes: Sequence[str],
    origins: Sequence[str],
    liverSegments: Sequence[str],
) -> None:
    """Show lesions, a row each, with nothing chosen.

    Args:
        table: a ``QTableWidget``.
        rows: as :func:`LiverTumorSegLib.apps.panel.mrml_tables.rows` reads them.
        notes: a lesion's each.
        origins: how each came about, which its tool tip says; empty where it is not known.
        liverSegments: that each lies in; likewise.
    """
    blocked = table.blockSignals(True)
    table.setSortingEnabled(False)  # rows would move while they are filled
    heads = [*zip(texts.headings(), texts.heading_tool_tips(), strict=True), texts.note_heading()]
    table.setColumnCount(len(heads))
    table.setHorizontalHeaderLabels([heading for heading, _toolTip in heads])
    for column, (_heading, toolTip) in enumerate(heads):
        table.horizontalHeaderItem(column).setToolTip(plain(toolTip))
    table.setRowCount(len(rows))
    told = zip(rows, notes, origins, liverSegments, strict=True)
    for number, (row, note, origin, segments) in enumerate(told):
        for column, (key, text) in enumerate(zip(texts.SHOWN, texts.cells(row), strict=True)):
            cell = _cell(number, None if math.isnan(row[key]) else float(text))
            cell.setToolTip(plain(texts.row_tool_tip(origin, segments)))
            table.setItem(number, column, cell)
        table.setItem(number, len(texts.SHOWN), _cell(number, note or None))
    table.setSortingEnabled(True)
    _fitColumns(table, [heading for heading, _toolTip in heads])
    table.clearSelection()
    table.blockSignals(blocked)


def showNote(table: Any, lesion: int, note: str) -> None:
    """Show another note of a lesion, without filling the table anew."""
    column = len(texts.SHOWN)
    sorting = table.isSortingEnabled()
    table.setSortingEnabled(False)
    for row in range(table.rowCount):
        if table.item(row, 0).data(_ROW) == lesion:
            table.setItem(row, column, _cell(lesion, note or None))
    table.setSortingEnabled(sorting)


def chosenLesion(table: Any) -> int | None:
    """Place of the chosen lesion in the result's order; None where no row is chosen."""
    shown = table.currentRow()
    if shown < 0 or not table.selectedItems():
        return None
    return int(table.item(shown, 0).data(_ROW))


def chooseRow(table: Any, shown: int) -> None:
    """Choose a row as it is shown, and scroll to it."""
    table.clearSelection()
    table.selectRow(shown)
    table.scrollToItem(table.item(shown, 0))


def chooseLesion(table: Any, lesion: int) -> None:
    """Choose the row of a lesion, and let nobody take it for the user's choice."""
    blocked = table.blockSignals(True)
    for row in range(table.rowCount):
        if table.item(row, 0).data(_ROW) == lesion:
            chooseRow(table, row)
    table.blockSignals(blocked)


def _fitColumns(table: Any, headings: Sequence[str]) -> None:
    """Make each column as wide as its words, without the room that Qt keeps for an arrow; the last takes the rest."""
    measure = table.fontMetrics()
    for column, heading in enumerate(headings[:-1]):
        cells = [str(table.item(row, column).text()) for row in range(table.rowCount)]
        words = [*heading.split("\n"), *cells]
        table.setColumnWidth(column, max(measure.horizontalAdvance(each) for each in words) + _PADDING)
    table.setColumnWidth(len(headings) - 1, _LEAST)


def _cell(row: int, value: float | str | None) -> Any:
    """A cell that sorts by its value and knows its lesion; what is not known is empty, which comes after numbers."""
    item = qt.QTableWidgetItem()
    if value is not None:
        item.setData(qt.Qt.DisplayRole, value)
    if isinstance(value, str):
        item.setToolTip(plain(value))
    item.setData(_ROW, row)
    return item
