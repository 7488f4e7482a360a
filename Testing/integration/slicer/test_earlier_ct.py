"""The panel compares an earlier CT with its result, shows both, takes what is said of pairs, and writes the report."""

import json

import numpy as np
import pytest
from support.module_case import click, finish, harness, lasting_worker, wait, widget  # noqa: F401
from support.small_follow_up import add_comparison, add_result, earlier, later

pytestmark = pytest.mark.usefixtures("lasting_worker")


def choose(widget, result):  # noqa: F811
    """Let the panel show a result."""
    parameters = widget.logic.getParameterNode()
    parameters.inputVolume = parameters.resultVolume = result.volume
    parameters.resultSegmentation, parameters.resultTable = result.segmentation, result.table
    facts = {"lesion_count": 3, "liver_ml": 1.0, "lesion_ml": 1.0, "burden_percent": 1.0, "rows": []}
    told = result.facts | facts
    told["run"] |= {"seconds": 1.0, "device": "cpu", "notes": []}
    result.table.SetAttribute("LiverTumorSeg.facts", json.dumps(told))
    widget.ui.earlierSection.collapsed = False


@pytest.fixture
def compared(widget, tmp_path):  # noqa: F811
    """The panel with a comparison in its scene."""
    nodes = add_comparison(tmp_path)
    widget.logic.getParameterNode().comparison = nodes.table
    widget.ui.earlierSection.collapsed = False
    return nodes


def words(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def centres():
    import slicer

    views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    return {view.GetName(): slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:3, 3] for view in views}


def test_one_press_compares_and_the_report_is_written_where_the_user_says(harness, widget, tmp_path, monkeypatch):  # noqa: F811
    import qt

    ui, parameters = widget.ui, widget.logic.getParameterNode()
    assert not ui.compareButton.enabled
    assert ui.compareButton.toolTip == "Segment the later CT first"
    before, after = add_result(earlier(), "before"), add_result(later(), "after")
    choose(widget, after)
    assert ui.compareButton.toolTip == "Choose the earlier CT first"
    ui.earlierSelector.setCurrentNode(before.volume)
    assert "Segment the earlier CT as the later one was" in ui.compareButton.toolTip
    ui.earlierSegmentationSelector.setCurrentNode(before.segmentation)
    ui.earlierDateEdit.text, ui.laterDateEdit.text = "2026-01-10", "2026-04-20"
    click(ui.compareButton)
    assert ui.compareButton.text == "Cancel"
    finish(harness, widget)
    table = parameters.comparison
    assert table.GetNumberOfRows() == ui.changesTable.rowCount == 4
    assert "100 days" in ui.comparisonLabel.text
    assert "3 → 3 lesions" in ui.comparisonLabel.text
    assert before.volume.GetTransformNodeID()  # it is shown as registered
    assert parameters.resultVolume is after.volume

    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    for count in (1, 2):  # nothing is overwritten
        click(ui.comparisonReportButton)
        finish(harness, widget)
        assert len(list(tmp_path.glob("after compared report*/follow-up.html"))) == count
    assert ui.comparisonReportLabel.visible
    ui.earlierDateEdit.text = "soon"
    ui.compareButton.click()
    wait(harness, lambda: widget.logic.panel.settled)
    assert ui.errorLabel.text == "“soon” is not a date: write it as 2026-03-31."


