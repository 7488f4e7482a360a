"""A tiny scripted module with a panel, for the harness's own tests."""

from pathlib import Path
from string import Template

MODULE = Template("""\
from typing import Annotated

import qt
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin

GREETING = "$greeting"


class Tiny(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("A tiny module")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Examples")]
        slicer.app.connect("startupCompleted()", self.onStartup)
        self.startups = 0

    def onStartup(self):
        self.startups += 1


@parameterNodeWrapper
class TinyParameterNode:
    inputVolume: vtkMRMLScalarVolumeNode
    model: Annotated[str, Choice(["fast", "full"])] = "fast"
    threshold: Annotated[float, WithinRange(0, 1)] = 0.5
    surface: bool = True


class TinyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.events = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/Tiny.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = TinyLogic()
        self.timer = qt.QTimer(self.parent)
        self.timer.interval = 1
        self.timer.timeout.connect(self.onTimeout)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.initializeParameterNode()

    def enter(self):
        self.events.append("enter")

    def exit(self):
        self.events.append("exit")

    def cleanup(self):
        self.events.append("cleanup")
        self.parameters.disconnectGui(self.tag)
        self.removeObservers()

    def initializeParameterNode(self):
        self.parameters = self.logic.getParameterNode()
        self.tag = self.parameters.connectGui(self.ui)

    def onSceneEndClose(self, caller, event):
        self.events.append("closed")

    def onSceneEndImport(self, caller, event):
        self.parameters.disconnectGui(self.tag)
        self.initializeParameterNode()

    def onTimeout(self):
        self.timer.stop()
        raise RuntimeError("in a timer")

    def onApply(self):
        volume = self.parameters.inputVolume
        if volume is None:
            raise RuntimeError("in a slot")
        self.ui.statusLabel.text = GREETING + " " + volume.GetName()


class TinyLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return TinyParameterNode(super().getParameterNode())


class TinyTest(ScriptedLoadableModuleTest):
    ran = 0

    def runTest(self):
        self.delayDisplay("Running")
        TinyTest.ran += 1
""")
FORM = """\
<ui version="4.0"><class>Tiny</class>
<widget class="qMRMLWidget" name="Tiny"><layout class="QVBoxLayout">
 <item><widget class="ctkCollapsibleButton" name="inputs"><property name="text"><string>Input</string></property>
  <layout class="QFormLayout">
   <item row="0" column="1"><widget class="qMRMLNodeComboBox" name="inputSelector">
    <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
    <property name="noneEnabled"><bool>true</bool></property>
    <property name="SlicerParameterName" stdset="0"><string>inputVolume</string></property></widget></item>
   <item row="1" column="1"><widget class="QComboBox" name="modelBox">
    <property name="SlicerParameterName" stdset="0"><string>model</string></property></widget></item>
   <item row="2" column="1"><widget class="ctkSliderWidget" name="thresholdSlider">
    <property name="SlicerParameterName" stdset="0"><string>threshold</string></property></widget></item>
   <item row="3" column="1"><widget class="QCheckBox" name="surfaceBox">
    <property name="SlicerParameterName" stdset="0"><string>surface</string></property></widget></item>
  </layout></widget></item>
 <item><widget class="QPushButton" name="applyButton"><property name="text"><string>Apply</string></property>
 </widget></item>
 <item><widget class="QLabel" name="statusLabel"/></item>
</layout></widget>
<connections><connection><sender>Tiny</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
 <receiver>inputSelector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>
"""


def write(folder, greeting="Hello"):
    """Write the module into a folder and return its path."""
    path = Path(folder) / "Tiny.py"
    form = path.parent / "Resources" / "UI" / "Tiny.ui"
    form.parent.mkdir(parents=True, exist_ok=True)
    form.write_text(FORM)
    path.write_text(MODULE.substitute(greeting=greeting))
    return path
