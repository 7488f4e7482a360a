"""The whole panel: what a user clicks and what then stands in the scene."""

import numpy as np
import pytest
from support.module_case import (  # noqa: F401
    add_ct,
    click,
    finish,
    harness,
    lasting_worker,
    open_worker,
    own_worker,
    wait,
    widget,
)

from LiverTumorSegLib.apps.panel.job_runner import PanelState
from LiverTumorSegLib.evaluation.overlap import dice

pytestmark = pytest.mark.usefixtures("lasting_worker")


def test_a_click_makes_segments_a_surface_and_a_table(harness, widget, small_phantom):  # noqa: F811
    import slicer

    ui, panel = widget.ui, widget.logic.panel
    assert not ui.segmentButton.enabled
    assert "Choose a CT" in ui.segmentButton.toolTip
    node = add_ct(small_phantom.volume)
    ui.inputSelector.setCurrentNode(node)
    seen = []
    panel.changed.append(lambda: seen.append((panel.state, ui.segmentButton.text, ui.progressBar.value)))
    click(ui.segmentButton)
    assert ui.segmentButton.text == "Cancel"
    assert ui.progressBar.visible
    finish(harness, widget)
    assert list(dict.fromkeys(s for s, *_ in seen))[-2:] == [PanelState.RUNNING, PanelState.DONE]
    assert max(value for *_, value in seen) == 100
    assert ui.segmentButton.text == "Segment"
    assert ui.stageLabel.text == "Done."
    assert not ui.progressBar.visible
    parameters = widget.logic.getParameterNode()
    segmentation = parameters.resultSegmentation
    found = np.zeros(small_phantom.labels.shape, bool)
    for name in segmentation.GetSegmentation().GetSegmentIDs():
        found |= slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, name, node) > 0
    assert dice(found, small_phantom.labels > 0) > 0.9
    assert segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    assert ui.lesionTable.rowCount == parameters.resultTable.GetNumberOfRows() > 0
    assert parameters.outputSegmentation is None  # so that the next run does not add to this one


def test_the_panel_stays_alive_while_it_segments_and_cancels_within_a_second(harness, widget, small_phantom):  # noqa: F811
    import time

    import slicer

    large = np.repeat(np.repeat(small_phantom.volume.voxels, 4, axis=0), 3, axis=1)
    node = slicer.util.addVolumeFromArray(large, np.diag([4, 4 / 3, 1.5, 1]), "large")
    widget.ui.inputSelector.setCurrentNode(node)
    widget.ui.coarseCheck.checked = False
    click(widget.ui.segmentButton)
    wait(harness, lambda: widget.logic.panel.fraction > 0.03)
    gaps, last = [], time.monotonic()
    for _ in range(40):
        slicer.app.processEvents()
        time.sleep(0.005)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    assert max(gaps) < 0.3
    assert widget.ui.segmentButton.text == "Cancel"
    asked = time.monotonic()
    click(widget.ui.segmentButton)
    assert not widget.ui.segmentButton.enabled
    wait(harness, lambda: not widget.logic.panel.busy, 2)
    assert time.monotonic() - asked < 1
    assert widget.logic.panel.state is PanelState.CANCELLED
    assert "nothing was added" in widget.ui.stageLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_every_choice_of_the_panel_reaches_the_request(harness, widget, small_phantom):  # noqa: F811
    import slicer

    from LiverTumorSeg import requestOf

    ui, node = widget.ui, add_ct(small_phantom.volume)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    ui.inputSelector.setCurrentNode(node)
    before = requestOf(widget.logic.getParameterNode())
    assert (before.volume, before.roi, before.segmentation) == (node, None, None)
    assert before.settings.postprocessing["smallest_lesion_ml"] == 0.05
    ui.roiSelector.setCurrentNode(roi)
    ui.outputSelector.setCurrentNode(target)
    for box in ("replaceCheck", "oneEachCheck", "surfaceCheck", "coarseCheck"):
        getattr(ui, box).click()
    for box in ("largestLiverCheck", "lesionsInLiverCheck", "fillHolesCheck"):
        getattr(ui, box).click()
    ui.smallestLesionSpin.value = 0.3
    ui.sensitivitySpin.value = 0.5
    ui.smallestLiverSpin.value, ui.batchSpin.value = 80.0, 4
    ui.precisionCombo.activated.emit(1)
    assert ui.precisionCombo.currentText == "float32"
    request = requestOf(widget.logic.getParameterNode())
    assert (request.volume, request.roi, request.segmentation) == (node, roi, target)
    assert (request.output.replace, request.output.one_each, request.surface) == (True, True, False)
    settings = request.settings
    assert (settings.coarse_pass, settings.batch, settings.precision) == (False, 4, "float32")
    assert settings.postprocessing == {
        "largest_liver": False,
        "lesions_in_liver": False,
        "fill_holes": False,
        "smallest_lesion_ml": 0.3,
        "smallest_liver_ml": 80.0,
        "sensitivity": 0.5,
    }


