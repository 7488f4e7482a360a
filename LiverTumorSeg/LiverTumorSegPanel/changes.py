"""The table of a comparison: a row leads both sides to its lesion, pairs are corrected, and views are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel import follow_up_texts, mrml_comparison_views
from LiverTumorSegLib.apps.panel.job_runner import IDLE
from LiverTumorSegLib.apps.panel.mrml_comparison import ComparisonNodes
from LiverTumorSegLib.apps.panel.mrml_comparison_views import SIDE_BY_SIDE, THREE_OVER_THREE

from .colours import BLUE_HUE, ORANGE_HUE, brush
from .earlier_ct import comparisonOf
from .logic import SegmentationLogic
from .section import Section
from .texts import plain

_HUES = {follow_up_texts.GROWN: ORANGE_HUE, follow_up_texts.SHRUNK: BLUE_HUE}
"""As in the report."""

_WHAT = 2
_PADDING, _LEAST = 8, 28
Row = Mapping[str, Any]


class ChangesSection(Section):
    """Shows the comparison that the parameter node names, also after the scene was loaded again.

    Args:
        ui: the panel's widgets.
        logic: whose panel runs the jobs.
        jobs: take in what the user says of pairs.
    """

    def __init__(self, ui: Any, logic: SegmentationLogic, jobs: Any) -> None:
        super().__init__(ui)
        self.panel, self._jobs = logic.panel, jobs
        self._shown: tuple[Any, ...] | None = None
        for name, title in ((SIDE_BY_SIDE, _("Side by side")), (THREE_OVER_THREE, _("Three over three"))):
            ui.comparisonLayoutCombo.addItem(title, name)
        ui.comparisonLayoutCombo.connect("activated(int)", self._onLayout)
        ui.showComparisonButton.connect("clicked(bool)", self._onShow)
        ui.registeredCheck.connect("clicked(bool)", self._onRegistered)
        ui.changesTable.connect("itemSelectionChanged()", self._onRow)
        ui.changesTable.connect("cellClicked(int,int)", self._onRow)  # again, after the views were moved
        ui.pairButton.connect("clicked(bool)", self._onPair)
        ui.unpairButton.connect("clicked(bool)", self._onUnpair)
        ui.wasThereButton.connect("clicked(bool)", self._onWasThere)
        ui.forgetPairButton.connect("clicked(bool)", self._onForget)

    def show(self) -> None:
        """Bring table, views' widgets and buttons up to date."""
        nodes = comparisonOf(self.parameters)
        if nodes is None:
            self._shown = None
            return
        now = nodes.table.GetID(), nodes.table.GetAttribute("LiverTumorSeg.comparison")
        if now != self._shown:
            self._shown = now
            fillChanges(self.ui.changesTable, nodes.facts["rows"])
        self._showViews(nodes)
        self._showPairs(nodes)

    def _showViews(self, nodes: ComparisonNodes) -> None:
        ui, shown = self.ui, mrml_comparison_views.is_open(nodes)
        ui.showComparisonButton.text = _("Views as before") if shown else _("Show both")
        ui.registeredCheck.enabled = shown
        ui.registeredCheck.checked = nodes.is_registered
        names = [SIDE_BY_SIDE, THREE_OVER_THREE]
        ui.comparisonLayoutCombo.currentIndex = names.index(mrml_comparison_views.layout_of(nodes))

    def _showPairs(self, nodes: ComparisonNodes) -> None:
        ui, rows, idle = self.ui, self._chosen(nodes), self.panel.state in IDLE
        ui.pairButton.enabled = idle and _pairOf(rows) is not None
        ui.unpairButton.enabled = idle and bool(_apart(rows))
        ui.wasThereButton.enabled = idle and len(rows) == 1 and rows[0]["relation"] == "new"
        ui.forgetPairButton.enabled = idle and bool(nodes.facts["edits"])

    def _chosen(self, nodes: ComparisonNodes) -> list[Row]:
        places = sorted({item.row() for item in self.ui.changesTable.selectedItems()})
        rows = nodes.facts["rows"]
        return [rows[place] for place in places if place < len(rows)]

    def _onRow(self) -> None:
        nodes = comparisonOf(self.parameters) if self.parameters else None
        if nodes is None:
            return
        places = {item.row() for item in self.ui.changesTable.selectedItems()}
        if len(places) == 1 and mrml_comparison_views.is_open(nodes):
            mrml_comparison_views.go_to(nodes, places.pop())
        self._showPairs(nodes)

    def _onShow(self) -> None:
        nodes = comparisonOf(self.parameters)
        if nodes and mrml_comparison_views.is_open(nodes):
            mrml_comparison_views.close_views(nodes)
        elif nodes:
            mrml_comparison_views.open_views(nodes, self.ui.comparisonLayoutCombo.currentData)
        self.show()
        self._onRow()

    def _onLayout(self, index: int) -> None:
        nodes = comparisonOf(self.parameters)
        if nodes:
            mrml_comparison_views.open_views(nodes, self.ui.comparisonLayoutCombo.itemData(index))
            self.show()
            self._onRow()

    def _onRegistered(self, registered: bool) -> None:
        nodes = comparisonOf(self.parameters)
        if nodes:
            mrml_comparison_views.show_registered(nodes, registered)
            self._onRow()

    def _onPair(self) -> None:
        nodes = comparisonOf(self.parameters)
        pair = _pairOf(self._chosen(nodes)) if nodes else None
        if nodes and pair:
            self._say(nodes, [["pair", *pair]])

    def _onUnpair(self) -> None:
        nodes = comparisonOf(self.parameters)
        if nodes:
            self._say(nodes, _apart(self._chosen(nodes)))

    def _onWasThere(self) -> None:
        nodes = comparisonOf(self.parameters)
        if nodes:
            self._say(nodes, [["was there", row["after"][0]] for row in self._chosen(nodes)])

    def _onForget(self) -> None:
        nodes = comparisonOf(self.parameters)
        if nodes:
            edits = nodes.facts["edits"][:-1]
            self.panel.attempt(lambda: self._jobs.change_pairs(nodes, edits, lambda: None))

    def _say(self, nodes: ComparisonNodes, more: Sequence[Sequence[Any]]) -> None:
        edits = [*nodes.facts["edits"], *more]
        self.panel.attempt(lambda: self._jobs.change_pairs(nodes, edits, lambda: None))


