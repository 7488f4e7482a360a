"""Lesions by clicks in a slice view of Slicer's own, as a user makes them."""

import numpy as np
import pytest
from support.click_cases import LESIONS, ball, dice, save_click_model
from support.clicked_scene import FOUND, add_clicked_ct, add_result, labels_in, voxel
from support.module_case import click, finish, harness, lasting_worker, open_worker, wait, widget  # noqa: F401

pytestmark = pytest.mark.usefixtures("lasting_worker")
SMALL, LARGE = ball(*LESIONS["small"]), ball(*LESIONS["large"])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_click_model(tmp_path_factory.mktemp("models") / "lesion-click"))


@pytest.fixture
def view(widget):  # noqa: F811
    from support.slicer_harness.slice_view import SliceView

    made = SliceView()
    yield made
    made.close()


@pytest.fixture
def panel(harness, widget, model, view):  # noqa: F811
    """The open panel of a CT that can be clicked into."""
    import slicer

    open_worker(harness, widget)
    widget.logic.clickModel = model
    widget.logic.getParameterNode().device = "cpu"
    widget.ui.inputSelector.setCurrentNode(add_clicked_ct())
    widget.parent.activateWindow()
    slicer.app.processEvents()
    return widget


@pytest.fixture
def done(harness, panel):  # noqa: F811
    """The same, with a result in which a model found a part of the large lesion."""
    parameters = panel.logic.getParameterNode()
    nodes = add_result(panel.logic.jobs, parameters.inputVolume)
    parameters.resultVolume, parameters.resultSegmentation = nodes.volume, nodes.segmentation
    parameters.resultTable = nodes.table
    wait(harness, lambda: panel.ui.lesionTable.rowCount == 1)
    return panel


def world(panel, place):
    """A place along slices, rows and columns in the world."""
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world

    return to_world(panel.logic.getParameterNode().inputVolume, np.array([voxel(place)]))[0].tolist()


def press(panel, key, modifier="AltModifier"):
    import qt
    from PySide6 import QtTest

    QtTest.QTest.keyClick(panel.parent, getattr(qt.Qt, key), getattr(qt.Qt, modifier))


def result(panel):
    from LiverTumorSegPanel.parameters import resultOf

    return resultOf(panel.logic.getParameterNode())


def settled(harness, panel):  # noqa: F811
    section = panel._clicks
    wait(harness, lambda: panel.logic.panel.settled and not section._queue and not section._unmeasured)
    finish(harness, panel)


def marks():
    import slicer

    return {
        node.GetAttribute("LiverTumorSeg.clicks"): [
            node.GetNthControlPointLabel(n) for n in range(node.GetNumberOfControlPoints())
        ]
        for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
        if node.GetAttribute("LiverTumorSeg.clicks")
    }


def is_placing():
    import slicer

    mode = slicer.mrmlScene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")
    return mode is not None and mode.GetCurrentInteractionMode() == mode.Place


def test_before_any_run_the_next_click_adds_one_lesion(harness, panel, view):  # noqa: F811
    ui = panel.ui
    assert not ui.resultsSection.visible
    click(ui.clickFirstButton)
    assert "Click into a lesion" in ui.clickLabel.text
    view.click(world(panel, LESIONS["small"][0]))
    settled(harness, panel)
    assert dice(labels_in(result(panel)) == 2, SMALL) > 0.8
    assert ui.lesionTable.rowCount == 1
    assert not is_placing()
    assert marks() == {}
    assert not ui.clickFirstButton.visible
    assert "each was clicked or painted" in ui.summaryLabel.text
    assert "% by the model" in ui.clickLabel.text
    assert "1 click" in ui.lesionTable.item(0, 0).toolTip()
    view.click(world(panel, LESIONS["large"][0]))
    settled(harness, panel)
    assert ui.lesionTable.rowCount == 1


