"""Connectors of a widget and a parameter, for the pairs of widget and type that Slicer's own wrapper knows."""

import logging

import ctk
import qt
import slicer
from slicer.parameterNodeWrapper.validators import Choice, Maximum, Minimum, WithinRange

_INTEGERS = (-(2**31), 2**31 - 1)
_FLOATS = (float("-inf"), float("inf"))


class Connector:
    """Reads, writes and watches one widget; this one does so by a property."""

    def __init__(self, widget, parameter, prop, signal):
        self.widget = widget
        self.parameter = parameter
        self._property = prop
        self._signal = signal

    def read(self):
        return getattr(self.widget, self._property)

    def write(self, value):
        setattr(self.widget, self._property, value)

    def connect(self, function):
        getattr(self.widget, self._signal).connect(function)

    def disconnect(self, function):
        getattr(self.widget, self._signal).disconnect(function)


class ChoiceConnector(Connector):
    def __init__(self, widget, parameter):
        super().__init__(widget, parameter, "currentIndex", "currentIndexChanged")
        choice = parameter.find(Choice)
        if choice is None:
            msg = f"a QComboBox needs the annotation Choice ({parameter.name})"
            raise RuntimeError(msg)
        self._choices = list(choice.choices)
        widget.clear()
        widget.addItems([str(entry) for entry in self._choices])

    def read(self):
        return self._choices[self.widget.currentIndex]

    def write(self, value):
        self.widget.currentIndex = self._choices.index(value)


class TextEditConnector(Connector):
    def __init__(self, widget, parameter):
        super().__init__(widget, parameter, "plainText", "textChanged")


class NodeConnector(Connector):
    def __init__(self, widget, parameter):
        super().__init__(widget, parameter, "currentNode", "currentNodeChanged")
        widget.nodeTypes = [parameter.type.__name__]

    def read(self):
        return self.widget.currentNode()

    def write(self, value):
        self.widget.setCurrentNode(value)


def create(widget, parameter) -> Connector:
    """RuntimeError for a pair that Slicer does not know either."""
    for kinds, types, make in _PAIRS:
        if type(widget) in kinds and (parameter.type in types or (parameter.is_node and types is _NODES)):
            return make(widget, parameter)
    msg = f"no {type(widget).__name__} can show a parameter of type {parameter.annotated}"
    raise RuntimeError(msg)


def _checkbox(widget, parameter):
    return Connector(widget, parameter, "checked", "stateChanged")


def _button(widget, parameter):
    if not widget.checkable:
        logging.warning("Making the button %s checkable for %s", widget.name, parameter.name)
        widget.checkable = True
    return Connector(widget, parameter, "checked", "toggled")


def _number(widget, parameter):
    """The annotations set the widget's range, whatever the .ui says."""
    low, high = _INTEGERS if parameter.type is int else _FLOATS
    within, least, most = (parameter.find(kind) for kind in (WithinRange, Minimum, Maximum))
    bounded = within is not None or (least is not None and most is not None)
    if type(widget) in (qt.QSlider, ctk.ctkSliderWidget) and not bounded:
        msg = f"a slider needs a range ({parameter.name})"
        raise RuntimeError(msg)
    widget.minimum = (within or least).minimum if within or least else low
    widget.maximum = (within or most).maximum if within or most else high
    return Connector(widget, parameter, "value", "valueChanged")


def _line(widget, parameter):
    return Connector(widget, parameter, "text", "textChanged")


_NODES = ()
_PAIRS = (
    ((qt.QCheckBox,), (bool,), _checkbox),
    ((qt.QPushButton,), (bool,), _button),
    ((qt.QSlider, qt.QSpinBox), (int,), _number),
    ((qt.QDoubleSpinBox, ctk.ctkSliderWidget), (float,), _number),
    ((qt.QComboBox,), (int, float, str, bool), ChoiceConnector),
    ((qt.QLineEdit,), (str,), _line),
    ((qt.QTextEdit,), (str,), TextEditConnector),
    ((slicer.qMRMLNodeComboBox,), _NODES, NodeConnector),
)
