"""Loads a .ui with the stand-ins, and refuses what would be silently ignored."""

import functools
from xml.etree import ElementTree as ET

from PySide6 import QtCore, QtUiTools

from support.slicer_harness.widgets import STANDINS

_DESIGNER_ONLY = {"buddy"}  # properties that the form builder itself handles
_DESIGNER_WIDGETS = {"Line"}


class UiError(RuntimeError):
    """The .ui names something that does not exist."""


class UiLoader(QtUiTools.QUiLoader):
    """Stands for `qt.QUiLoader`, so that `slicer.util.loadUI` works as it is."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._created = []

    def createWidget(self, class_name, parent=None, name=""):
        standin = STANDINS.get(class_name)
        widget = standin(parent=parent) if standin else super().createWidget(class_name, parent, name)
        widget.setObjectName(name)
        self._created.append(widget)
        return widget

    def load(self, device, parent=None):
        form = ET.fromstring(device.readAll().data())  # noqa: S314 - a file of this repository
        self._check_classes(form)
        connections = _take_connections(form)
        self._created = []
        root = super().load(_buffer(form), parent)
        vars(root)["_pythonqt_children"] = self._created  # their Python sides have to live as long
        objects = {widget.objectName: widget for widget in self._created}
        for element in form.iter("widget"):
            _check_properties(objects[element.get("name")], element)
        for connection in connections:
            _connect(root, objects, connection)
        return root

    def _check_classes(self, form):
        known = {*self.availableWidgets(), *STANDINS, *_DESIGNER_WIDGETS}
        unknown = {element.get("class") for element in form.iter("widget")} - known
        if unknown:
            msg = f"the harness has no stand-in for {', '.join(sorted(unknown))}"
            raise UiError(msg)


def _take_connections(form) -> list:
    """Qt only warns about a wrong signal, and knows none with MRML arguments: they are all made here."""
    element = form.find("connections")
    if element is None:
        return []
    form.remove(element)
    return list(element)


def _buffer(form):
    buffer = QtCore.QBuffer()
    buffer.setData(ET.tostring(form))
    buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
    return buffer


def _check_properties(widget, element):
    """Only a property marked stdset="0" may be a new, dynamic one."""
    meta = widget.metaObject()
    for prop in element.findall("property"):
        name = prop.get("name")
        meant = prop.get("stdset") == "0" or name in _DESIGNER_ONLY or element.get("class") in _DESIGNER_WIDGETS
        if not meant and meta.indexOfProperty(name) < 0:
            msg = f"{element.get('class')} {element.get('name')} has no property {name}"
            raise UiError(msg)


def _connect(root, objects, connection):
    sender, receiver = (_named(root, objects, connection.findtext(end)) for end in ("sender", "receiver"))
    slot_name, _, arguments = connection.findtext("slot").partition("(")
    slot = getattr(receiver, slot_name, None)
    if not callable(slot):
        msg = f"{receiver.objectName} has no slot {slot_name}"
        raise UiError(msg)
    wanted = len([argument for argument in arguments.rstrip(")").split(",") if argument])
    try:
        sender.connect(connection.findtext("signal"), functools.partial(_call, slot, wanted))
    except ValueError as error:
        raise UiError(str(error)) from error


def _call(slot, wanted, *arguments):
    slot(*arguments[:wanted])


def _named(root, objects, name):
    found = objects.get(name) or root.findChild(QtCore.QObject, name)
    if found is None:
        msg = f"a connection names {name}, which the .ui does not have"
        raise UiError(msg)
    return found