def test_by_keys_a_lesion_is_added_improved_undone_and_redone(harness, done, view):  # noqa: F811
    ui = done.ui
    before = labels_in(result(done))
    press(done, "Key_A")
    view.click(world(done, LESIONS["small"][0]))
    settled(harness, done)
    assert ui.lesionTable.rowCount == 2
    added = labels_in(result(done))
    press(done, "Key_I")
    assert marks()["Clicks inside"] == ["+1"]
    press(done, "Key_X")
    assert ui.outsideButton.checked
    view.click(world(done, (50.0, 45.0, 54.0)))
    settled(harness, done)
    assert marks() == {"Clicks inside": ["+1"], "Clicks outside": ["−2"]}
    improved = labels_in(result(done))
    assert (improved == 2).sum() < (added == 2).sum()
    press(done, "Key_Z")
    settled(harness, done)
    assert np.array_equal(labels_in(result(done)), added)
    assert marks() == {"Clicks inside": ["+1"], "Clicks outside": []}
    press(done, "Key_Z")
    settled(harness, done)
    assert np.array_equal(labels_in(result(done)), before)
    import qt
    from PySide6 import QtTest

    for wanted in (added, improved):
        QtTest.QTest.keyClick(done.parent, qt.Qt.Key_Z, qt.Qt.AltModifier | qt.Qt.ShiftModifier)
        settled(harness, done)
        assert np.array_equal(labels_in(result(done)), wanted)
    press(done, "Key_Escape", "NoModifier")
    assert marks() == {}
    assert not is_placing()
    assert not ui.improveButton.checked


def test_marks_are_moved_and_removed(harness, done, view):  # noqa: F811
    ui = done.ui
    before = labels_in(result(done))
    ui.lesionTable.selectRow(0)
    click(ui.improveButton)
    view.click(world(done, (66.0, 70.0, 98.0)))
    settled(harness, done)
    first = labels_in(result(done))
    assert dice(first == 2, LARGE) > 0.9
    view.right_click(world(done, (66.0, 70.0, 90.0)))
    wait(harness, lambda: "Drag a mark" in ui.clickLabel.text)
    view.drag(world(done, (66.0, 70.0, 98.0)), world(done, (66.0, 80.0, 90.0)))
    settled(harness, done)
    (((i, j, _), inside),) = done._clicks._lesion.clicks
    assert inside
    assert np.allclose((i * 0.9, j * 0.9), (90.0, 80.0), atol=1.5)
    node = done._clicks.points._nodes[True]
    node.RemoveNthControlPoint(0)
    wait(harness, lambda: not done._clicks._lesion.clicks)
    settled(harness, done)
    assert np.array_equal(labels_in(result(done)), before)


def test_clicks_while_it_works_are_looked_at_afterwards(harness, done, view):  # noqa: F811
    """Two new lesions one after the other, and two clicks into one: nothing that was clicked is lost."""
    ui = done.ui
    ui.lesionTable.selectRow(0)
    click(ui.improveButton)
    view.click(world(done, (66.0, 70.0, 98.0)))
    view.click(world(done, (66.0, 80.0, 98.0)))
    press(done, "Key_Escape", "NoModifier")
    press(done, "Key_A")
    view.click(world(done, LESIONS["small"][0]))
    settled(harness, done)
    assert ui.lesionTable.rowCount == 2
    origins = sorted(each.clicks for each in result(done).origins)
    assert origins in ([0, 1], [1, 1], [1, 2])
    lesion = labels_in(result(done)) == 2
    assert dice(lesion & ~LARGE, SMALL & ~LARGE) > 0.8


def test_bad_clicks_say_why_and_lose_nothing(harness, done, view):  # noqa: F811
    ui, panel = done.ui, done.logic.panel
    before = labels_in(result(done))
    click(ui.addLesionButton)
    view.click(world(done, (66.0, 70.0, -30.0)))
    wait(harness, lambda: panel.error)
    assert "outside the CT" in panel.error
    assert np.array_equal(labels_in(result(done)), before)
    ui.lesionTable.selectRow(0)
    click(ui.improveButton)
    view.click(world(done, (66.0, 70.0, 98.0)))
    settled(harness, done)
    improved = labels_in(result(done))
    view.click(world(done, (66.0, 70.0, -30.0)))
    wait(harness, lambda: panel.error)
    assert np.array_equal(labels_in(result(done)), improved)
    assert marks()["Clicks inside"] == ["+1"]
    assert (improved == 2)[FOUND].all()


def test_a_missing_model_is_named_and_ends_the_mode(harness, done):  # noqa: F811
    from LiverTumorSegLib.core.about import CLICK_MODEL

    done.logic.clickModel = "gone-click"
    click(done.ui.addLesionButton)
    wait(harness, lambda: done.logic.panel.error)
    assert "gone-click" in done.logic.panel.error
    assert not done.ui.addLesionButton.checked
    assert not is_placing()
    assert CLICK_MODEL == "lesion-click"


