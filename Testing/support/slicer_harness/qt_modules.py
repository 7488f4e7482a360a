"""The modules `qt` and `ctk` as a scripted module imports them."""

import sys
import types

from PySide6 import QtCore, QtGui, QtNetwork, QtTest, QtWidgets

from support.slicer_harness.ui_loader import UiLoader
from support.slicer_harness.widgets import STANDINS

_NOT_IN_PYTHONQT = {"Property", "Signal", "SignalInstance", "Slot"}


def install():
    """Put both into sys.modules; a name that they lack is an AttributeError that names the harness."""
    sys.modules["qt"] = _module("qt", {**_classes(QtCore, QtGui, QtNetwork, QtTest, QtWidgets), "QUiLoader": UiLoader})
    sys.modules["ctk"] = _module("ctk", {name: cls for name, cls in STANDINS.items() if name.startswith("ctk")})


def _classes(*modules) -> dict:
    return {
        name: getattr(module, name)  # PySide6 makes its classes when they are asked for
        for module in modules
        for name in dir(module)
        if not name.startswith("_") and name not in _NOT_IN_PYTHONQT
    }


def _module(name, contents):
    module = types.ModuleType(name, f"Stands for Slicer's {name}.")
    vars(module).update(contents)

    def missing(attribute):
        msg = f"the harness's {name} has no {attribute}"
        raise AttributeError(msg)

    module.__getattr__ = missing
    return module
