"""Slicer's scene and logics for one session, where the library's MRML glue looks for them."""

from __future__ import annotations

from types import SimpleNamespace

import slicer
import slicer.util
from trame_slicer.core import SlicerApp


def create() -> SlicerApp:
    """A new scene as ``slicer.mrmlScene`` of this process, with the modules that ``slicer.util`` asks for."""
    app = SlicerApp()
    slicer.mrmlScene = app.scene
    logics = {"segmentations": app.segmentations_logic, "volumes": app.volumes_logic}
    slicer.modules = SimpleNamespace(**{name: _module(logic) for name, logic in logics.items()})
    return app


def _module(logic: slicer.vtkSlicerModuleLogic) -> SimpleNamespace:
    return SimpleNamespace(logic=lambda: logic)