def test_leaving_the_panel_or_the_scene_ends_the_mode(done, view):
    import slicer

    done.ui.lesionTable.selectRow(0)
    click(done.ui.improveButton)
    done.exit()
    assert not is_placing()
    assert marks() == {}
    done.enter()
    press(done, "Key_A")
    slicer.mrmlScene.Clear(0)
    slicer.app.processEvents()
    assert marks() == {}
    assert done.logic.panel.error == ""


def test_another_row_ends_improving(harness, done, view):  # noqa: F811
    click(done.ui.addLesionButton)
    view.click(world(done, LESIONS["small"][0]))
    settled(harness, done)
    table = done.ui.lesionTable
    chosen = table.currentRow()
    click(done.ui.improveButton)
    assert marks()["Clicks inside"] == ["+1"]
    table.selectRow(1 - chosen)
    assert marks() == {}
    assert not is_placing()


def test_improving_goes_on_in_a_scene_that_was_loaded(harness, done, view, tmp_path):  # noqa: F811
    import slicer

    click(done.ui.addLesionButton)
    view.click(world(done, LESIONS["small"][0]))
    settled(harness, done)
    chosen, path = done.ui.lesionTable.currentRow(), str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    assert slicer.mrmlScene.ReadFromMRB(path)
    slicer.app.processEvents()
    done.ui.lesionTable.selectRow(chosen)
    click(done.ui.improveButton)
    assert marks()["Clicks inside"] == ["+1"]


def test_a_click_that_waits_stays_with_the_ct_that_it_was_made_in(harness, done, view):  # noqa: F811
    import slicer

    parameters = done.logic.getParameterNode()
    first, other = parameters.inputVolume, add_clicked_ct(name="other CT")
    done.ui.lesionTable.selectRow(0)
    click(done.ui.improveButton)
    view.click(world(done, (66.0, 70.0, 98.0)))
    press(done, "Key_Escape", "NoModifier")
    press(done, "Key_A")
    view.click(world(done, LESIONS["small"][0]))
    wait(harness, lambda: not done.ui.addLesionButton.checked)
    done.ui.inputSelector.setCurrentNode(other)
    settled(harness, done)
    nodes = result(done)
    assert nodes.volume is first
    assert done.ui.lesionTable.rowCount == 2
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1


def test_two_clicks_before_any_run_make_one_result(harness, panel, view):  # noqa: F811
    import slicer

    other = add_clicked_ct(name="other CT")
    for place in (LESIONS["small"][0], LESIONS["large"][0]):
        press(panel, "Key_A")
        view.click(world(panel, place))
        wait(harness, lambda: not panel.ui.addLesionButton.checked)
    panel.ui.inputSelector.setCurrentNode(other)
    press(panel, "Key_A")
    view.click(world(panel, LESIONS["small"][0]))
    settled(harness, panel)
    tables = slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert sorted(table.GetNumberOfRows() for table in tables) == [1, 2]
    assert result(panel).volume is other


def test_what_the_panel_shows_meanwhile_does_not_throw_a_drag_back(harness, done, view):  # noqa: F811
    done.ui.lesionTable.selectRow(0)
    click(done.ui.improveButton)
    view.click(world(done, (66.0, 70.0, 98.0)))
    settled(harness, done)
    node = done._clicks.points._nodes[True]
    node.InvokeEvent(node.PointStartInteractionEvent)
    node.SetNthControlPointPositionWorld(0, world(done, (66.0, 80.0, 90.0)))
    done.logic.panel.refresh()
    assert np.allclose(node.GetNthControlPointPositionWorld(0), world(done, (66.0, 80.0, 90.0)))
    node.InvokeEvent(node.PointEndInteractionEvent)
    settled(harness, done)
    (((i, j, _), _inside),) = done._clicks._lesion.clicks
    assert np.allclose((i * 0.9, j * 0.9), (90.0, 80.0))


def test_a_lesion_of_another_ct_gets_a_table_of_its_own_in_the_chosen_segmentation(harness, done, view):  # noqa: F811
    parameters, first = done.logic.getParameterNode(), result(done)
    first.note(0, "metastasis of patient A")
    parameters.outputSegmentation = first.segmentation
    other = add_clicked_ct(name="other CT")
    done.ui.inputSelector.setCurrentNode(other)
    press(done, "Key_A")
    view.click(world(done, LESIONS["small"][0]))
    settled(harness, done)
    nodes = result(done)
    assert (nodes.volume, nodes.segmentation) == (other, first.segmentation)
    assert nodes.table is not first.table
    assert nodes.notes == []
    assert first.note_of(0) == "metastasis of patient A"
