"""Makes PySide6 behave as PythonQt does, for the whole process."""

import functools
import inspect

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtTest, QtUiTools, QtWidgets

from support.slicer_harness import properties, signals

MODULES = (QtCore, QtGui, QtNetwork, QtTest, QtUiTools, QtWidgets)


def install():
    """Change the classes of PySide6; calling it again does nothing."""
    base = QtCore.QObject
    if hasattr(base, "className"):
        return
    for module in MODULES:
        inspect.getmembers(module)  # PySide6 makes its classes when they are asked for
    for cls in set(_native_subclasses(base)):
        _patch(cls)
    base.__getattr__ = properties.missing
    base.className = lambda self: self.metaObject().className()
    base.delete = lambda self: shiboken6.delete(self)


def _patch(cls):
    """Most classes inherit the look-up of attributes; all of them bring their own assignment."""
    if "__getattribute__" in vars(cls):
        cls.__getattribute__ = _lookup(vars(cls)["__getattribute__"])
    if "__setattr__" in vars(cls):
        cls.__setattr__ = properties.assign
    if "exec" in vars(cls) and "exec_" not in vars(cls):
        cls.exec_ = vars(cls)["exec"]


def _lookup(original):
    def getattribute(self, name):
        prop = properties.table(type(self)).get(name)
        if prop is not None:
            return properties.read(prop, self)
        if name in ("connect", "disconnect"):
            return functools.partial(getattr(signals, name), self)
        value = original(self, name)
        return signals.BoundSignal(self, name) if type(value) is QtCore.SignalInstance else value

    return getattribute


def _native_subclasses(cls):
    yield cls
    for subclass in cls.__subclasses__():
        if properties.is_native(subclass):
            yield from _native_subclasses(subclass)
