"""The section *Earlier CT*: which CT is compared with the result, the one button, sums and warnings, the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.apps.panel import follow_up_texts, mrml_comparison_views, mrml_tables, texts
from LiverTumorSegLib.apps.panel.job_runner import IDLE, PanelState
from LiverTumorSegLib.apps.panel.mrml_comparison import ComparisonNodes, table_is_comparison
from LiverTumorSegLib.apps.panel.mrml_dicom import INSTANCES
from LiverTumorSegLib.apps.panel.mrml_follow_up import FollowUpJobs, FollowUpRequest, settings_of
from LiverTumorSegLib.apps.panel.mrml_results import earlier_table
from LiverTumorSegLib.core.about import NO_LIVER
from LiverTumorSegLib.core.atomic_files import unused_folder

from .dicom_out import fileOf
from .folded_warnings import FoldedWarnings
from .logic import SegmentationLogic
from .parameters import LiverTumorSegParameterNode, resultOf
from .section import Section
from .texts import plain

_ROUNDED_ML = 0.002
_DATES = ("0008,0022", "0008,0023", "0008,0021", "0008,0020")
"""Acquisition, content, series and study date (DICOM PS3.3), the nearest first."""


class EarlierCTSection(Section):
    """Compares an earlier CT with the result, and shows what the parameter node's comparison says as a whole.

    Args:
        ui: the panel's widgets.
        logic: whose jobs do the work.
        afterConsent: does work with a model, of a name, where the user knows its licence.
    """

    def __init__(
        self, ui: Any, logic: SegmentationLogic, afterConsent: Callable[[Callable[[], None], str], None]
    ) -> None:
        super().__init__(ui)
        self.logic, self.panel, self._afterConsent = logic, logic.panel, afterConsent
        self.jobs = FollowUpJobs(logic.jobs, _areSamePatient)
        self._warnings = FoldedWarnings(ui.comparisonWarnings)
        self._reported = ""
        ui.compareButton.connect("clicked(bool)", self._onCompare)
        ui.comparisonReportButton.connect("clicked(bool)", self._onReport)
        ui.comparisonReportLabel.visible = False

    def show(self) -> None:
        """Bring button, hints, sums and warnings up to date."""
        parameters, ui = self.parameters, self.ui
        result = resultOf(parameters)
        earlier, busy = parameters.earlierVolume, self.panel.busy
        ready = self.panel.state in IDLE and result is not None and earlier is not None
        ui.compareButton.enabled = ready or (busy and self.panel.state is not PanelState.CANCELLING)
        ui.compareButton.text = follow_up_texts.button(busy=busy)
        ui.compareButton.toolTip = follow_up_texts.button_tool_tip(
            has_later=result is not None,
            has_earlier=earlier is not None,
            segmented=parameters.earlierSegmentation is not None,
        )
        for field, volume in ((ui.earlierDateEdit, earlier), (ui.laterDateEdit, result and result.volume)):
            field.placeholderText = follow_up_texts.date_hint(_dateOf(volume))
        nodes = comparisonOf(parameters)
        ui.changesFrame.visible = nodes is not None
        ui.comparisonReportButton.enabled = self.panel.state in IDLE
        if nodes:
            facts = nodes.facts
            ui.comparisonLabel.text = follow_up_texts.summary(facts, [volume.GetName() for volume in nodes.volumes])
            self._warnings.show(follow_up_texts.warnings(facts, changed=_isChanged(nodes)))
            ui.comparisonReportLabel.visible = self._reported == nodes.table.GetID()

    def leave(self) -> None:
        """Bring the views back as they were before the comparison."""
        nodes = comparisonOf(self.parameters) if self.parameters else None
        if nodes:
            mrml_comparison_views.close_views(nodes)

    def _onCompare(self) -> None:
        if self.panel.busy:
            self.panel.cancel()
        else:
            self.panel.attempt(self._compare)

    def _compare(self) -> None:
        parameters = self.parameters
        later = resultOf(parameters)
        if later is None or parameters.earlierVolume is None:
            return
        volumes = (parameters.earlierVolume, later.volume)
        request = FollowUpRequest(
            later,
            parameters.earlierVolume,
            parameters.earlierSegmentation,
            (_imageOf(volumes[0]), _imageOf(volumes[1])),
            (parameters.earlierDate.strip(), parameters.laterDate.strip()),
            parameters.device,
        )

        def done(nodes: ComparisonNodes) -> None:
            if self.parameters is parameters:
                parameters.earlierSegmentation = nodes.segmentations[0]
                parameters.comparison = nodes.table
            self._reported = ""
            mrml_comparison_views.open_views(nodes, mrml_comparison_views.layout_of(nodes))

        def work() -> None:
            self.jobs.compare(request, done)

        if request.segmentation is not None:
            work()
            return
        settings = settings_of(later)
        for name in (settings.liver_model, settings.model):
            if name != NO_LIVER:
                work = _first(self._afterConsent, work, name)
        work()

    def _onReport(self) -> None:
        nodes = comparisonOf(self.parameters)
        if nodes is None:
            return
        button = self.ui.comparisonReportButton
        chosen = qt.QFileDialog.getExistingDirectory(button, _("Choose where the report's folder goes"))
        if chosen:
            folder = unused_folder(Path(chosen) / f"{texts.file_name(nodes.table.GetName())} report")
            self.panel.attempt(lambda: self.jobs.report(nodes, folder, lambda files: self._onWritten(nodes, files)))

    def _onWritten(self, nodes: ComparisonNodes, files: list[str]) -> None:
        page = next(file for file in files if file.endswith(".html"))
        label = self.ui.comparisonReportLabel
        label.text = _("<a href='{link}'>Open the report</a>").format(link=Path(page).as_uri())
        self._reported = nodes.table.GetID()


def comparisonOf(parameters: LiverTumorSegParameterNode) -> ComparisonNodes | None:
    """The comparison that the panel shows, or None where there is none in the scene."""
    table = parameters.comparison
    nodes = ComparisonNodes(table) if table_is_comparison(table) else None
    return nodes if nodes and nodes.is_whole else None


def _first(afterConsent: Callable[..., None], work: Callable[[], None], name: str) -> Callable[[], None]:
    return lambda: afterConsent(work, name)


def _areSamePatient() -> bool:
    return bool(slicer.util.confirmYesNoDisplay(plain(follow_up_texts.other_patients())))


def _isChanged(nodes: ComparisonNodes) -> bool:
    """Whether the results' tables have other lesions by now than those that were compared."""
    for segmentation, lesions in zip(nodes.segmentations, nodes.facts["lesions"], strict=True):
        table = earlier_table(segmentation)
        if table is None or not table.GetNumberOfRows():
            continue
        now = sorted(row["volume_ml"] for row in mrml_tables.rows(table))
        then = sorted(one["volume_ml"] for one in lesions)
        if len(now) != len(then) or any(abs(a - b) > _ROUNDED_ML for a, b in zip(now, then, strict=True)):
            return True
    return False


def _imageOf(volume: slicer.vtkMRMLScalarVolumeNode) -> str:
    """A DICOM image of a CT; none where it was not loaded from DICOM, or its file is gone."""
    uids = (volume.GetAttribute(INSTANCES) or "").split()
    file = fileOf(uids[0]) if uids else ""
    return file if file and Path(file).is_file() else ""


def _dateOf(volume: slicer.vtkMRMLScalarVolumeNode | None) -> str:
    """The day of a CT, in ISO 8601, as Slicer's DICOM database has it; empty where it is not known."""
    uids = ((volume and volume.GetAttribute(INSTANCES)) or "").split()
    value = getattr(getattr(slicer, "dicomDatabase", None), "instanceValue", None)
    if not uids or value is None:
        return ""
    found = next((day for day in (value(uids[0], tag) for tag in _DATES) if day), "")
    return f"{found[:4]}-{found[4:6]}-{found[6:8]}" if len(found) == len("20260331") and found.isdecimal() else ""
