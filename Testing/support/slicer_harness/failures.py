"""Collects exceptions that Qt and VTK print instead of raising: in slots, timers, observers and destructors."""

import sys

errors: list[BaseException] = []
_previous = {}


def collect():
    """Start listening, with an empty list; what was listening before still hears everything."""
    errors.clear()
    if not _previous:
        _previous.update(excepthook=sys.excepthook, unraisablehook=sys.unraisablehook)
        sys.excepthook = _on_exception
        sys.unraisablehook = _on_unraisable


def release():
    """Give the hooks back, unless someone else has taken them since."""
    for name, ours in (("excepthook", _on_exception), ("unraisablehook", _on_unraisable)):
        if _previous and getattr(sys, name) is ours:
            setattr(sys, name, _previous[name])
    _previous.clear()
    errors.clear()
    forget_last_exception()


def forget_last_exception():
    """Python keeps the last printed exception, and with it every object of its frames."""
    for name in ("last_exc", "last_value", "last_type", "last_traceback"):
        vars(sys).pop(name, None)


def _on_exception(kind, value, trace):
    errors.append(value)
    _previous["excepthook"](kind, value, trace)


def _on_unraisable(event):
    if event.exc_value is not None:
        errors.append(event.exc_value)
    _previous["unraisablehook"](event)
