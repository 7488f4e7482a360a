"""Starts what a scripted module needs of Slicer, and stops it again."""

import atexit
import gc
import os
import time
from pathlib import Path

import shiboken6
import slicer
import slicer.util
from PySide6 import QtCore, QtWidgets

from support.slicer_harness import failures, pythonqt, qt_modules, scene
from support.slicer_harness.app import Application
from support.slicer_harness.failures import errors
from support.slicer_harness.modules import (
    close_module,
    load_module,
    open_module,
    qSlicerScriptedLoadableModule,
    reload_module,
    unload_module,
)
from support.slicer_harness.widgets import STANDINS

__all__ = [
    "close_module",
    "complete_startup",
    "errors",
    "in_event_loop",
    "load_module",
    "open_module",
    "reload_module",
    "start",
    "stop",
    "unload_module",
    "wait_until",
]


def start():
    """`slicer.app` and a clean scene; the first call in a process also makes Qt behave as PythonQt."""
    if not hasattr(slicer, "app"):
        _start_qt()
    scene.boot()
    failures.collect()
    return slicer.app


def stop():
    """Close all modules, give the exception hooks back and leave a clean scene; Qt stays."""
    for name in [m.name for m in vars(slicer.modules).values() if isinstance(m, qSlicerScriptedLoadableModule)]:
        unload_module(name)
    slicer.app.disconnect("startupCompleted()")
    QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    slicer.app.processEvents()
    failures.release()
    gc.collect()
    gc.freeze()  # modules and all else that stays need not be looked through again after the next test
    scene.reset()


def complete_startup():
    """Tell the modules loaded so far, once, that the application has started."""
    slicer.app.startupCompleted.emit()
    slicer.app.disconnect("startupCompleted()")


def wait_until(condition, seconds=5.0) -> bool:
    """Run an event loop until the condition holds; False if it never did."""
    end = time.monotonic() + seconds
    loop, timer = QtCore.QEventLoop(), QtCore.QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > end else None)
    timer.start(5)
    if not condition():
        loop.exec_()
    timer.stop()
    return bool(condition())


def in_event_loop(function):
    """Call from within an event loop, as Slicer always does: outside of one, `slicer.util`'s dialogs vanish."""
    done = []
    QtCore.QTimer.singleShot(0, lambda: done.append(function()))
    wait_until(lambda: done or errors, seconds=600)
    return done.pop() if done else None


def _start_qt():
    if QtWidgets.QApplication.instance() is not None:
        msg = "the harness needs to make the application object, and there is one already"
        raise RuntimeError(msg)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    pythonqt.install()
    qt_modules.install()
    for name, cls in STANDINS.items():
        if name.startswith("q"):
            setattr(slicer, name, cls)
    slicer.qSlicerScriptedLoadableModule = qSlicerScriptedLoadableModule
    slicer.__path__.insert(0, str(Path(__file__).parent / "doubles"))
    slicer.util.reloadScriptedModule = reload_module
    slicer.app = Application()
    atexit.register(_end)


def _end():
    """Widgets have to go before Qt does; PySide6 deletes the application object itself."""
    for widget in QtWidgets.QApplication.topLevelWidgets():
        if shiboken6.isValid(widget) and widget.parent() is None:  # not the pop-ups of combo boxes
            widget.delete()
