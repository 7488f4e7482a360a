"""Observes MRML for a widget without keeping the widget alive, and ends with it."""

import weakref

import shiboken6


class Observation:
    """Calls one method of a widget at some events of some MRML objects."""

    def __init__(self, widget, method):
        self._widget = weakref.ref(widget)
        self._method = method
        self._tags = []
        widget.destroyed.connect(self.release)

    def observe(self, pairs):
        """Observe these pairs of an object and an event, and nothing else any more."""
        self.release()
        self._tags = [(obj, obj.AddObserver(event, self._notify)) for obj, event in pairs]

    def release(self):
        for obj, tag in self._tags:
            obj.RemoveObserver(tag)
        self._tags = []

    def _notify(self, _caller, _event):
        widget = self._widget()
        if widget is not None and shiboken6.isValid(widget):
            getattr(widget, self._method)()
