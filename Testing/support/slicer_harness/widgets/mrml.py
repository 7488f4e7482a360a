"""Stand-ins for widgets that hold a scene: qMRMLWidget, qSlicerWidget and the parent of a module's widget."""

from types import MappingProxyType

from PySide6 import QtCore, QtWidgets

from support.slicer_harness.properties import bare


@bare
class qMRMLWidget(QtWidgets.QWidget):
    mrmlSceneChanged = QtCore.Signal(object)
    CPP_SIGNALS = MappingProxyType({"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"})
    _scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


@bare
class qSlicerWidget(qMRMLWidget):
    pass


@bare
class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The parent that Slicer gives a module's widget; it hands events on to the Python instance."""

    _entered = False
    _instance = None
    _reload = None

    def __init__(self, parent=None):
        super().__init__(parent)
        QtWidgets.QVBoxLayout(self)

    isEntered = QtCore.Property(bool, lambda self: self._entered)

    def self(self):
        """The Python instance of the module's widget class."""
        return self._instance

    def enter(self):
        self._entered = True
        self._call("enter")

    def exit(self):
        self._entered = False
        self._call("exit")

    def reload(self):
        self._reload()

    def _call(self, name):
        method = getattr(self._instance, name, None)
        if method:
            method()
