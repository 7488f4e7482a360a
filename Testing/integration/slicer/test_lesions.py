"""Working through the lesions, one by one."""

import csv

import pytest
from support.lesion_scores import model_with_scores
from support.module_case import add_ct, click, finish, harness, lasting_worker, open_worker, widget  # noqa: F401
from support.mrml_cases import transform, under

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def done(harness, widget, small_phantom, tmp_path):  # noqa: F811
    """The panel after a CT was segmented with several lesions, a segment each."""
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.logic.getParameterNode().model = str(model_with_scores(tmp_path))
    widget.ui.sensitivitySpin.value = 5
    widget.ui.oneEachCheck.click()
    open_worker(harness, widget)
    click(widget.ui.segmentButton)
    finish(harness, widget)
    return widget


def result(widget):  # noqa: F811
    from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

    parameters = widget.logic.getParameterNode()
    return ResultNodes(parameters.resultVolume, parameters.resultSegmentation, parameters.resultTable)


def test_next_and_previous_go_through_the_rows_and_stop_at_the_ends(done):
    ui = done.ui
    click(ui.nextButton)
    assert ui.lesionTable.currentRow() == 0
    for _ in range(ui.lesionTable.rowCount + 2):
        click(ui.nextButton)
    assert ui.lesionTable.currentRow() == ui.lesionTable.rowCount - 1
    click(ui.previousButton)
    assert ui.lesionTable.currentRow() == ui.lesionTable.rowCount - 2


def test_keys_do_what_the_buttons_do(done):
    import qt
    import slicer
    from PySide6 import QtTest

    done.parent.show()
    done.parent.activateWindow()
    slicer.app.processEvents()
    QtTest.QTest.keyClick(done.parent, qt.Qt.Key_Right, qt.Qt.AltModifier)
    assert done.ui.lesionTable.currentRow() == 0
    shown = done.ui.overlayCheck.checked
    QtTest.QTest.keyClick(done.parent, qt.Qt.Key_O, qt.Qt.AltModifier)
    assert done.ui.overlayCheck.checked is not shown


def test_what_is_no_lesion_goes_and_comes_back_and_work_goes_on_in_its_place(harness, done):  # noqa: F811
    ui = done.ui
    assert not ui.notLesionButton.enabled
    assert not ui.undoButton.enabled
    ui.lesionTable.selectRow(1)
    count, first = ui.lesionTable.rowCount, [ui.lesionTable.item(1, n).text() for n in range(2, 5)]
    click(ui.notLesionButton)
    finish(harness, done)
    assert ui.lesionTable.rowCount == count - 1
    assert ui.lesionTable.currentRow() == 1
    click(ui.undoButton)
    finish(harness, done)
    assert ui.lesionTable.rowCount == count
    assert [ui.lesionTable.item(1, n).text() for n in range(2, 5)] == first
    assert not ui.undoButton.enabled


def write(ui, words):
    """Type into the line of the note, without leaving it."""
    from PySide6 import QtTest

    ui.noteEdit.setFocus()
    ui.noteEdit.clear()
    QtTest.QTest.keyClicks(ui.noteEdit, words)


def test_a_note_that_is_being_written_goes_with_its_lesion_whatever_is_pressed(harness, done):  # noqa: F811
    ui = done.ui
    ui.lesionTable.selectRow(0)
    write(ui, "first")
    click(ui.measureButton)
    finish(harness, done)
    assert result(done).note_of(0) == "first"
    ui.lesionTable.selectRow(1)
    write(ui, "gone")
    ui.notLesionButton.click()
    finish(harness, done)
    assert [result(done).note_of(row) for row in range(ui.lesionTable.rowCount)][:2] == ["first", ""]
    click(ui.undoButton)
    finish(harness, done)
    assert [result(done).note_of(row) for row in range(2)] == ["first", "gone"]