def test_a_row_leads_both_sides_to_its_lesion_in_the_reports_order_and_colours(compared, widget):  # noqa: F811
    import qt
    from LiverTumorSegPanel.colours import contrast

    ui = widget.ui
    rows = compared.facts["rows"]
    shown = words(ui.changesTable)
    assert [row[2] for row in shown] == [row["what"] for row in rows]
    assert {row[0] for row in shown if row[2] == "new"} == {"–"}
    click(ui.showComparisonButton)
    assert compared.is_registered
    for number in range(len(rows)):
        ui.changesTable.clearSelection()
        ui.changesTable.selectRow(number)
        found = centres()
        for side, view in enumerate(("Red", "Yellow")):
            assert np.allclose(found[view], compared.place(number, side), atol=1e-6)
    grown = next(n for n, row in enumerate(shown) if row[2] == "larger")
    colour = ui.changesTable.item(grown, 2).foreground().color()
    assert colour.red() > colour.blue()
    base = ui.changesTable.palette.color(qt.QPalette.Base)
    parts = [tuple(part / 255 for part in (one.red(), one.green(), one.blue())) for one in (colour, base)]
    assert contrast(*parts) >= 4.5
    click(ui.registeredCheck)
    assert not compared.is_registered
    assert np.allclose(centres()["Red"], compared.place(len(rows) - 1, 0), atol=1e-6)
    click(ui.showComparisonButton)
    assert compared.volumes[0].GetTransformNodeID() is None
    assert ui.showComparisonButton.text == "Show both"


def test_what_is_said_of_pairs_changes_the_table_and_is_taken_back(harness, compared, widget):  # noqa: F811
    ui, table = widget.ui, widget.ui.changesTable
    before = words(table)
    for button in (ui.pairButton, ui.unpairButton, ui.wasThereButton, ui.forgetPairButton):
        assert not button.enabled
    new = next(n for n, row in enumerate(before) if row[2] == "new")
    table.selectRow(new)
    click(ui.wasThereButton)
    finish(harness, widget)
    assert words(table)[new][2] == "was there, not marked (by hand)"
    grown = next(n for n, row in enumerate(before) if row[2] == "larger")
    table.clearSelection()
    table.selectRow(grown)
    click(ui.unpairButton)
    finish(harness, widget)
    assert len(words(table)) == len(before) + 1
    assert compared.facts["edits"][1][0] == "unpair"
    for _ in range(2):
        click(ui.forgetPairButton)
        finish(harness, widget)
    assert words(table) == before
    gone = next(n for n, row in enumerate(before) if row[2] == "not found any more")
    for row in (new, gone):
        for column in range(table.columnCount):
            table.item(row, column).setSelected(True)
    click(ui.pairButton)
    finish(harness, widget)
    assert len(words(table)) == len(before) - 1


def test_other_patients_are_asked_about_before_anything_is_segmented(harness, widget, monkeypatch, tmp_path):  # noqa: F811
    from types import SimpleNamespace

    import slicer
    from support import dicom_slices

    files = {}
    before, after = add_result(earlier(), "before"), add_result(later(), "after")
    for result, patient in ((before, "P1"), (after, "P2")):
        one = dicom_slices.plain(count=1)[0]
        one.PatientID = patient
        (files[patient],) = map(str, dicom_slices.write([one], tmp_path, patient))
        result.volume.SetAttribute("DICOM.instanceUIDs", patient)
    days = {"P1": "20260110", "P2": ""}
    database = SimpleNamespace(fileForInstance=files.get, instanceValue=lambda uid, tag: days[uid])
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    asked = []
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda said: asked.append(said) or "patient" not in said)
    choose(widget, after)
    widget.ui.earlierSelector.setCurrentNode(before.volume)
    assert widget.ui.earlierDateEdit.placeholderText == "2026-01-10, as DICOM says"
    assert widget.ui.laterDateEdit.placeholderText == "not known; such as 2026-03-31"
    segmentations = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    click(widget.ui.compareButton)
    wait(harness, lambda: widget.logic.panel.settled and not widget.logic.panel.asking)
    assert "state different patient IDs" in asked[-1]
    assert widget.ui.errorLabel.text == "Nothing was compared: choose an earlier CT of the same patient."
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == segmentations
    assert widget.logic.getParameterNode().comparison is None


def test_a_comparison_of_lesions_that_changed_since_says_so(compared, widget):  # noqa: F811
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_results import earlier_table

    assert not widget.ui.comparisonWarnings.visible
    mrml_tables.fill(earlier_table(compared.segmentations[1]), compared.facts["lesions"][1][1:])
    widget.show()
    assert "measured again since they were compared" in widget.ui.comparisonWarnings.text