def test_a_loaded_scene_brings_settings_and_result_back(harness, widget, small_phantom, tmp_path):  # noqa: F811
    import slicer

    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.ui.smallestLesionSpin.value = 0.2
    open_worker(harness, widget)
    widget.ui.deviceCombo.currentIndex = widget.ui.deviceCombo.count - 1
    widget.ui.deviceCombo.activated.emit(widget.ui.deviceCombo.count - 1)
    click(widget.ui.segmentButton)
    finish(harness, widget)
    rows, summary = widget.ui.lesionTable.rowCount, widget.ui.summaryLabel.text
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    slicer.app.processEvents()
    assert not widget.ui.resultsSection.visible
    assert not widget.ui.segmentButton.enabled
    assert widget.ui.smallestLesionSpin.value == 0.05
    assert slicer.mrmlScene.ReadFromMRB(path)
    slicer.app.processEvents()
    assert widget.ui.smallestLesionSpin.value == pytest.approx(0.2)
    assert widget.logic.getParameterNode().device == "cpu"
    assert widget.ui.inputSelector.currentNode().GetName() == "CT"
    assert (widget.ui.lesionTable.rowCount, widget.ui.summaryLabel.text) == (rows, summary)
    click(widget.ui.segmentButton)
    finish(harness, widget)


def test_closing_the_scene_while_it_segments_ends_the_job_quietly(harness, widget, small_phantom):  # noqa: F811
    import slicer

    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    click(widget.ui.segmentButton)
    slicer.mrmlScene.Clear(0)
    wait(harness, lambda: not widget.logic.panel.busy)
    assert widget.logic.panel.error == ""
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_closing_the_module_ends_the_worker_with_its_files(own_worker, harness, widget):  # noqa: F811
    from pathlib import Path

    import psutil

    open_worker(harness, widget)
    folder, child = widget.logic.panel.worker.scratch, psutil.Process(widget.logic.panel.worker._run.child.pid)
    harness.close_module(widget)
    assert not child.is_running()
    assert not Path(folder).exists()


def test_leaving_the_module_lets_a_job_go_on(harness, widget, small_phantom):  # noqa: F811
    import slicer

    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    click(widget.ui.segmentButton)
    widget.exit()
    finish(harness, widget)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    widget.enter()
    assert widget.ui.lesionTable.rowCount > 0


def test_a_wrapper_that_gives_no_tag_to_disconnect_loses_nothing(harness, widget, small_phantom, monkeypatch):  # noqa: F811
    """Some versions of Slicer's parameterNodeWrapper return None from connectGui, and old connections stay."""
    import slicer

    from LiverTumorSeg import LiverTumorSegParameterNode

    connect = LiverTumorSegParameterNode.connectGui
    monkeypatch.setattr(LiverTumorSegParameterNode, "connectGui", lambda self, ui: connect(self, ui) and None)
    widget.initializeParameterNode()
    widget.ui.precisionCombo.activated.emit(1)
    widget.ui.smallestLesionSpin.value = 0.4
    widget.ui.oneEachCheck.click()
    for again in (widget.initializeParameterNode, widget.exit, widget.enter, widget.initializeParameterNode):
        again()
    slicer.app.processEvents()
    parameters = widget.logic.getParameterNode()
    assert (parameters.precision, parameters.smallestLesionMl, parameters.oneEach) == ("float32", 0.4, True)


def test_a_label_map_is_not_taken_for_the_ct(harness, widget):  # noqa: F811
    import slicer

    slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16), None, "labels", "vtkMRMLLabelMapVolumeNode")
    widget.initializeParameterNode()
    assert widget.logic.getParameterNode().inputVolume is None


def test_the_module_can_be_reloaded(own_worker, harness, widget):  # noqa: F811
    import psutil
    import slicer

    open_worker(harness, widget)
    child = psutil.Process(widget.logic.panel.worker._run.child.pid)
    harness.reload_module("LiverTumorSeg")
    other = slicer.modules.LiverTumorSegWidget
    assert other is not widget
    assert not child.is_running()
    open_worker(harness, other)


def test_the_module_says_what_it_is(harness, widget):  # noqa: F811
    import slicer

    module = slicer.modules.livertumorseg
    assert module.title == "Liver Tumor Segmentation"
    assert module.categories == ["Segmentation"]
    assert "not a medical device" in module.helpText
    assert "Not a medical device" in widget.ui.disclaimerLabel.text
