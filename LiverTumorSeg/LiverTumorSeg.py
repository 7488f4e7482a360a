"""3D Slicer's module: the panel shows what the logic does, and the logic hands work to the library."""

import sys
from pathlib import Path
from typing import Annotated

import qt
import slicer
import vtk
from slicer import (
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
)
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
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

from LiverTumorSegPanel.devices import DeviceSection
from LiverTumorSegPanel.inputs import InputSection
from LiverTumorSegPanel.logic import SegmentationLogic
from LiverTumorSegPanel.models import ModelSection
from LiverTumorSegPanel.results import ResultsSection
from LiverTumorSegPanel.running import RunSection
from LiverTumorSegPanel.sample_data import registerSampleData
from LiverTumorSegPanel.selftest import SelfTestMixin

from LiverTumorSegLib import DEFAULT_MODEL, PRECISIONS
from LiverTumorSegLib.mrml.jobs import Nodes, Request
from LiverTumorSegLib.mrml.segmentations import Output
from LiverTumorSegLib.panel import Settings

_POLL_MILLISECONDS = 50


class LiverTumorSeg(ScriptedLoadableModule):
    """What the module finder needs to know."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Liver Tumor Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations"]
        self.parent.contributors = ["The LiverTumorSeg authors"]
        self.parent.helpText = _(
            "Finds the liver and its lesions in a CT, as segments and as a table of lesions. "
            "For research only: this is not a medical device."
        )
        self.parent.acknowledgementText = _(
            "The model that ships was trained on LiTS and on Task03 of the Medical Segmentation Decathlon; "
            "its card says how well it does and under which licence it is."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


@parameterNodeWrapper
class LiverTumorSegParameterNode:
    """Everything the user chose, and where the last result is; saved with the scene."""

    inputVolume: vtkMRMLScalarVolumeNode
    roi: vtkMRMLMarkupsROINode
    outputSegmentation: vtkMRMLSegmentationNode
    model: str = DEFAULT_MODEL
    device: str = "auto"
    replaceSegments: bool = False
    oneEach: bool = False
    closedSurface: bool = True
    coarsePass: bool = True
    largestLiver: bool = True
    lesionsInLiver: bool = True
    fillHoles: bool = True
    smallestLesionMl: Annotated[float, WithinRange(0, 1000)] = 0.05
    leastProbability: Annotated[float, WithinRange(0, 1)] = 0.0
    leastContrastHu: Annotated[float, WithinRange(0, 1000)] = 0.0
    smallestLiverMl: Annotated[float, WithinRange(0, 1000)] = 50.0
    batch: Annotated[int, WithinRange(0, 512)] = 0
    precision: Annotated[str, Choice(PRECISIONS)] = "auto"
    resultVolume: vtkMRMLScalarVolumeNode
    resultSegmentation: vtkMRMLSegmentationNode
    resultTable: vtkMRMLTableNode


def settingsOf(parameters) -> Settings:
    """How to segment, as the parameter node says."""
    return Settings(
        model=parameters.model,
        device=parameters.device,
        coarse_pass=parameters.coarsePass,
        batch=parameters.batch,
        precision=parameters.precision,
        postprocessing={
            "largest_liver": parameters.largestLiver,
            "lesions_in_liver": parameters.lesionsInLiver,
            "fill_holes": parameters.fillHoles,
            "smallest_lesion_ml": parameters.smallestLesionMl,
            "least_probability": parameters.leastProbability,
            "least_contrast_hu": parameters.leastContrastHu,
            "smallest_liver_ml": parameters.smallestLiverMl,
        },
    )


def requestOf(parameters) -> Request:
    """What to segment and where to put it, as the parameter node says."""
    return Request(
        volume=parameters.inputVolume,
        segmentation=parameters.outputSegmentation,
        roi=parameters.roi,
        settings=settingsOf(parameters),
        output=Output(parameters.oneEach, parameters.replaceSegments),
        surface=parameters.closedSurface,
    )


def resultOf(parameters) -> Nodes | None:
    """The last result, or None where there is none in the scene."""
    nodes = (parameters.resultVolume, parameters.resultSegmentation, parameters.resultTable)
    return Nodes(*nodes) if all(nodes) else None


class LiverTumorSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: its sections show the parameter node and the state of the logic's panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.sections = []
        self._timer = None
        self._parameters = None
        self._tag = None
        self._watched = None

    def setup(self):
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/LiverTumorSeg.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
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
            self.logic.panel.open()

    def _addSections(self):
        self.sections = [
            InputSection(self.ui),
            ModelSection(self.ui, self.logic.panel),
            DeviceSection(self.ui, self.logic.panel),
            RunSection(self.ui, self.logic, self.onSegment, self.onPreview),
            ResultsSection(self.ui, self.logic, resultOf),
        ]
        self.logic.panel.changed.append(self.show)

    def cleanup(self):
        """End the worker and everything that could call this widget again."""
        if self._timer:
            self._timer.stop()
        self._disconnectGui()
        self.removeObservers()
        if self.logic:
            self.logic.panel.changed.clear()
            self.logic.close()

    def enter(self):
        """Connect to the scene's parameter node and warm the worker up."""
        if not self._parameters or self._parameters.parameterNode is not self.logic.getParameterNode().parameterNode:
            self.initializeParameterNode()
        self.logic.panel.open()

    def exit(self):
        """Show all lesions alike again; a running job goes on."""
        self.sections[-1].leave()

    def onSceneStartClose(self, caller, event):
        """A job for a scene that goes away is of no use."""
        self.logic.panel.cancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """The new scene gets its own parameter node."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller, event):
        """A loaded scene may bring its own settings and result."""
        self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take the scene's parameter node, and the first CT where none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameters.inputVolume:
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")  # label maps are volumes too
            found = [node for node in volumes if node.GetClassName() == "vtkMRMLScalarVolumeNode"]
            self._parameters.inputVolume = found[0] if found else None

    def setParameterNode(self, parameters):
        """Show another parameter node, or none."""
        self._disconnectGui()
        self._parameters = parameters
        if parameters:
            self._tag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.show)
        for section in self.sections:
            section.parameters = parameters
        self.show()

    def _disconnectGui(self):
        if self._parameters and self.hasObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self.show):
            self._parameters.disconnectGui(self._tag)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self.show)

    def show(self, caller=None, event=None):
        """Bring every section up to date."""
        if self._parameters:
            self._watch(self._parameters.inputVolume)
            for section in self.sections:
                section.show()

    def _watch(self, volume):
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

    def onSegment(self):
        """Start segmenting what the parameter node says."""
        parameters = self._parameters

        def done(nodes):
            parameters.resultVolume, parameters.resultSegmentation = nodes.volume, nodes.segmentation
            parameters.resultTable = nodes.table

        self.logic.jobs.segment(requestOf(parameters), done)

    def onPreview(self):
        """Add what the network would see to the scene."""
        self.logic.jobs.preview(self._parameters.inputVolume, self._parameters.model, self._showPreview)

    def _showPreview(self, node):
        slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=1)


class LiverTumorSegLogic(SegmentationLogic, ScriptedLoadableModuleLogic):
    """What scripts call: see :class:`LiverTumorSegPanel.logic.SegmentationLogic`."""

    def __init__(self, requirements=None):
        ScriptedLoadableModuleLogic.__init__(self)
        SegmentationLogic.__init__(self, requirements or Path(__file__).parent / "Resources/requirements.txt")

    def getParameterNode(self):
        """The scene's parameter node, typed."""
        return LiverTumorSegParameterNode(super().getParameterNode())


class LiverTumorSegTest(SelfTestMixin, ScriptedLoadableModuleTest):
    """Load, segment, check, cancel, save and load again: see :class:`LiverTumorSegPanel.selftest.SelfTestMixin`."""

    logicClass = LiverTumorSegLogic

    def runTest(self):
        """Run every test of the mixin, each on an empty scene."""
        self.runAll()
