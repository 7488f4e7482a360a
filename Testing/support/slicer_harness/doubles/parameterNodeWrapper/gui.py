"""Keeps the widgets of one GUI and the parameters of one wrapper the same."""

import functools

import qt
import slicer
import vtk
from slicer.parameterNodeWrapper import connectors

_PROPERTY = "SlicerParameterName"


def widgets_of(gui) -> dict:
    """The widgets of a form, or of `slicer.util.childWidgetVariables`, by the parameter that they name."""
    is_widget = getattr(gui, "isWidgetType", lambda: False)()
    widgets = gui.findChildren(qt.QWidget) if is_widget else vars(gui).values()
    return {name: widget for widget in widgets if (name := widget.property(_PROPERTY))}


class Gui:
    """The connectors of one call of connectGui."""

    def __init__(self, wrapper, mapping):
        self._wrapper = wrapper
        self._connectors = {
            name: connectors.create(widget, wrapper.allParameters[name]) for name, widget in mapping.items()
        }
        self._slots = {name: functools.partial(self._on_widget, name) for name in self._connectors}
        for name, connector in self._connectors.items():
            connector.write(wrapper.getValue(name))
            connector.connect(self._slots[name])
        self._tag = wrapper.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_node)

    def disconnect(self):
        self._wrapper.RemoveObserver(self._tag)
        for name, connector in self._connectors.items():
            connector.disconnect(self._slots[name])

    def _on_widget(self, name, *_values):
        if not self._wrapper._updating_gui:
            self._wrapper.setValue(name, self._connectors[name].read())

    def _on_node(self, _caller, _event):
        if self._wrapper._updating_gui:
            return
        self._wrapper._updating_gui = True
        try:
            with slicer.util.NodeModify(self._wrapper):
                for name, connector in self._connectors.items():
                    connector.write(self._wrapper.getValue(name))
        finally:
            self._wrapper._updating_gui = False
