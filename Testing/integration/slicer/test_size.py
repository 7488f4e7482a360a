"""The button and the first lesion are seen without scrolling, in Slicer's usual panel of 460 x 760 pixels."""

import pytest
from support.module_case import add_ct, click, finish, harness, lasting_worker, open_worker, widget  # noqa: F401

pytestmark = pytest.mark.usefixtures("lasting_worker")

WIDTH, HEIGHT = 460, 760
GPU = {"name": "cuda:0", "title": "NVIDIA RTX 6000 Ada Generation Laptop GPU", "free_bytes": 47.9e9}
CPU = {"name": "cpu", "title": "CPU", "free_bytes": None}
LONG_NAME = "5: Abdomen and pelvis, portal venous phase, 5.0 mm, soft tissue kernel Br40d, axial"
DARK = {"Window": "#2b2b2b", "WindowText": "#dddddd", "Base": "#1e1e1e", "Text": "#dddddd", "Button": "#3a3a3a"}


def arranged(widget):  # noqa: F811
    """The panel as high as it wants to be, at the width of Slicer's."""
    import slicer

    for _ in range(3):  # labels learn their height from their width
        widget.parent.resize(WIDTH, max(HEIGHT, widget.parent.sizeHint.height()))
        slicer.app.processEvents()
    assert widget.parent.width == WIDTH, "something is wider than the panel"
    return widget.parent


def lower_end(widget, part, below=None):  # noqa: F811
    import qt

    corner = part.mapTo(widget.parent, qt.QPoint(0, part.height if below is None else below))
    return corner.y()


def dress(widget, theme, percent):  # noqa: F811
    import qt

    parent = widget.parent
    if theme == "dark":
        palette = qt.QPalette(parent.palette)
        for role, colour in DARK.items():
            palette.setColor(getattr(qt.QPalette, role), qt.QColor(colour))
        parent.setPalette(palette)
    font = qt.QFont(parent.font)
    font.setPointSizeF(font.pointSizeF() * percent / 100)
    parent.setFont(font)


LOOKS = [("light", 100), ("dark", 100), ("light", 125), ("dark", 125)]


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]} at {look[1]} %")
def dressed(request, widget):  # noqa: F811
    dress(widget, *request.param)
    return widget


def test_before_a_run_the_button_is_seen_whatever_is_said_above_it(dressed, small_phantom):
    import numpy as np
    import slicer

    odd = slicer.util.addVolumeFromArray(np.abs(small_phantom.volume.voxels), name=LONG_NAME)
    dressed.ui.inputSelector.setCurrentNode(odd)
    region = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", LONG_NAME)
    target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", LONG_NAME)
    dressed.ui.roiSelector.setCurrentNode(region)
    dressed.ui.outputSelector.setCurrentNode(target)
    dressed.ui.replaceCheck.click()
    dressed.logic.panel._take_devices({"devices": [GPU, CPU], "why_no_gpu": ""})
    dressed.logic.panel.setup_done(["torch>=2.6", "monai>=1.5", "pydantic>=2.7", "safetensors>=0.4", "nibabel>=5.2"])
    arranged(dressed)
    assert dressed.ui.setupFrame.visible
    assert dressed.ui.volumeWarnings.visible
    assert 0 < lower_end(dressed, dressed.ui.segmentButton) <= HEIGHT


def test_after_a_run_the_first_lesion_is_seen_beside_every_warning(harness, widget, small_phantom):  # noqa: F811
    """One segmentation serves for all looks: it takes longest."""
    import json

    import slicer

    open_worker(harness, widget)
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume, LONG_NAME))
    click(widget.ui.segmentButton)
    finish(harness, widget)
    table = widget.logic.getParameterNode().resultTable
    facts = json.loads(table.GetAttribute("LiverTumorSeg.facts"))
    facts["warnings"] = [LONGEST_WARNING] * 3
    table.SetAttribute("LiverTumorSeg.facts", json.dumps(facts))
    plain = slicer.app.font()
    for look in LOOKS:
        widget.parent.setFont(plain)
        dress(widget, *look)
        widget.sections[-3]._shown = None  # as if it came now
        widget.show()
        arranged(widget)
        rows = widget.ui.lesionTable
        first = rows.visualItemRect(rows.item(0, 0)).bottom() + rows.horizontalHeader().height
        assert 0 < lower_end(widget, widget.ui.segmentButton) <= HEIGHT
        assert 0 < lower_end(widget, rows, below=first) <= HEIGHT
        widths = [rows.columnWidth(n) for n in range(rows.columnCount)]
        assert sum(widths) <= rows.viewport().width or look[1] > 100, "a column is cut"


LONGEST_WARNING = (
    "This CT is unlike those that the model was trained on (liver of 35 HU, they had 73 to 151; noise of 48 HU, "
    "they had 8 to 24; slices 8.0 mm apart, they had 0.7 to 5.0): look at the result with care."
)


def test_after_a_run_the_panel_scrolls_to_the_result(harness, widget, small_phantom):  # noqa: F811
    import qt
    import slicer

    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    click(widget.ui.segmentButton)
    finish(harness, widget)
    area = qt.QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(widget.parent)
    area.resize(WIDTH, 300)
    area.show()
    slicer.app.processEvents()
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum)
    results = widget.ui.resultsSection
    assert results.mapTo(area.viewport(), qt.QPoint(0, results.height)).y() < 300
    widget.ui.segmentButton.click()
    finish(harness, widget)
    slicer.app.processEvents()
    top = results.mapTo(area.viewport(), qt.QPoint(0, 0)).y()
    area.takeWidget().setParent(None)
    area.hide()
    widget.area = area  # it goes after the panel
    assert 0 <= top < 150