def fillChanges(table: Any, rows: Sequence[Row]) -> None:
    """Show a comparison, a row a lesion in the report's order and colours, with nothing chosen.

    Args:
        table: a ``QTableWidget``.
        rows: of the comparison's facts.
    """
    blocked = table.blockSignals(True)
    heads = follow_up_texts.headings()
    table.setColumnCount(len(heads))
    table.setHorizontalHeaderLabels(heads)
    table.setRowCount(len(rows))
    for number, row in enumerate(rows):
        hue = _HUES.get(follow_up_texts.tone(row))
        for column, text in enumerate(follow_up_texts.cells(row)):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(plain(follow_up_texts.row_tool_tip(row)))
            if column == _WHAT and hue is not None:
                item.setForeground(brush(table, hue))
            table.setItem(number, column, item)
    _fitColumns(table, heads)
    table.clearSelection()
    table.blockSignals(blocked)


def _fitColumns(table: Any, heads: Sequence[str]) -> None:
    """Make each column as wide as its words; the last takes the rest."""
    measure = table.fontMetrics()
    for column, heading in enumerate(heads[:-1]):
        cells = [str(table.item(row, column).text()) for row in range(table.rowCount)]
        words = [*heading.split("\n"), *cells]
        table.setColumnWidth(column, max(measure.horizontalAdvance(each) for each in words) + _PADDING)
    table.setColumnWidth(len(heads) - 1, _LEAST)


def _pairOf(rows: Sequence[Row]) -> tuple[int, int] | None:
    """Numbers before and now of two rows that a user may call one."""
    if len(rows) != 2:
        return None
    for one, other in (rows, rows[::-1]):
        if one["before"] and other["after"]:
            return one["before"][0], other["after"][0]
    return None


def _apart(rows: Sequence[Row]) -> list[list[Any]]:
    """What to say so that the lesions of one row belong together no more; empty where that cannot be said."""
    if len(rows) != 1 or not (rows[0]["before"] and rows[0]["after"]):
        return []
    before, after = rows[0]["before"], rows[0]["after"]
    if len(before) == 1:
        return [["unpair", before[0], number] for number in after]
    return [["unpair", number, after[0]] for number in before]
