import pytest
from support.module_case import add_ct, click, harness, lasting_worker, wait, widget  # noqa: F401

from LiverTumorSegLib.apps.panel.job_runner import PanelState

pytestmark = pytest.mark.usefixtures("lasting_worker")


def test_an_error_is_one_sentence_with_details_that_can_be_copied(harness, widget, small_phantom):  # noqa: F811
    import slicer

    ui = widget.ui
    ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.logic.getParameterNode().model = "none"
    assert not ui.errorFrame.visible
    click(ui.segmentButton)
    wait(harness, lambda: ui.errorFrame.visible)
    assert ui.errorLabel.text.startswith("There is no model “none”")
    assert not ui.detailsText.visible
    click(ui.detailsButton)
    assert ui.detailsText.visible
    click(ui.copyDetailsButton)
    copied = slicer.app.clipboard().text()
    assert "Traceback" in copied
    assert "LiverTumorSeg 0." in copied
    assert f"Slicer {slicer.app.applicationVersion}" in copied
    assert widget.logic.panel.state is PanelState.FAILED
    assert ui.segmentButton.enabled


def test_what_is_wrong_before_the_start_is_an_error_too(harness, widget, small_phantom):  # noqa: F811
    import slicer

    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "far away")
    roi.SetCenter(9000, 0, 0)
    roi.SetSize(10, 10, 10)
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.ui.roiSelector.setCurrentNode(roi)
    click(widget.ui.segmentButton)
    assert widget.ui.errorLabel.text.startswith("The region “far away” lies outside")
    assert not widget.logic.panel.busy
    widget.ui.roiSelector.setCurrentNode(None)
    click(widget.ui.segmentButton)
    assert not widget.ui.errorFrame.visible


def test_an_error_that_nobody_foresaw_is_shown(harness, widget, small_phantom, monkeypatch):  # noqa: F811
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(widget.logic.jobs, "segment", fail)
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    click(widget.ui.segmentButton)
    assert "failed unexpectedly (MemoryError)" in widget.ui.errorLabel.text
    assert "Traceback" in widget.ui.detailsText.plainText


def test_the_preprocessed_ct_is_added_on_request(harness, widget, small_phantom):  # noqa: F811
    import slicer

    assert not widget.ui.previewButton.enabled
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.ui.advancedSection.collapsed = False
    slicer.app.processEvents()
    click(widget.ui.previewButton)
    wait(harness, lambda: not widget.logic.panel.busy)
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert names == ["CT", "CT preprocessed"]
    assert widget.ui.inputSelector.currentNode().GetName() == "CT"


def test_an_earlier_result_can_be_replaced_only_in_a_chosen_segmentation(harness, widget):  # noqa: F811
    import slicer

    assert not widget.ui.replaceCheck.enabled
    widget.ui.outputSelector.setCurrentNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode"))
    assert widget.ui.replaceCheck.enabled


@pytest.mark.parametrize(
    "name", ["detailsText", "errorFrame", "setupFrame", "setupOutput", "cohortLabel", "progressBar", "resultsSection"]
)
def test_what_has_nothing_to_show_is_hidden(harness, widget, name):  # noqa: F811
    assert not getattr(widget.ui, name).visible


def test_what_does_not_look_like_a_ct_is_asked_about_before_it_is_segmented(widget, monkeypatch):  # noqa: F811
    import numpy as np
    import slicer

    asked, started = [], []
    monkeypatch.setattr(widget.logic.jobs, "segment", lambda *given: started.append(given))
    voxels = np.random.default_rng(0).integers(0, 2, (20, 40, 40)).astype(np.int16)
    node = slicer.util.addVolumeFromArray(voxels, name="labels")
    widget.ui.inputSelector.setCurrentNode(node)
    click(widget.ui.segmentButton)  # its licence is known from now on
    started.clear()
    for answer in (False, True):
        monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda words, a=answer: asked.append(words) or a)
        click(widget.ui.segmentButton)
        assert len(started) == answer
    assert len(asked) == 2
    assert "“labels” does not look like a CT in Hounsfield units (" in asked[0]


def test_opening_the_panel_starts_no_worker_unless_the_user_wants_it(harness, widget):  # noqa: F811
    assert not widget.logic.panel.opened
    widget.ui.startOnOpeningCheck.checked = True
    widget.exit()
    widget.enter()
    wait(harness, lambda: widget.logic.panel.devices)
    widget.ui.startOnOpeningCheck.checked = False


def test_weights_for_research_only_are_consented_to_once_a_model(widget, small_phantom, monkeypatch):  # noqa: F811
    import slicer

    slicer.app.userSettings().clear()
    asked, started = [], []
    monkeypatch.setattr(widget.logic.jobs, "segment", lambda *given: started.append(given))
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    for answer, begun, questions in ((False, 0, 1), (True, 1, 2), (False, 2, 2)):
        monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda words, a=answer: asked.append(words) or a)
        click(widget.ui.segmentButton)
        assert (len(started), len(asked)) == (begun, questions)
    assert "for research only (CC-BY-NC-SA-4.0)" in asked[0]
    parameters = widget.logic.getParameterNode().parameterNode
    assert not any("consent" in name.lower() or "research" in name.lower() for name in parameters.GetParameterNames())
