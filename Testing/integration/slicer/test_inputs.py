import numpy as np
import pytest
from support.module_case import add_ct, click, harness, lasting_worker, widget  # noqa: F401
from support.mrml_cases import transform, under

pytestmark = pytest.mark.usefixtures("lasting_worker")

pytestmark = pytest.mark.usefixtures("harness")


def test_size_and_spacing_of_the_ct_are_shown(widget, ct, small_phantom):  # noqa: F811
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    assert widget.ui.volumeLabel.text == "112 × 96 × 40 voxels of 4.00 × 4.00 × 6.00 mm"
    assert "4.0 mm wide" in widget.ui.volumeWarnings.text


def test_a_sound_ct_has_no_warning(widget, small_phantom):  # noqa: F811
    import slicer

    affine = small_phantom.volume.affine @ np.diag([0.5, 0.5, 1, 1])
    node = slicer.util.addVolumeFromArray(small_phantom.volume.voxels, slicer.util.vtkMatrixFromArray(affine))
    widget.ui.inputSelector.setCurrentNode(node)
    assert not widget.ui.volumeWarnings.visible


def test_what_is_no_ct_is_doubted(widget, small_phantom):  # noqa: F811
    import slicer

    node = slicer.util.addVolumeFromArray(np.abs(small_phantom.volume.voxels), name="MR")
    widget.ui.inputSelector.setCurrentNode(node)
    assert "does not look like a CT" in widget.ui.volumeWarnings.text
    assert "and 2 more" in widget.ui.volumeWarnings.text
    widget.ui.volumeWarnings.linkActivated.emit("more")
    assert "lost their geometry" in widget.ui.volumeWarnings.text


def test_a_ct_that_cannot_be_used_is_said(widget):  # noqa: F811
    import slicer

    node = slicer.util.addVolumeFromArray(np.full((4, 5, 6), np.nan), name="<b>broken</b>")
    widget.ui.inputSelector.setCurrentNode(node)
    assert "NaN or infinite" in widget.ui.volumeWarnings.text
    assert "<b>" not in widget.ui.volumeWarnings.text
    assert widget.ui.volumeLabel.text == ""


def test_a_transform_put_on_the_ct_is_noticed(widget, small_phantom):  # noqa: F811
    node = add_ct(small_phantom.volume)
    widget.ui.inputSelector.setCurrentNode(node)
    assert "deforms" not in widget.ui.volumeWarnings.text
    under(node, transform("grid"))
    widget.ui.volumeWarnings.linkActivated.emit("more")
    assert "deforms it" in widget.ui.volumeWarnings.text
    under(node, transform("scaled"))
    widget.ui.volumeWarnings.linkActivated.emit("more")
    assert "deforms it" not in widget.ui.volumeWarnings.text
    assert "4.80" in widget.ui.volumeLabel.text


def test_without_a_ct_nothing_is_shown(widget, small_phantom):  # noqa: F811
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.ui.inputSelector.setCurrentNode(None)
    assert widget.ui.volumeLabel.text == ""
    assert not widget.ui.volumeWarnings.visible


def test_a_region_is_drawn_by_two_clicks_and_not_fitted_meanwhile(widget, small_phantom):  # noqa: F811
    import slicer

    assert not widget.ui.placeButton.enabled
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.ui.advancedSection.collapsed = False
    slicer.app.processEvents()
    click(widget.ui.placeButton)
    region = widget.logic.getParameterNode().roi
    mode = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")
    assert region is widget.ui.roiSelector.currentNode()
    assert mode.GetCurrentInteractionMode() == mode.Place
    assert max(region.GetSize()) == 0
    mode.SetCurrentInteractionMode(mode.ViewTransform)  # given up
    widget.show()
    assert min(region.GetSize()) > 100
