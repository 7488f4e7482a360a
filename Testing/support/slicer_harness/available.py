"""Tells whether this machine can run the harness, and skips a test file where it cannot."""

import functools
import importlib
import importlib.util
from pathlib import Path

import pytest


@functools.cache
def reason(qt: bool = True) -> str | None:
    """Reason why the harness cannot be used, or None: without `qt` only MRML is asked for."""
    needed = ["slicer.util", *(["PySide6.QtWidgets", "PySide6.QtUiTools", "PySide6.QtTest"] if qt else [])]
    try:
        for name in needed:
            importlib.import_module(name)
    except (ImportError, OSError) as error:
        return f"the Slicer harness needs {', '.join(needed)}: {error}"
    return _without_platform() if qt else None


def _without_platform() -> str | None:
    """Qt aborts the whole process when its platform plugin is missing, so look for the file first."""
    folder = Path(importlib.util.find_spec("PySide6").origin).parent
    if any(folder.rglob("platforms/*qoffscreen*")):
        return None
    return f"the Slicer harness needs Qt's offscreen platform, and there is none in {folder}"


def load(name: str, qt: bool = True):
    """A module of the harness, for the top of a test file, which is skipped where the harness cannot run."""
    why = reason(qt)
    if why:
        pytest.skip(why, allow_module_level=True)
    return importlib.import_module(f"{__package__}.{name}")
