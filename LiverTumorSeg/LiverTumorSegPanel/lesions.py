"""Working through the lesions one by one: the next, not a lesion, a note, correction in Segment Editor, undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer

from LiverTumorSegLib.apps.panel.job_runner import IDLE
from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

from .logic import SegmentationLogic
from .parameters import resultOf, showResult
from .section import Section
from .table import chooseRow, chosenLesion, showNote

_EDITOR = "SegmentEditor"
KEYS = {
    "previousButton": "Alt+Left",
    "nextButton": "Alt+Right",
    "notLesionButton": "Alt+Del",
    "undoButton": "Alt+Z",
    "redoButton": "Alt+Shift+Z",
}
"""Keys of buttons, while the panel is seen."""


class LesionsSection(Section):
    """Buttons that act on the chosen lesion, and on what was done last.

    Args:
        ui: the panel's widgets.
        logic: whose jobs take lesions away and back.
    """

    def __init__(self, ui: Any, logic: SegmentationLogic) -> None:
        super().__init__(ui)
        self.logic, self.panel = logic, logic.panel
        ui.previousButton.connect("clicked(bool)", lambda _checked=False: self._step(-1))
        ui.nextButton.connect("clicked(bool)", lambda _checked=False: self._step(1))
        ui.notLesionButton.connect("clicked(bool)", self._onNotLesion)
        self._noting: tuple[ResultNodes, int] | None = None
        ui.noteEdit.connect("textEdited(QString)", self._onNoting)
        ui.noteEdit.connect("editingFinished()", self._keepNote)
        ui.editButton.connect("clicked(bool)", self._onEdit)
        ui.undoButton.connect("clicked(bool)", lambda _checked=False: self._onBack(logic.jobs.undo))
        ui.redoButton.connect("clicked(bool)", lambda _checked=False: self._onBack(logic.jobs.redo))
        ui.lesionTable.connect("itemSelectionChanged()", self._onChosen)
        self._shortcuts = [_shortcut(ui.resultsSection, key, getattr(ui, name)) for name, key in KEYS.items()]

    def show(self) -> None:
        """Bring buttons and note up to date."""
        nodes = resultOf(self.parameters) if self.parameters else None
        row = chosenLesion(self.ui.lesionTable) if nodes else None
        idle, ui = self.panel.state in IDLE, self.ui
        for button in (ui.previousButton, ui.nextButton):
            button.enabled = ui.lesionTable.rowCount > 0
        ui.notLesionButton.enabled = ui.noteEdit.enabled = idle and row is not None
        ui.editButton.enabled = row is not None
        ui.undoButton.enabled = bool(idle and nodes and self.logic.jobs.steps.has(nodes.table))
        ui.redoButton.enabled = bool(idle and nodes and self.logic.jobs.steps.has_undone(nodes.table))
        if self._noting is None:
            text = nodes.note_of(row) if nodes and row is not None else ""
            if ui.noteEdit.text != text:
                ui.noteEdit.text = text

    def _step(self, by: int) -> None:
        """Go to the next row, or to the first or last where none is chosen; the ends are ends."""
        table = self.ui.lesionTable
        before = table.currentRow() if table.selectedItems() else (-1 if by > 0 else table.rowCount)
        chooseRow(table, max(0, min(before + by, table.rowCount - 1)))

    def _onNotLesion(self) -> None:
        self._keepNote()
        nodes, row = resultOf(self.parameters), chosenLesion(self.ui.lesionTable)
        if nodes and row is not None:
            place = self.ui.lesionTable.currentRow()
            self.panel.attempt(lambda: self.logic.jobs.remove(nodes, row, lambda found: self._chooseAfter(place)))

    def _chooseAfter(self, place: int) -> None:
        """Choose what stands now where the lesion stood that was taken away, so that work goes on from there."""

        def choose() -> None:
            table = self.ui.lesionTable
            if self.parameters and table.rowCount:
                chooseRow(table, min(place, table.rowCount - 1))

        self.panel.later(choose)

    def _onChosen(self) -> None:
        self._keepNote()
        self.show()

    def _onNoting(self, text: str) -> None:
        """Remember whose note the words are, whatever is chosen when they are done."""
        nodes, row = resultOf(self.parameters), chosenLesion(self.ui.lesionTable)
        if self._noting is None and nodes and row is not None:
            self._noting = nodes, row

    def _keepNote(self) -> None:
        noting, self._noting = self._noting, None
        if noting and slicer.mrmlScene.IsNodePresent(noting[0].table):
            nodes, row = noting
            self.panel.attempt(lambda: nodes.note(row, self.ui.noteEdit.text))
            showNote(self.ui.lesionTable, row, nodes.note_of(row))

    def _onEdit(self) -> None:
        nodes, row = resultOf(self.parameters), chosenLesion(self.ui.lesionTable)
        if nodes and row is not None:
            editor = slicer.mrmlScene.GetSingletonNode(_EDITOR, "vtkMRMLSegmentEditorNode")
            if editor is None:
                editor = slicer.vtkMRMLSegmentEditorNode()
                editor.SetSingletonTag(_EDITOR)
                editor = slicer.mrmlScene.AddNode(editor)
            editor.SetAndObserveSegmentationNode(nodes.segmentation)
            editor.SetAndObserveSourceVolumeNode(nodes.volume)
            editor.SetSelectedSegmentID(nodes.facts["rows"][row])
            slicer.util.selectModule(_EDITOR)

    def _onBack(self, step: Callable[..., None]) -> None:
        self._keepNote()
        nodes = resultOf(self.parameters)
        if nodes:
            self.panel.attempt(lambda: step(nodes, self._showBack))

    def _showBack(self, nodes: ResultNodes) -> None:
        """Show what came back, which may be of another CT than what it was replaced by."""
        if self.parameters:
            showResult(self.parameters, nodes)


def _shortcut(parent: Any, key: str, button: Any) -> Any:
    return shortcut(parent, key, lambda: button.enabled and button.click())


def shortcut(parent: Any, key: str, act: Callable[[], Any]) -> Any:
    """A key that acts while a widget is seen."""
    made = qt.QShortcut(qt.QKeySequence(key), parent)
    made.connect("activated()", act)
    return made
