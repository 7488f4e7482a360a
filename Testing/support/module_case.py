"""The module under test, open in the harness on a real scene."""

import os
from pathlib import Path

import pytest

from LiverTumorSegLib.apps.worker import client
from LiverTumorSegLib.apps.worker.client import Worker
from LiverTumorSegLib.apps.worker.protocol import START
from support.repository import ROOT
from support.slicer_harness import available

harness = available.load("fixtures").harness
MODULE = Path(os.environ.get("LIVERTUMORSEG_MODULE") or ROOT / "LiverTumorSeg" / "LiverTumorSeg.py")
PATIENCE = float(os.environ.get("LIVERTUMORSEG_PATIENCE", "180"))
"""Another copy can be named and waited for less long, as the test of planted mistakes does."""


@pytest.fixture
def widget(harness, monkeypatch):
    """The open panel of a user who says yes to every question."""
    import slicer

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda *_, **__: True)
    harness.load_module(MODULE)
    return harness.open_module("LiverTumorSeg")


class LastingWorker(Worker):
    """A worker whose child outlives the panel where that leaves it idle, for the panel of the next test."""

    _spare = None
    _numbers = START

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._last, self._open = LastingWorker._numbers, set()

    def ask(self, command, /, **arguments):
        number = super().ask(command, **arguments)
        LastingWorker._numbers = number  # of one child, no two questions may have one
        self._open.add(number)
        return number

    def poll(self):
        messages = super().poll()
        self._open -= {message["id"] for message in messages if "at" not in message}
        return messages

    def close(self):
        if self.ready and not self._open and LastingWorker._spare is None:
            LastingWorker._spare, self._run = self._run, None
        super().close()

    def _started(self):
        if self._run is None and LastingWorker._spare and LastingWorker._spare.child.poll() is None:
            self._run = LastingWorker._spare
        LastingWorker._spare = None
        return super()._started()


@pytest.fixture
def lasting_worker(monkeypatch):
    """Panels share one worker process, so that PyTorch is not loaded for each."""
    monkeypatch.setattr(client, "Worker", LastingWorker)


@pytest.fixture
def own_worker(monkeypatch):
    """The panel has a worker process of its own, where the others of a file share one."""
    monkeypatch.setattr(client, "Worker", Worker)


def click(button):
    from PySide6 import QtCore, QtTest

    assert button.enabled, f"{button.name} cannot be clicked: {button.toolTip}"
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def add_ct(volume, name="CT"):
    import slicer

    return slicer.util.addVolumeFromArray(volume.voxels, slicer.util.vtkMatrixFromArray(volume.affine), name)


def wait(harness, condition, seconds=PATIENCE):
    assert harness.wait_until(condition, seconds), "waited in vain"


def open_worker(harness, widget):
    """Start the worker, as unfolding the list of models does, and wait for what it knows."""
    widget.logic.panel.open()
    wait(harness, lambda: widget.logic.panel.devices)


def finish(harness, widget):
    """Wait for the running job to be done."""
    panel = widget.logic.panel
    wait(harness, lambda: panel.settled)
    assert panel.error == "", panel.error + panel.details
