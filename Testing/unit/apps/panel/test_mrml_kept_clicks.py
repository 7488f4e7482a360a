"""Clicks that are saved with the scene, and gone on with once it is loaded."""

import json

import numpy as np
import pytest
from support.click_cases import LESIONS, ball, save_click_model
from support.clicked_scene import FOUND, add_clicked_ct, add_result, finish, found_labels, labels_in, paint, voxel
from support.slicer_harness.fixtures import mrml  # noqa: F401

pytestmark = pytest.mark.usefixtures("mrml")
IN_SMALL, IN_LARGE, AT_EDGE = (voxel(at) for at in (LESIONS["small"][0], (66.0, 70.0, 76.0), (66.0, 70.0, 98.0)))
OUTSIDE = voxel((50.0, 45.0, 54.0)), False


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_click_model(tmp_path_factory.mktemp("models") / "lesion-click"))


@pytest.fixture
def click(jobs, model):
    from LiverTumorSegLib.apps.panel.mrml_clicks import ClickSettings

    def of(lesion, *clicks):
        jobs.clicks.click(lesion, clicks, lambda *_: None, ClickSettings(model, "cpu"))
        if jobs.panel.busy:
            finish(jobs)

    return of


def clicked_into(jobs, click, place, *, one_each):
    """A result with a lesion that was clicked into, and was measured since."""
    from LiverTumorSegLib.apps.panel.mrml_clicks import ClickedInto
    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene

    nodes = add_result(jobs, add_clicked_ct(), one_each=one_each)
    i, j, k = (round(at) for at in place)
    click(ClickedInto(LesionScene.of(nodes), (i, j, k)), (place, True))
    jobs.measure(nodes, lambda _: None)
    finish(jobs)
    return nodes


def loaded_again(jobs, path):
    """The same result, after its scene was saved, closed and loaded."""
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_results import ResultNodes

    assert slicer.mrmlScene.WriteToMRB(str(path))
    jobs.clicks.forget()
    slicer.mrmlScene.Clear(0)
    assert slicer.mrmlScene.ReadFromMRB(str(path))
    kinds = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTableNode")
    return ResultNodes(*(slicer.util.getNodesByClass(kind)[0] for kind in kinds))


def row_with(nodes, place):
    inside = labels_in(nodes) == 2
    from LiverTumorSegLib.apps.panel.mrml_edited_lesion import component

    i, j, k = (round(at) for at in place)
    lesion = component(inside, (k, j, i))
    return next(row for row in range(nodes.facts["lesion_count"]) if lesion[tuple(reversed(nodes.inside(row)))])


@pytest.mark.parametrize("one_each", [False, True])
@pytest.mark.parametrize(("place", "more"), [(IN_SMALL, OUTSIDE), (AT_EDGE, (IN_LARGE, True))])
def test_a_loaded_scene_goes_on_with_the_clicks_as_one_that_was_never_closed(
    jobs, click, tmp_path, place, more, one_each
):
    nodes = clicked_into(jobs, click, place, one_each=one_each)
    lesion = jobs.clicks.lesion_of(nodes, row_with(nodes, place))
    click(lesion, (place, True), more)
    expected = labels_in(nodes)
    click(lesion, (place, True))

    nodes = loaded_again(jobs, tmp_path / "scene.mrb")
    lesion = jobs.clicks.lesion_of(nodes, row_with(nodes, place))
    assert lesion.clicks == ((pytest.approx(place), True),)
    click(lesion, *lesion.clicks, more)
    np.testing.assert_array_equal(labels_in(nodes), expected)
    click(lesion)
    np.testing.assert_array_equal(labels_in(nodes), found_labels())


def test_a_lesion_that_was_painted_since_has_no_clicks(jobs, click, tmp_path):
    nodes = clicked_into(jobs, click, IN_SMALL, one_each=False)
    paint(nodes, list(nodes.segments)[1], ball((50.0, 45.0, 57.0), 2.0))
    nodes = loaded_again(jobs, tmp_path / "scene.mrb")
    assert jobs.clicks.lesion_of(nodes, row_with(nodes, IN_SMALL)).clicks == ()


def test_undo_takes_the_kept_clicks_back_too(jobs, click, tmp_path):
    nodes = clicked_into(jobs, click, AT_EDGE, one_each=False)
    jobs.undo(nodes, lambda _: None)
    finish(jobs)
    nodes = loaded_again(jobs, tmp_path / "scene.mrb")
    assert (labels_in(nodes) == 2)[FOUND].all()
    assert jobs.clicks.lesion_of(nodes, 0).clicks == ()


def test_clicks_go_on_after_another_ct_was_read(jobs, click):
    nodes = clicked_into(jobs, click, AT_EDGE, one_each=False)
    jobs.volumes.of(add_clicked_ct())
    lesion = jobs.clicks.lesion_of(nodes, row_with(nodes, AT_EDGE))
    assert lesion.clicks == ((AT_EDGE, True),)
    click(lesion)
    np.testing.assert_array_equal(labels_in(nodes), found_labels())


def test_an_added_lesion_that_improves_a_clicked_one_is_taken_back_with_its_clicks_kept(jobs, click):
    from LiverTumorSegLib.apps.panel.mrml_clicks import ClickedInto
    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene

    nodes = clicked_into(jobs, click, AT_EDGE, one_each=False)
    i, j, k = (round(at) for at in IN_LARGE)
    click(ClickedInto(LesionScene.of(nodes), (i, j, k)), (IN_LARGE, True))
    jobs.undo(nodes, lambda _: None)
    finish(jobs)
    assert jobs.clicks.lesion_of(nodes, row_with(nodes, AT_EDGE)).clicks == ((AT_EDGE, True),)
    jobs.clicks.forget()
    assert jobs.clicks.lesion_of(nodes, row_with(nodes, AT_EDGE)).clicks == ((pytest.approx(AT_EDGE), True),)


@pytest.mark.parametrize(
    "change",
    [{"lesion": [[0, 9, 0, 9, 0, 9], "AAAA"]}, {"lesion": None}, {"clicks": [[[0, 0, "x"], True]]}, {"marks": 3}],
)
def test_what_is_damaged_counts_as_no_clicks(jobs, click, change):
    from LiverTumorSegLib.apps.panel.mrml_kept_clicks import CLICKS

    nodes = clicked_into(jobs, click, IN_SMALL, one_each=False)
    (kept,) = json.loads(nodes.table.GetAttribute(CLICKS))
    nodes.table.SetAttribute(CLICKS, json.dumps([kept | change]))
    jobs.clicks.forget()
    assert jobs.clicks.lesion_of(nodes, row_with(nodes, IN_SMALL)).clicks == ()


def test_a_way_into_the_world_and_back_leaves_clicks_the_same():
    from LiverTumorSegLib.apps.panel.mrml_kept_clicks import same_clicks

    clicks = (((50.0, 40.0, 30.0), True), ((51.0, 40.0, 30.0), False))
    there_and_back = (((50.0 + 1e-12, 40.0, 30.0 - 1e-12), True), clicks[1])
    assert same_clicks(clicks, there_and_back)
    assert not same_clicks(clicks, clicks[:1])
    assert not same_clicks(clicks, (((50.001, 40.0, 30.0), True), clicks[1]))
    assert not same_clicks(clicks, (((50.0, 40.0, 30.0), False), clicks[1]))
