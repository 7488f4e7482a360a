import csv

import pytest
from support.lesion_scores import model_with_scores
from support.module_case import add_ct, click, finish, harness, lasting_worker, open_worker, wait, widget  # noqa: F401

pytestmark = pytest.mark.usefixtures("lasting_worker")


@pytest.fixture
def done(harness, widget, small_phantom):  # noqa: F811
    """The panel after a CT was segmented, a segment a lesion."""
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.ui.oneEachCheck.click()
    click(widget.ui.segmentButton)
    finish(harness, widget)
    return widget


def nodes(widget):  # noqa: F811
    parameters = widget.logic.getParameterNode()
    return parameters.resultSegmentation, parameters.resultTable


def place_of(widget, row):  # noqa: F811
    from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

    parameters = widget.logic.getParameterNode()
    return ResultNodes(parameters.resultVolume, *nodes(widget)).place(row)


def test_the_result_can_be_read_gone_to_copied_saved_reported_and_measured_again(harness, done, tmp_path, monkeypatch):  # noqa: F811
    """One segmentation serves for all: it takes longest."""
    import qt
    import slicer
    from PySide6 import QtCore, QtTest

    from LiverTumorSegLib.apps.panel import mrml_tables

    ui, (segmentation, table) = done.ui, nodes(done)
    rows = mrml_tables.rows(table)
    assert ui.lesionTable.rowCount == len(rows) > 1
    assert float(ui.lesionTable.item(0, 2).text()) == round(rows[0]["volume_ml"], 2)
    assert f"{len(rows)} lesions" in ui.summaryLabel.text
    assert "4.0 mm wide" in ui.resultWarnings.text

    ui.lesionTable.selectRow(1)
    matrix = slicer.mrmlScene.GetFirstNode("Red", "vtkMRMLSliceNode").GetSliceToRAS()
    assert [matrix.GetElement(n, 3) for n in range(3)] == pytest.approx(place_of(done, 1))
    display, lit = segmentation.GetDisplayNode(), segmentation.GetSegmentation().GetNthSegmentID(2)
    assert display.GetSegmentOpacity2DFill(lit) == 1
    assert display.GetSegmentOpacity2DFill(segmentation.GetSegmentation().GetNthSegmentID(1)) < 1

    slicer.mrmlScene.GetFirstNode("Red", "vtkMRMLSliceNode").JumpSliceByCentering(0, 0, 0)
    cell = ui.lesionTable.visualItemRect(ui.lesionTable.item(1, 0)).center()
    QtTest.QTest.mouseClick(ui.lesionTable.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=cell)  # the same row
    assert [matrix.GetElement(n, 3) for n in range(3)] == pytest.approx(place_of(done, 1))
    done.exit()
    assert display.GetSegmentOpacity2DFill(segmentation.GetSegmentation().GetNthSegmentID(1)) == 1
    done.enter()

    click(ui.copyButton)
    lines = slicer.app.clipboard().text().splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[0].split("\t")[:2] == ["number", "volume_ml"]

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_: str(tmp_path / "lesions.csv"))
    click(ui.csvButton)
    read = list(csv.DictReader((tmp_path / "lesions.csv").open()))
    assert float(read[1]["centroid_r_mm"]) == pytest.approx(rows[1]["r"])

    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    for name in ("CT liver and lesions report", "CT liver and lesions report 2"):
        click(ui.reportButton)
        assert not ui.reportButton.enabled
        finish(harness, done)
        assert (tmp_path / name / "report.html").is_file()
    assert "report%202/report.html" in ui.reportLabel.text
    assert ui.reportLabel.visible

    segmentation.GetSegmentation().RemoveSegment(lit)
    click(ui.measureButton)
    finish(harness, done)
    assert ui.lesionTable.rowCount == len(rows) - 1
    assert f"{len(rows) - 1} lesion" in ui.summaryLabel.text


def test_a_file_that_cannot_be_written_is_one_sentence(done, monkeypatch):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_: "/proc/none/lesions.csv")
    click(done.ui.csvButton)
    assert "cannot be written" in done.ui.errorLabel.text


