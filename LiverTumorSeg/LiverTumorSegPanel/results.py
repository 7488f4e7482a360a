"""The result: measures, a row a lesion, and ways to take them elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel import mrml_display, mrml_tables, texts
from LiverTumorSegLib.apps.panel.job_runner import IDLE
from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes
from LiverTumorSegLib.apps.panel.table_text import table_text
from LiverTumorSegLib.core.atomic_files import unused_folder, whole_file

from .folded_warnings import FoldedWarnings
from .logic import SegmentationLogic
from .parameters import resultOf
from .section import Section
from .table import chosenLesion, fillTable

_SETTLE_MILLISECONDS = 400
"""Keys may move the slider on within this time before the result is changed."""


class ResultsSection(Section):
    """Shows the result that the parameter node names, also after the scene was loaded again.

    Args:
        ui: the panel's widgets.
        logic: whose jobs measure again and write the report.
    """

    def __init__(self, ui: Any, logic: SegmentationLogic) -> None:
        super().__init__(ui)
        self.logic, self.panel = logic, logic.panel
        self._shown: tuple[Any, ...] | None = None
        self._wasIdle = True
        self._wanted: int | None = None
        self._choosing = False
        self._settling = qt.QTimer()
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLE_MILLISECONDS)
        self._settling.connect("timeout()", self._choose)
        self._warnings = FoldedWarnings(ui.resultWarnings)
        ui.reportLabel.visible = False
        ui.lesionTable.connect("itemSelectionChanged()", self._onLesion)
        ui.lesionTable.connect("cellClicked(int,int)", self._onLesion)  # again, after the views were moved
        ui.lesionTable.setSortingEnabled(True)
        ui.sensitivitySlider.setTracking(False)  # it changes the result when it is let go
        ui.sensitivitySlider.connect("sliderMoved(int)", self._showPoint)
        ui.sensitivitySlider.connect("valueChanged(int)", self._onSensitivity)
        ui.copyButton.connect("clicked(bool)", self._onCopy)
        ui.csvButton.connect("clicked(bool)", self._onCsv)
        ui.reportButton.connect("clicked(bool)", self._onReport)
        ui.measureButton.connect("clicked(bool)", self._onMeasure)

    def show(self) -> None:
        """Bring table and buttons up to date."""
        nodes = resultOf(self.parameters)
        self.ui.resultsSection.visible = nodes is not None
        chosen, idle = self.parameters.inputVolume, self.panel.state in IDLE
        for widget in (self.ui.reportButton, self.ui.measureButton):
            widget.enabled = idle
        if idle and not self._wasIdle:
            self._choosing = False
            if self._wanted is not None:
                self._settling.start()
            elif nodes and not self.ui.sensitivitySlider.sliderDown:
                self._fillSlider(nodes)  # it may have been moved for a job that came to nothing
        self.ui.sensitivitySlider.enabled = idle or self._choosing  # disabled, it would lose the keyboard
        self._wasIdle = idle
        now = _state(nodes, chosen) if nodes else None
        if now != self._shown:
            if not (now and self._shown and now[0] == self._shown[0]):
                self.ui.reportLabel.visible = False  # it belongs to another result
                self._wanted = None
            self._shown = now
            if nodes:
                self._fill(nodes, chosen)

    def bringIntoView(self) -> None:
        """Scroll the panel to the result, wherever the user had scrolled it."""
        widget = self.ui.resultsSection
        around = widget.parentWidget()
        while around and not around.inherits("QScrollArea"):
            around = around.parentWidget()
        if around:
            top = widget.mapTo(around.widget(), qt.QPoint(0, 0)).y()
            around.verticalScrollBar().value = top

    def _fill(self, nodes: ResultNodes, chosen: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        facts = nodes.facts
        self.ui.summaryLabel.text = (
            texts.summary(facts, nodes.volume.GetName()) if "lesion_count" in facts else ""
        )  # a click comes before its measures
        other = [] if chosen is nodes.volume else [texts.other_volume(nodes.volume.GetName())]
        self._warnings.show([*other, *facts.get("warnings", [])])
        self._fillSlider(nodes)
        origins = [texts.origin(found) for found in nodes.origins]
        table, segments = nodes.table, mrml_tables.liver_segments(nodes.table)
        fillTable(self.ui.lesionTable, mrml_tables.rows(table), mrml_tables.notes(table), origins, segments)

    def _fillSlider(self, nodes: ResultNodes) -> None:
        points, slider = nodes.points, self.ui.sensitivitySlider
        self.ui.sensitivityFrame.visible = len(points) > 1
        if points and self._wanted is None:
            blocked = slider.blockSignals(True)
            slider.maximum = len(points) - 1
            slider.value = texts.chosen_point(points, nodes.facts["run"])
            slider.blockSignals(blocked)
            self._showPoint(slider.value)

    def _showPoint(self, place: int) -> None:
        nodes = resultOf(self.parameters)
        if nodes and 0 <= place < len(nodes.points):
            self.ui.sensitivityLabel.text = texts.sensitivity(nodes.points, place)

    def _onSensitivity(self, place: int) -> None:
        nodes = resultOf(self.parameters)
        if nodes and 0 <= place < len(nodes.points):
            self._showPoint(place)
            self._wanted = place
            self._settling.start()

    def _choose(self) -> None:
        """Change the result as the slider says, once it stands still; while a job runs, after it."""
        nodes = resultOf(self.parameters) if self.parameters else None
        if self._wanted is None or self.panel.state not in IDLE:
            return
        place, self._wanted = self._wanted, None
        if nodes and place < len(nodes.points) and place != texts.chosen_point(nodes.points, nodes.facts["run"]):
            self._choosing = True
            wanted = nodes.points[place]["false_per_patient"]
            self.panel.attempt(lambda: self.logic.jobs.choose(nodes, wanted, lambda found: None))

    def _onLesion(self) -> None:
        nodes, row = resultOf(self.parameters), chosenLesion(self.ui.lesionTable)
        if nodes and row is not None:
            mrml_display.center_slice_views(nodes.place(row))
            mrml_display.highlight_segment(nodes.segmentation, list(nodes.segments), nodes.facts["rows"][row])

    def leave(self) -> None:
        """Show all segments alike again."""
        nodes = resultOf(self.parameters) if self.parameters else None
        if nodes:
            mrml_display.highlight_segment(nodes.segmentation, list(nodes.segments), None)
        self.ui.lesionTable.clearSelection()

    def _noted(self) -> ResultNodes | None:
        """The result, with the note that is being written; on macOS a click on a button leaves no line."""
        self.ui.noteEdit.clearFocus()
        return resultOf(self.parameters)

    def _onCopy(self) -> None:
        nodes = self._noted()
        if nodes:
            qt.QApplication.clipboard().setText(_text(nodes, "\t"))

    def _onCsv(self) -> None:
        nodes = self._noted()
        if nodes is None:
            return
        name = f"{texts.file_name(nodes.segmentation.GetName())}.csv"
        chosen = qt.QFileDialog.getSaveFileName(self.ui.csvButton, _("Save the lesion table"), name, "CSV (*.csv)")
        if isinstance(chosen, tuple):  # some bindings of Qt return the filter too
            chosen = chosen[0]
        if chosen:
            text = _text(nodes, ",")
            self.panel.attempt(lambda: _save(Path(chosen), text))

    def _onReport(self) -> None:
        nodes = self._noted()
        if nodes is None:
            return
        chosen = qt.QFileDialog.getExistingDirectory(self.ui.reportButton, _("Choose where the report's folder goes"))
        if chosen:
            folder = unused_folder(Path(chosen) / f"{texts.file_name(nodes.segmentation.GetName())} report")
            self.panel.attempt(lambda: self.logic.jobs.report(nodes, folder, self._onWritten, overwrite=False))

    def _onWritten(self, files: list[str]) -> None:
        page = next(file for file in files if file.endswith(".html"))
        self.ui.reportLabel.text = _("<a href='{link}'>Open the report</a>").format(link=Path(page).as_uri())
        self.ui.reportLabel.visible = True

    def _onMeasure(self) -> None:
        nodes = self._noted()
        if nodes:
            self.panel.attempt(lambda: self.logic.jobs.measure(nodes, lambda found: None))


def _state(nodes: ResultNodes, chosen: slicer.vtkMRMLScalarVolumeNode | None) -> tuple[Any, ...]:
    """Changes whenever the result or its volume's name do, or another CT is chosen."""
    return nodes.table.GetID(), nodes.table.GetMTime(), nodes.volume.GetName(), chosen is nodes.volume


def _text(nodes: ResultNodes, delimiter: str) -> str:
    table = nodes.table
    words = mrml_tables.notes(table), mrml_tables.origins(table), mrml_tables.liver_segments(table)
    return table_text(mrml_tables.rows(table), delimiter, *words)


def _save(path: Path, text: str) -> None:
    with whole_file(path, overwrite=True) as unfinished:  # the dialog has asked
        unfinished.write_text(text, encoding="utf-8")
