"""Every volume of a sequence, and a folder of CTs: one after the other, with one table and one sentence at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel import mrml_batch, texts
from LiverTumorSegLib.apps.panel.batch import BatchItem, BatchRun
from LiverTumorSegLib.apps.panel.job_runner import IDLE, Answer, PanelState
from LiverTumorSegLib.apps.panel.mrml_batch import SequenceBatch
from LiverTumorSegLib.apps.panel.mrml_segmentations import SegmentOutput
from LiverTumorSegLib.core.errors import UserError

from .logic import SegmentationLogic
from .parameters import settingsOf
from .section import Section


class CohortSection(Section):
    """Starts a run over many CTs and shows how far it is; it comes after the section of the progress bar.

    Args:
        ui: the panel's widgets.
        logic: whose jobs do the work.
        first: gets the work, and does it once all is asked that has to be asked before a segmentation.
    """

    def __init__(
        self,
        ui: Any,
        logic: SegmentationLogic,
        first: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        super().__init__(ui)
        self.logic, self.panel, self._first = logic, logic.panel, first
        self._run: BatchRun | None = None
        self._sentence = ""
        self.panel.changed.insert(0, self._follow)  # before anybody shows a panel that seems idle between two CTs
        ui.sequenceSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onChosen)
        ui.sequenceButton.connect("clicked(bool)", self._onSequence)
        ui.folderButton.connect("clicked(bool)", self._onFolder)

    def show(self) -> None:
        """Bring buttons, sentence and, during a run, bar and stage up to date."""
        idle = self.panel.state in IDLE
        self.ui.sequenceButton.enabled = idle and self.ui.sequenceSelector.currentNode() is not None
        self.ui.folderButton.enabled = idle
        self.ui.cohortLabel.text = self._sentence
        self.ui.cohortLabel.visible = bool(self._sentence)
        if self._run and not self._run.over:
            self.ui.progressBar.value = int(100 * self._run.fraction)
            self.ui.segmentButton.toolTip = _("Stop; what is done stays")
            if self.panel.state is not PanelState.CANCELLING:
                self.ui.stageLabel.text = _stage(self._run, texts.state(self.panel))

    def forget(self) -> None:
        """Let a run end without a word: it belongs to a scene that goes away."""
        self._run, self._sentence = None, ""

    def _follow(self) -> None:
        if self._run:
            self._run.follow()

    def _onChosen(self, node: slicer.vtkMRMLNode | None) -> None:
        if self.parameters:
            self.show()

    def _onSequence(self) -> None:
        self.panel.attempt(lambda: self._first(self._segmentSequence))

    def _segmentSequence(self) -> None:
        sequence = self.ui.sequenceSelector.currentNode()
        if not sequence.GetNumberOfDataNodes():
            raise UserError(_("“{name}” is empty: choose a sequence of CTs.").format(name=sequence.GetName()))
        output = SegmentOutput(self.parameters.oneEach)
        batch = SequenceBatch(self.logic.jobs, sequence, settingsOf(self.parameters), output)
        self._begin(batch.items(), _("CTs of {name}").format(name=sequence.GetName()), batch.finish)

    def _onFolder(self) -> None:
        source = qt.QFileDialog.getExistingDirectory(self.ui.folderButton, _("Choose a folder of CTs"))
        title = _("Choose a folder for the segmentations")
        output = qt.QFileDialog.getExistingDirectory(self.ui.folderButton, title, source) if source else ""
        if output:
            self.panel.attempt(lambda: self._first(lambda: self._segmentFolder(Path(source), Path(output))))

    def _segmentFolder(self, source: Path, output: Path) -> None:
        if source.resolve() == output.resolve():
            raise UserError(
                _("{folder} holds the CTs: choose another folder for the segmentations.").format(folder=source)
            )
        settings, self._sentence = settingsOf(self.parameters), ""

        def found(cases: list[Answer], remarks: list[str]) -> None:
            items = mrml_batch.folder_items(self.panel, cases, output, settings)
            where = _("The segmentations are in {folder}.").format(folder=output)
            self.panel.later(lambda: self._begin(items, _("CTs of a folder"), says=[where, *remarks]))

        mrml_batch.find_cases(self.panel, source, output, found)

    def _begin(
        self,
        items: Sequence[BatchItem],
        name: str,
        finish: Callable[[], None] = lambda: None,
        says: Sequence[str] = (),
    ) -> None:
        def ended(run: BatchRun) -> None:
            finish()
            if self._run is run:
                self._end(run, name, says)

        self._sentence = ""
        self._run = BatchRun(self.panel, items, ended)
        self._run.follow()

    def _end(self, run: BatchRun, name: str, says: Sequence[str]) -> None:
        table = mrml_batch.table_of(run.answers, name) if run.answers else None
        if table:
            _showTable(table)
        self._sentence = " ".join([_sentence(run, table.GetName() if table else ""), *says])
        self.panel.reset()  # the table says what failed


def _stage(run: BatchRun, stage: str) -> str:
    said = _("{number} of {count}, {name}: {stage}")
    return said.format(number=run.number, count=len(run.items), name=run.item.name, stage=stage)


def _sentence(run: BatchRun, table: str) -> str:
    done, count = len(run.answers) - len(run.failed), len(run.items)
    said = _("All {count} CTs were segmented: the table “{table}” has their measures.")
    if not run.answers:
        said = _("Cancelled; nothing was segmented.")
    elif run.cancelled:
        said = _("Cancelled when {done} of {count} CTs were segmented: the table “{table}” has their measures.")
    elif run.failed:
        said = _("{done} of {count} CTs were segmented, {failed} failed: the table “{table}” says why.")
    elif count == 1:
        said = _("The one CT was segmented: the table “{table}” has its measures.")
    return said.format(done=done, count=count, failed=len(run.failed), table=table)


def _showTable(node: slicer.vtkMRMLTableNode) -> None:
    """Show a table in the layout that has one."""
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveTableID(node.GetID())
    logic.PropagateTableSelection()
    layout = slicer.app.layoutManager()
    if layout is not None:
        layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpTableView)
