"""Loads, opens, reloads and closes scripted modules, as Slicer's module manager does."""

import importlib.util
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from support.slicer_harness.properties import bare
from support.slicer_harness.widgets import qSlicerScriptedLoadableModuleWidget

_UNLOADED = "moduleAboutToBeUnloaded(QString)"


@bare
class qSlicerScriptedLoadableModule(QtCore.QObject):
    """Object that `slicer.modules.<name>` is: the module's metadata, its panel and its logic."""

    path = ""
    title = ""
    categories = ()
    dependencies = ()
    contributors = ()
    helpText = ""
    acknowledgementText = ""
    associatedNodeTypes = ()
    icon = None
    hidden = False
    widgetRepresentationCreationEnabled = True
    _panel = None

    def __init__(self, path):
        super().__init__()
        self.path = str(path)
        self.objectName = Path(path).stem
        self.icon = QtGui.QIcon()

    def widgetRepresentation(self):
        """The panel's parent; the panel is made and set up when first asked for."""
        if self._panel is None and hasattr(sys.modules[self.name], f"{self.name}Widget"):
            self._panel = self.createNewWidgetRepresentation()
        return self._panel

    def createNewWidgetRepresentation(self):
        parent = qSlicerScriptedLoadableModuleWidget()
        parent.setMRMLScene(slicer.mrmlScene)
        parent.windowTitle = self.title
        parent._reload = lambda: _fill(parent, self.name)
        _fill(parent, self.name)
        return parent

    def logic(self):
        """Scripted modules have the C++ logic that does nothing; their own is `getModuleLogic`."""
        return slicer.vtkSlicerScriptedLoadableModuleLogic()


def load_module(path):
    """Register the module at a path and return its Python module; one of the same name gives way."""
    path = Path(path).resolve()
    name = path.stem
    unload_module(name)
    sys.path.append(str(path.parent))
    source = _import(name, path)
    module = qSlicerScriptedLoadableModule(path)
    instance = getattr(source, name)(module)
    setattr(slicer.modules, name.lower(), module)
    setattr(slicer.modules, f"{name}Instance", instance)
    if hasattr(instance, "setup"):
        instance.setup()
    slicer.app.moduleManager().moduleLoaded.emit(name)
    return source


def unload_module(name):
    """Close the module's panel and forget its files, if it was loaded."""
    module = vars(slicer.modules).get(name.lower())
    if module is None:
        return
    if module._panel is not None:
        close_module(module._panel.self())
    folder = str(Path(module.path).parent)
    sys.path.remove(folder)
    within = folder + os.sep
    for imported in [n for n, m in sys.modules.items() if (getattr(m, "__file__", None) or "").startswith(within)]:
        del sys.modules[imported]
    vars(slicer.modules).pop(name.lower())
    vars(slicer.modules).pop(f"{name}Instance", None)
    getattr(slicer, "selfTests", {}).pop(name, None)


def open_module(module):
    """Show a module's panel and enter it; takes its name, its Python module or `slicer.modules.<name>`."""
    name = module if isinstance(module, str) else getattr(module, "__name__", None) or module.name
    parent = getattr(slicer.modules, name.lower()).widgetRepresentation()
    parent.resize(max(420, parent.sizeHint.width()), parent.sizeHint.height())
    parent.show()
    parent.enter()
    QtWidgets.QApplication.processEvents()
    return parent.self()


def close_module(widget):
    """Leave the panel, clean it up and delete it, as Slicer does when it ends."""
    parent = widget.parent
    if parent.isEntered:
        parent.exit()
    _clean_up(widget)
    vars(slicer.modules).pop(f"{widget.moduleName}Widget", None)
    module = vars(slicer.modules).get(widget.moduleName.lower())
    if module is not None and module._panel is parent:
        module._panel = None
    parent._reload = parent._instance = None
    parent.delete()


def reload_module(name):
    """Reload as Slicer's button does: neither exit() nor enter() is called, and the parent stays."""
    module = getattr(slicer.modules, name.lower())
    source = _import(name, module.path)
    parent = module.widgetRepresentation()
    for child in parent.children():
        if child.isWidgetType():
            child.hide()
    _clean_up(parent.self())
    layout = parent.layout()
    while layout.count():
        layout.takeAt(0)
    parent.reload()
    return source


def _clean_up(widget):
    widget.cleanup()
    if hasattr(widget, "_onModuleAboutToBeUnloaded"):
        slicer.app.moduleManager().disconnect(_UNLOADED, widget._onModuleAboutToBeUnloaded)


def _fill(parent, name):
    instance = getattr(sys.modules[name], f"{name}Widget")(parent)
    parent._instance = instance
    setattr(slicer.modules, f"{name}Widget", instance)
    instance.setup()


class _AlwaysFresh(SourceFileLoader):
    """Ignores compiled files, which look current when a source changes twice within a second."""

    def path_stats(self, path):
        raise OSError(path)


def _import(name, path):
    spec = importlib.util.spec_from_file_location(name, path, loader=_AlwaysFresh(name, str(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
