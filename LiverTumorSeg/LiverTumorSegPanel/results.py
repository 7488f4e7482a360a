"""The result: measures, a row a lesion, and ways to take them elsewhere."""

from pathlib import Path

import qt
from slicer.i18n import tr as _

from LiverTumorSegLib import panel_texts
from LiverTumorSegLib.job_runner import IDLE
from LiverTumorSegLib.mrml import tables, views
from LiverTumorSegLib.whole_files import whole_file


class ResultsSection:
    """Shows the result that the parameter node names, also after the scene was loaded again.

    Args:
        ui: the panel's widgets.
        logic: whose jobs measure again and write the report.
        resultOf: the nodes of a parameter node's result.
    """

    def __init__(self, ui, logic, resultOf):
        self.ui, self.logic, self.panel = ui, logic, logic.panel
        self.parameters = None
        self._resultOf = resultOf
        self._shown = None
        ui.reportLabel.visible = False
        ui.lesionTable.connect("itemSelectionChanged()", self._onLesion)
        ui.lesionTable.connect("cellClicked(int,int)", self._onLesion)  # again, after the views were moved
        ui.copyButton.connect("clicked(bool)", self._onCopy)
        ui.csvButton.connect("clicked(bool)", self._onCsv)
        ui.reportButton.connect("clicked(bool)", self._onReport)
        ui.measureButton.connect("clicked(bool)", self._onMeasure)

    def show(self):
        """Bring table and buttons up to date."""
        nodes = self._resultOf(self.parameters)
        self.ui.resultsSection.visible = nodes is not None
        for button in (self.ui.reportButton, self.ui.measureButton):
            button.enabled = self.panel.state in IDLE
        chosen = self.parameters.inputVolume
        now = nodes and (nodes.table.GetID(), nodes.table.GetMTime(), nodes.volume.GetName(), chosen is nodes.volume)
        if now != self._shown:
            if not (now and self._shown and now[0] == self._shown[0]):
                self.ui.reportLabel.visible = False  # it belongs to another result
            self._shown = now
            if nodes:
                self._fill(nodes, chosen)

    def _fill(self, nodes, chosen):
        facts, table = nodes.facts, self.ui.lesionTable
        self.ui.summaryLabel.text = panel_texts.summary(facts, nodes.volume.GetName()) if facts else ""
        other = [] if chosen is nodes.volume else [panel_texts.other_volume(nodes.volume.GetName())]
        self.ui.resultWarnings.text = panel_texts.listed([*other, *facts.get("warnings", [])])
        self.ui.resultWarnings.visible = bool(self.ui.resultWarnings.text)
        rows = [panel_texts.cells(row) for row in tables.rows(nodes.table)]
        blocked = table.blockSignals(True)
        table.setColumnCount(len(panel_texts.headings()))
        table.setHorizontalHeaderLabels(panel_texts.headings())
        table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                table.setItem(number, column, qt.QTableWidgetItem(text))
        table.clearSelection()
        table.blockSignals(blocked)

    def _onLesion(self):
        nodes, row = self._resultOf(self.parameters), self.ui.lesionTable.currentRow()
        if nodes is None or row < 0 or not self.ui.lesionTable.selectedItems():
            return
        views.jump(nodes.place(row))
        views.light(nodes.segmentation, list(nodes.segments), nodes.facts["rows"][row])

    def leave(self):
        """Show all segments alike again."""
        nodes = self._resultOf(self.parameters) if self.parameters else None
        if nodes:
            views.light(nodes.segmentation, list(nodes.segments), None)
        self.ui.lesionTable.clearSelection()

    def _onCopy(self):
        rows = tables.rows(self._resultOf(self.parameters).table)
        qt.QApplication.clipboard().setText(panel_texts.table(rows, "\t"))

    def _onCsv(self):
        nodes = self._resultOf(self.parameters)
        name = f"{panel_texts.file_name(nodes.segmentation.GetName())}.csv"
        chosen = qt.QFileDialog.getSaveFileName(self.ui.csvButton, _("Save the lesion table"), name, "CSV (*.csv)")
        if isinstance(chosen, tuple):  # some bindings of Qt return the filter too
            chosen = chosen[0]
        if not chosen:
            return
        self.panel.attempt(lambda: _save(Path(chosen), panel_texts.table(tables.rows(nodes.table), ",")))

    def _onReport(self):
        nodes = self._resultOf(self.parameters)
        chosen = qt.QFileDialog.getExistingDirectory(self.ui.reportButton, _("Choose where the report's folder goes"))
        if chosen:
            folder = _unused(Path(chosen) / f"{panel_texts.file_name(nodes.segmentation.GetName())} report")
            self.panel.attempt(lambda: self.logic.jobs.report(nodes, folder, self._onWritten, overwrite=False))

    def _onWritten(self, files):
        page = next(file for file in files if file.endswith(".html"))
        self.ui.reportLabel.text = _("<a href='{link}'>Open the report</a>").format(link=Path(page).as_uri())
        self.ui.reportLabel.visible = True

    def _onMeasure(self):
        nodes = self._resultOf(self.parameters)
        self.panel.attempt(lambda: self.logic.jobs.measure(nodes, lambda found: None))


def _save(path, text):
    with whole_file(path, overwrite=True) as unfinished:  # the dialog has asked
        unfinished.write_text(text, encoding="utf-8")


def _unused(folder):
    tried, count = folder, 1
    while tried.exists():
        count += 1
        tried = folder.with_name(f"{folder.name} {count}")
    return tried