def test_a_result_names_its_ct_and_says_when_another_is_chosen(harness, done, small_phantom):  # noqa: F811
    assert done.ui.summaryLabel.text.startswith("CT: ")
    done.ui.reportLabel.visible = True
    done.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume, "Other"))
    assert "result of “CT”, not of the CT that is chosen" in done.ui.resultWarnings.text
    assert done.ui.reportLabel.visible
    click(done.ui.segmentButton)
    finish(harness, done)
    assert done.ui.summaryLabel.text.startswith("Other: ")
    assert "result of" not in done.ui.resultWarnings.text
    assert not done.ui.reportLabel.visible  # it led to the report of the other CT


def test_closed_dialogs_do_nothing(done, monkeypatch):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_: "")
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: "")
    click(done.ui.csvButton)
    click(done.ui.reportButton)
    assert not done.logic.panel.busy


def test_a_result_whose_segments_were_removed_is_no_result(harness, done):  # noqa: F811
    import slicer

    slicer.mrmlScene.RemoveNode(nodes(done)[0])
    slicer.app.processEvents()
    done.show()
    assert not done.ui.resultsSection.visible


@pytest.fixture
def scored(harness, widget, small_phantom, tmp_path, monkeypatch):  # noqa: F811
    """The panel after a CT was segmented by a model with lesion scores, when many false ones are put up with."""
    monkeypatch.setenv("LIVERTUMORSEG_MODELS", str(tmp_path / "models"))
    widget.ui.inputSelector.setCurrentNode(add_ct(small_phantom.volume))
    widget.logic.getParameterNode().model = str(model_with_scores(tmp_path))
    widget.ui.sensitivitySpin.value = 5
    open_worker(harness, widget)
    click(widget.ui.segmentButton)
    finish(harness, widget)
    return widget


def test_the_slider_takes_fewer_or_more_lesions_at_once(harness, scored):  # noqa: F811
    ui = scored.ui
    count, slider = ui.lesionTable.rowCount, ui.sensitivitySlider
    assert (slider.maximum, slider.value) == (2, 2)
    assert "8 of 10 found" in ui.sensitivityLabel.text
    slider.value = 0
    wait(harness, lambda: ui.lesionTable.rowCount < count)
    finish(harness, scored)
    assert ui.lesionTable.rowCount > 0
    assert "0 false lesions a patient, 3 of 10 found" in ui.sensitivityLabel.text
    slider.value = 2
    wait(harness, lambda: ui.lesionTable.rowCount == count)


def test_the_slider_keeps_the_keyboard_and_takes_where_it_comes_to_rest(harness, scored, monkeypatch):  # noqa: F811
    import qt
    from PySide6 import QtTest

    ui, chosen = scored.ui, []
    slider, choose = ui.sensitivitySlider, scored.logic.jobs.choose
    count = ui.lesionTable.rowCount

    def counted(nodes, sensitivity, done):
        chosen.append(sensitivity)
        choose(nodes, sensitivity, done)
        assert slider.enabled

    monkeypatch.setattr(scored.logic.jobs, "choose", counted)
    scored.parent.activateWindow()
    slider.setFocus()
    for _ in range(2):
        QtTest.QTest.keyClick(slider, qt.Qt.Key_Left)
    assert slider.value == 0
    wait(harness, lambda: ui.lesionTable.rowCount < count)
    assert len(chosen) == 1
    QtTest.QTest.keyClick(slider, qt.Qt.Key_Right)
    assert slider.value == 1
    wait(harness, lambda: len(chosen) == 2 and scored.logic.panel.settled)
    assert slider.value == 1
    assert slider.enabled


def test_the_table_sorts_and_a_row_still_leads_to_its_lesion(scored):
    import qt
    import slicer

    from LiverTumorSegLib.apps.panel import mrml_tables

    table, rows = scored.ui.lesionTable, mrml_tables.rows(nodes(scored)[1])
    table.sortItems(1, qt.Qt.AscendingOrder)
    shown = [float(table.item(row, 1).text()) for row in range(table.rowCount)]
    assert shown == sorted(round(100 * row["probability"]) for row in rows)
    least = min(range(len(rows)), key=lambda n: rows[n]["probability"])
    table.selectRow(0)
    matrix = slicer.mrmlScene.GetFirstNode("Red", "vtkMRMLSliceNode").GetSliceToRAS()
    assert [matrix.GetElement(n, 3) for n in range(3)] == pytest.approx(place_of(scored, least))


def test_a_model_without_scores_has_no_slider(done):
    assert done.ui.sensitivityFrame.visible == bool(nodes_points(done))


def nodes_points(widget):  # noqa: F811
    from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

    return ResultNodes(None, *nodes(widget)).points
