"""DICOM objects from the panel: of the CT's own study, of the segments as they are, and only where they can be."""

import importlib.metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from support import dicom_slices
from support.module_case import add_ct, click, finish, harness, lasting_worker, wait, widget  # noqa: F401

from LiverTumorSegLib.io import volumes

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def series(small_phantom, tmp_path):
    """The phantom as a DICOM series: its files by the UIDs of their images."""
    slices = dicom_slices.plain(count=len(small_phantom.volume.voxels))
    for number, one in enumerate(slices):
        values = small_phantom.volume.voxels[number]
        dicom_slices.store(one, (values - dicom_slices.INTERCEPT).clip(0).astype(np.uint16))
        one.PixelSpacing, one.ImagePositionPatient = [4.0, 4.0], [-200.0, -200.0, number * 6.0]
    files = dicom_slices.write(slices, tmp_path / "series")
    return {pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID: str(file) for file in files}


@pytest.fixture
def segmented(harness, widget, series, tmp_path, monkeypatch):  # noqa: F811
    """The panel with the result of the series, as Slicer's DICOM module loads it."""
    import qt
    import slicer

    node = add_ct(volumes.read_volume(Path(next(iter(series.values()))).parent, force=True))
    node.SetAttribute("DICOM.instanceUIDs", " ".join(series))
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=series.get), raising=False)
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    widget.logic.getParameterNode().device = "cpu"
    widget.ui.inputSelector.setCurrentNode(node)
    click(widget.ui.segmentButton)
    finish(harness, widget)
    return widget


def write(harness, widget):  # noqa: F811
    click(widget.ui.dicomButton)
    wait(harness, lambda: widget.logic.panel.settled)


def test_the_corrected_segments_are_written_as_objects_of_the_cts_study(harness, segmented, tmp_path):  # noqa: F811
    import slicer

    parameters = segmented.logic.getParameterNode()
    node, segmentation = parameters.resultVolume, parameters.resultSegmentation
    painted = np.zeros(slicer.util.arrayFromVolume(node).shape, np.uint8)
    painted[20:23, 40:46, 40:46] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, "liver-lesion", node)
    write(harness, segmented)
    assert segmented.logic.panel.error == ""
    (folder,) = tmp_path.glob("* DICOM")
    assert sorted(path.name for path in folder.iterdir()) == ["measurements.dcm", "segmentation.dcm"]
    assert pydicom.dcmread(folder / "segmentation.dcm").StudyInstanceUID == "1.2.9"
    assert segmented.ui.lesionTable.rowCount == 1
    assert segmented.ui.reportLabel.visible
    assert folder.as_uri() in segmented.ui.reportLabel.text
    write(harness, segmented)
    assert len(list(tmp_path.glob("* DICOM*"))) == 2  # nothing is overwritten


def test_a_ct_that_was_not_loaded_from_dicom_says_why_there_are_none(harness, segmented, tmp_path):  # noqa: F811
    segmented.logic.getParameterNode().resultVolume.RemoveAttribute("DICOM.instanceUIDs")
    write(harness, segmented)
    said = "“CT” was not loaded from DICOM, so there is no study that DICOM objects could belong to"
    assert segmented.ui.errorLabel.text.startswith(said)
    assert not list(tmp_path.glob("* DICOM"))


def test_without_a_database_the_files_are_missed(harness, segmented, monkeypatch):  # noqa: F811
    import slicer

    monkeypatch.delattr(slicer, "dicomDatabase")
    write(harness, segmented)
    assert "DICOM files of “CT” are not there any more" in segmented.ui.errorLabel.text


@pytest.mark.parametrize("answer", [False, True])
def test_highdicom_is_offered_and_installed_without_touching_slicers_pydicom(
    harness,  # noqa: F811
    segmented,
    tmp_path,
    monkeypatch,
    answer,
):
    import slicer
    from LiverTumorSegPanel import setup

    asked, installed, version = [], [], importlib.metadata.version

    def missing(name):
        if name == "highdicom" and not installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    def install(arguments):
        *wanted, _option, path = arguments
        installed.append((wanted, Path(path).read_text().lower()))

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(slicer.util, "pip_install", install)
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda words: asked.append(words) or answer)
    assert setup.missingOf(setup.DICOM_PACKAGES) == ["highdicom>=0.28"]
    write(harness, segmented)
    assert "highdicom, which is not here" in asked[0]
    if not answer:
        assert segmented.ui.errorLabel.text == "Nothing was installed: press the button again when you are ready."
        assert installed == []
        return
    ((wanted, constraints),) = installed
    assert wanted == ["highdicom>=0.28"]
    assert f"pydicom=={version('pydicom')}" in constraints
    assert len(list(tmp_path.glob("* DICOM/*.dcm"))) == 2