def test_a_note_is_in_table_scene_csv_and_report(harness, done, tmp_path, monkeypatch):  # noqa: F811
    import qt
    import slicer

    ui = done.ui
    assert not ui.noteEdit.enabled
    ui.lesionTable.selectRow(0)
    write(ui, "=near the <portal> vein")
    click(ui.nextButton)
    last = ui.lesionTable.columnCount - 1
    assert ui.lesionTable.item(0, last).text() == "=near the <portal> vein"
    assert ui.lesionTable.currentRow() == 1
    assert ui.noteEdit.text == ""
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_: str(tmp_path / "lesions.csv"))
    click(ui.csvButton)
    assert next(csv.DictReader((tmp_path / "lesions.csv").open()))["note"] == "'=near the <portal> vein"
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    click(ui.reportButton)
    finish(harness, done)
    page = next(tmp_path.glob("*report/report.html")).read_text(encoding="utf-8")
    assert "=near the &lt;portal&gt; vein" in page
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    assert slicer.mrmlScene.ReadFromMRB(path)
    slicer.app.processEvents()
    assert ui.lesionTable.item(0, last).text() == "=near the <portal> vein"


def test_a_lesion_is_corrected_in_segment_editor(done, monkeypatch):
    import slicer

    opened = []
    monkeypatch.setattr(slicer.util, "selectModule", opened.append)
    assert not done.ui.editButton.enabled
    done.ui.lesionTable.selectRow(1)
    for _ in range(2):
        click(done.ui.editButton)
    editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    nodes = result(done)
    assert opened == ["SegmentEditor"] * 2
    assert editor.GetSegmentationNode() is nodes.segmentation
    assert editor.GetSourceVolumeNode() is nodes.volume
    assert editor.GetSelectedSegmentID() == nodes.facts["rows"][1]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentEditorNode") == 1


def drawn(kind):
    import slicer

    return list(slicer.util.getNodesByClass(kind))


def test_diameters_are_drawn_where_they_were_measured_and_numbers_beside_all(done):
    import numpy as np

    nodes, table = result(done), done.ui.lesionTable
    (numbers,) = drawn("vtkMRMLMarkupsFiducialNode")
    assert numbers.GetNumberOfControlPoints() == table.rowCount
    moved = transform("scaled")
    under(nodes.volume, moved)
    done.show()
    assert numbers.GetTransformNodeID() == nodes.volume.GetTransformNodeID()
    nodes.volume.SetAndObserveTransformNodeID(None)
    done.show()
    assert not drawn("vtkMRMLMarkupsLineNode")
    table.selectRow(0)
    longest, across = drawn("vtkMRMLMarkupsLineNode")
    rows = {name: float(table.item(0, column).text()) for column, name in ((3, "longest"), (4, "across"))}
    assert longest.GetMeasurement("length").GetValue() == pytest.approx(rows["longest"], abs=0.06)
    assert across.GetMeasurement("length").GetValue() == pytest.approx(rows["across"], abs=0.06)
    ends = [np.array(longest.GetNthControlPointPositionWorld(n)) for n in range(2)]
    assert np.mean(ends, axis=0) == pytest.approx(nodes.place(0))
    done.ui.diametersCheck.click()
    assert not drawn("vtkMRMLMarkupsNode")


def test_opacity_overlay_and_3d_follow_the_boxes(done):
    nodes, ui = result(done), done.ui
    display, (liver, lesion, *_others) = nodes.segmentation.GetDisplayNode(), nodes.segments
    ui.liverOpacitySlider.value = 25
    assert display.GetSegmentOpacity2DFill(liver) == pytest.approx(0.25)
    ui.lesionTable.selectRow(0)
    ui.lesionOpacitySlider.value = 60
    assert display.GetSegmentOpacity2DFill(lesion) == pytest.approx(0.6)
    assert display.GetSegmentOpacity2DFill(liver) == pytest.approx(0.25)
    assert ui.surfaceShownCheck.checked
    ui.surfaceShownCheck.click()
    assert not display.GetVisibility3D()
    ui.overlayCheck.click()
    assert not display.GetVisibility2D()
    display.SetVisibility2D(True)
    done.show()
    assert ui.overlayCheck.checked
