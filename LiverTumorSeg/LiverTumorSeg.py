"""3D Slicer's module: the panel shows what the logic does, and the logic hands work to the library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

for _name in [name for name in sys.modules if name.partition(".")[0] == "LiverTumorSegPanel"]:
    del sys.modules[_name]  # Slicer's reload reads this file alone

_SOURCES = str(Path(__file__).resolve().parent.parent)
if not (Path(__file__).resolve().parent / "LiverTumorSegLib").is_dir() and _SOURCES not in sys.path:
    sys.path.append(_SOURCES)  # loaded from a source folder, where the library lies beside the module

from LiverTumorSegPanel import cleanup, settings
from LiverTumorSegPanel.changes import ChangesSection
from LiverTumorSegPanel.clicking import ClickSection
from LiverTumorSegPanel.cohort import CohortSection
from LiverTumorSegPanel.devices import DeviceSection
from LiverTumorSegPanel.dicom_out import DicomSection
from LiverTumorSegPanel.display import DisplaySection
from LiverTumorSegPanel.earlier_ct import EarlierCTSection
from LiverTumorSegPanel.inputs import InputSection
from LiverTumorSegPanel.lesions import LesionsSection
from LiverTumorSegPanel.logic import SegmentationLogic
from LiverTumorSegPanel.models import ModelSection
from LiverTumorSegPanel.other_models import OtherModelsSection
from LiverTumorSegPanel.outputs import OutputSection
from LiverTumorSegPanel.packages import PackagesSection
from LiverTumorSegPanel.parameters import LiverTumorSegParameterNode, requestOf, showResult
from LiverTumorSegPanel.results import ResultsSection
from LiverTumorSegPanel.running import RunSection
from LiverTumorSegPanel.sample_data import SampleSection, registerSampleData
from LiverTumorSegPanel.section import Section
from LiverTumorSegPanel.selftest import SelfTestMixin

from LiverTumorSegLib.core.about import HOMEPAGE

if TYPE_CHECKING:
    from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

_POLL_MILLISECONDS = 50
_AFTER_COARSE = 2
"""Row of the clean-up options among the advanced ones."""


class LiverTumorSeg(ScriptedLoadableModule):
    """Title, category, contributors and help, for the module finder."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Liver Tumor Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations"]
        self.parent.contributors = ["The LiverTumorSeg contributors"]
        self.parent.helpText = _(
            "Finds the liver and its lesions in a CT, as segments and as a table of lesions. "
            "For research only: this is not a medical device. "
            '<a href="{link}">How to use it, step by step</a>.'
        ).format(link=f"{HOMEPAGE}/blob/main/Resources/Documentation/slicer.md")
        self.parent.acknowledgementText = _(
            "The model that ships was trained on LiTS and on Task03 of the Medical Segmentation Decathlon; "
            "its card says how well it does and under which licence it is."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


class LiverTumorSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: its sections show the parameter node and the state of the logic's panel."""

    def __init__(self, parent: qt.QWidget | None = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: LiverTumorSegLogic = None  # type: ignore[assignment]  # until it is set up
        self.sections: list[Section] = []
        self._timer: qt.QTimer | None = None
        self._parameters: LiverTumorSegParameterNode | None = None
        self._tag: Any = None
        self._watched: slicer.vtkMRMLScalarVolumeNode | None = None

    def setup(self) -> None:
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/LiverTumorSeg.ui"))
        self.layout.addWidget(widget)
        cleanup.addWidgets(slicer.util.findChild(widget, "advancedSection").layout(), row=_AFTER_COARSE)
        earlier = slicer.util.loadUI(self.resourcePath("UI/EarlierCT.ui"))
        panel = widget.layout()
        panel.insertWidget(panel.indexOf(slicer.util.findChild(widget, "resultsSection")) + 1, earlier)
        self.ui = slicer.util.childWidgetVariables(widget)
        for each in (widget, earlier):
            each.setMRMLScene(slicer.mrmlScene)
        self.logic = LiverTumorSegLogic(self.resourcePath("requirements.txt"))
        self._addSections()
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLL_MILLISECONDS)
        self._timer.connect("timeout()", self.logic.panel.poll)
        self._timer.start()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()
        if self.parent.isEntered:  # after a reload nobody enters
            self._open()

    def _addSections(self) -> None:
        self._results = ResultsSection(self.ui, self.logic)
        run = RunSection(self.ui, self.logic, self.onSegment, self.onPreview)
        self._cohort = CohortSection(self.ui, self.logic, run.afterConsents)
        self._clicks = ClickSection(self.ui, self.logic, run.afterConsent)
        packages = PackagesSection(self.ui, self.logic)
        self._earlier = EarlierCTSection(self.ui, self.logic, run.afterConsent)
        self.sections = [
            InputSection(self.ui),
            ModelSection(self.ui, self.logic.panel),
            OtherModelsSection(self.ui, self.logic.panel),
            DeviceSection(self.ui, self.logic.panel),
            OutputSection(self.ui),
            run,
            self._results,
            self._clicks,  # it chooses a row
            LesionsSection(self.ui, self.logic),
            DisplaySection(self.ui),
            self._earlier,
            ChangesSection(self.ui, self.logic, self._earlier.jobs),
            self._cohort,  # these change bar and stage that others have set
            SampleSection(self.ui, self.logic.panel),
            packages,
            DicomSection(self.ui, self.logic, packages),
        ]
        self.logic.panel.changed.append(self.show)

    def cleanup(self) -> None:
        """End the worker and everything that could call this widget again."""
        if self._timer:
            self._timer.stop()
        if self.sections:
            self._clicks.end()
        self._disconnectGui()
        self.removeObservers()
        if self.logic:
            self.logic.panel.changed.clear()
            self.logic.close()

    def enter(self) -> None:
        """Connect to the scene's parameter node."""
        if not self._parameters or self._parameters.parameterNode is not self.logic.getParameterNode().parameterNode:
            self.initializeParameterNode()
        self._open()

    def _open(self) -> None:
        """Start the worker where the user wants that, or it ran already: what it knows may have changed."""
        if self.logic.panel.opened or settings.startsOnOpening():
            self.logic.panel.open()

    def exit(self) -> None:
        """Show all lesions alike again; a running job goes on."""
        self._clicks.end()
        self._results.leave()

    def onSceneStartClose(self, caller: vtk.vtkObject, event: str) -> None:
        """A job for a scene that goes away is of no use."""
        self._cohort.forget()
        self._clicks.forget()
        self._earlier.leave()
        self.logic.panel.cancel()
        self.logic.jobs.steps.clear()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: vtk.vtkObject, event: str) -> None:
        """The new scene gets its own parameter node."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: vtk.vtkObject, event: str) -> None:
        """A loaded scene may bring its own settings and result."""
        self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Take the scene's parameter node, and the first CT where none is chosen."""
        parameters = self.logic.getParameterNode()
        self.setParameterNode(parameters)
        if not parameters.inputVolume:
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")  # label maps are volumes too
            found = [node for node in volumes if node.GetClassName() == "vtkMRMLScalarVolumeNode"]
            parameters.inputVolume = found[0] if found else None

    def setParameterNode(self, parameters: LiverTumorSegParameterNode | None) -> None:
        """Show another parameter node, or none."""
        self._disconnectGui()
        self._parameters = parameters
        if parameters:
            self._tag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.show)
        for section in self.sections:
            section.parameters = parameters  # type: ignore[assignment]
        self.show()

    def _disconnectGui(self) -> None:
        if self._parameters and self.hasObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self.show):
            self._parameters.disconnectGui(self._tag)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self.show)

    def show(self, caller: vtk.vtkObject | None = None, event: str | None = None) -> None:
        """Bring every section up to date."""
        if self._parameters:
            self._watch(self._parameters.inputVolume)
            for section in self.sections:
                section.show()

    def _watch(self, volume: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """Notice when the chosen CT, its voxels or its transform change."""
        if volume is self._watched:
            return
        events = (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLTransformableNode.TransformModifiedEvent)
        for event in (*events, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent):
            if self._watched:
                self.removeObserver(self._watched, event, self.show)
            if volume:
                self.addObserver(volume, event, self.show)
        self._watched = volume

    def onSegment(self) -> None:
        """Start segmenting what the parameter node says."""
        parameters = self._parameters
        if not parameters:
            return

        def done(nodes: ResultNodes) -> None:
            showResult(parameters, nodes)
            self.logic.panel.later(self._results.bringIntoView)

        self.logic.jobs.segment(requestOf(parameters), done)

    def onPreview(self) -> None:
        """Add what the network would see to the scene."""
        parameters = self._parameters
        if parameters:
            self.logic.jobs.preview(parameters.inputVolume, parameters.model, self._showPreview)

    def _showPreview(self, node: slicer.vtkMRMLScalarVolumeNode) -> None:
        slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=1)


class LiverTumorSegLogic(SegmentationLogic, ScriptedLoadableModuleLogic):
    """Logic that scripts call: see :class:`LiverTumorSegPanel.logic.SegmentationLogic`."""

    def __init__(self, requirements: Path | str | None = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        SegmentationLogic.__init__(self, requirements or Path(__file__).parent / "Resources/requirements.txt")

    def getParameterNode(self) -> LiverTumorSegParameterNode:
        """The scene's parameter node, typed."""
        return LiverTumorSegParameterNode(super().getParameterNode())


class LiverTumorSegTest(SelfTestMixin, ScriptedLoadableModuleTest):
    """Load, segment, check, cancel, save and load again: see :class:`LiverTumorSegPanel.selftest.SelfTestMixin`."""

    logicClass = LiverTumorSegLogic

    def runTest(self) -> None:
        """Run every test of the mixin, each on an empty scene."""
        self.runAll()
