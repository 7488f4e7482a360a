"""The module under test, open in the harness on a real scene."""

import os
from pathlib import Path

import pytest

from support.repository import ROOT
from support.slicer_harness import available

harness = available.load("fixtures").harness
MODULE = Path(os.environ.get("LIVERTUMORSEG_MODULE") or ROOT / "LiverTumorSeg" / "LiverTumorSeg.py")
PATIENCE = float(os.environ.get("LIVERTUMORSEG_PATIENCE", "180"))
"""Another copy can be named and waited for less long, as the test of planted mistakes does."""


@pytest.fixture
def widget(harness):
    """The open panel."""
    harness.load_module(MODULE)
    return harness.open_module("LiverTumorSeg")


def click(button):
    from PySide6 import QtCore, QtTest

    assert button.enabled, f"{button.name} cannot be clicked: {button.toolTip}"
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def add_ct(volume, name="CT"):
    import slicer

    return slicer.util.addVolumeFromArray(volume.voxels, slicer.util.vtkMatrixFromArray(volume.affine), name)


def wait(harness, condition, seconds=PATIENCE):
    assert harness.wait_until(condition, seconds), "waited in vain"


def finish(harness, widget):
    """Wait for the running job to be done."""
    panel = widget.logic.panel
    wait(harness, lambda: panel.settled)
    assert panel.error == "", panel.error + panel.details
