"""The decorator that turns a class of annotated members into a wrapper of a parameter node."""

import typing
import weakref

import slicer
import vtk
from slicer.parameterNodeWrapper.gui import Gui, widgets_of
from slicer.parameterNodeWrapper.parameters import Parameter


def parameterNodeWrapper(cls=None):
    """Works with and without parentheses."""
    return parameterNodeWrapper if cls is None else _wrap(cls)


def isParameterNodeWrapper(thing):
    return getattr(thing, "_is_parameter_node_wrapper", False)


def _wrap(cls):
    hints = typing.get_type_hints(cls, include_extras=True)
    cls.allParameters = {name: Parameter.of(cls, name, hint) for name, hint in hints.items()}
    for name in cls.allParameters:
        setattr(cls, name, _property(name))
    for name, function in vars(_Methods).items():
        if name == "__init__" or not name.startswith("__"):
            if name != "__init__" and hasattr(cls, name):
                msg = f"a parameterNodeWrapper cannot have a member '{name}'"
                raise ValueError(msg)
            setattr(cls, name, function)
    return cls


def _property(name):
    return property(lambda self: self.getValue(name), lambda self, value: self.setValue(name, value))


def _observer(wrapper):
    """Refreshes the kept values, without keeping the wrapper alive."""
    reference = weakref.ref(wrapper)

    def refresh(caller, event):
        alive = reference()
        if alive is not None:
            alive._refresh()

    return refresh


class _Methods:
    """Methods that every wrapper gets."""

    _is_parameter_node_wrapper = True

    def __init__(self, parameterNode, prefix=None):
        if prefix:
            msg = "the harness has no prefixes of parameters"
            raise NotImplementedError(msg)
        self.parameterNode = parameterNode
        self._guis = {}
        self._next_tag = 0
        self._updating_gui = False
        self._values = {}
        self._refresh()
        tag = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, _observer(self))
        weakref.finalize(self, parameterNode.RemoveObserver, tag).atexit = False

    def getValue(self, name):
        """Values are kept until the node says that it changed, as Slicer does."""
        self._check(name)
        return self._values[name]

    def setValue(self, name, value):
        self._check(name)
        parameter = self.allParameters[name]
        with slicer.util.NodeModify(self.parameterNode):
            parameter.write(self.parameterNode, value)
            self._values[name] = parameter.read(self.parameterNode)

    def default(self, name):
        self._check(name)
        return self.allParameters[name].default

    def dataType(self, name):
        self._check(name)
        return self.allParameters[name].annotated

    def isCached(self, name):
        self._check(name)
        return True

    def connectGui(self, gui):
        return self.connectParametersToGui(widgets_of(gui))

    def connectParametersToGui(self, mapping):
        for name in mapping:
            self._check(name)
        tag = self._next_tag
        self._next_tag += 1
        self._guis[tag] = Gui(self, mapping)
        return tag

    def disconnectGui(self, guiTag):
        gui = self._guis.pop(guiTag, None)
        if gui:
            gui.disconnect()

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        return self.parameterNode.EndModify(wasModified)

    def Modified(self):
        self.parameterNode.Modified()

    def _check(self, name):
        if name not in self.allParameters:
            msg = f"there is no parameter '{name}', only {', '.join(self.allParameters)}"
            raise ValueError(msg)

    def _refresh(self):
        self._values = {name: p.read(self.parameterNode) for name, p in self.allParameters.items()}
