"""Stand-ins for slicer.app and its module manager."""

import tempfile
from types import SimpleNamespace

import slicer
from PySide6 import QtCore, QtWidgets

from support.slicer_harness import scene
from support.slicer_harness.properties import bare

VERSION = "5.10.0"


@bare
class ModuleManager(QtCore.QObject):
    moduleLoaded = QtCore.Signal(str)
    moduleAboutToBeUnloaded = QtCore.Signal(str)

    def module(self, name):
        return getattr(slicer.modules, name.lower(), None)

    def modulesNames(self):
        registered = vars(slicer.modules).items()
        return [module.name for key, module in registered if getattr(module, "name", "").lower() == key]

    def factoryManager(self):
        return SimpleNamespace(loadedModuleNames=self.modulesNames)


@bare
class Application(QtWidgets.QApplication):
    """Testing mode is on, so that `slicer.util` answers its own dialogs."""

    startupCompleted = QtCore.Signal()
    majorVersion, minorVersion = (int(part) for part in VERSION.split(".")[:2])
    documentationBaseUrl = "https://slicer.readthedocs.io/en/latest/"
    testing = True
    _manager = None
    _folder = None

    def __init__(self):
        super().__init__(["SlicerHarness"])
        self._manager = ModuleManager()
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-harness-")
        self.applicationName = "Slicer"
        self.applicationVersion = VERSION
        self.organizationName = "SlicerHarness"
        self.setStyle("Fusion")
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
            QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, scope, self._folder.name)

    temporaryPath = QtCore.Property(str, lambda self: self._folder.name)

    def testingEnabled(self):
        return self.testing

    def moduleManager(self):
        return self._manager

    def layoutManager(self):
        """None, as in Slicer without a main window."""

    def pythonConsole(self):
        """None, as in Slicer without a main window."""

    def mrmlScene(self):
        return slicer.mrmlScene

    def applicationLogic(self):
        return scene.application_logic()

    def settings(self):
        return QtCore.QSettings()

    def userSettings(self):
        return QtCore.QSettings()

    def pauseRender(self):
        """There are no views."""

    def resumeRender(self):
        """There are no views."""
