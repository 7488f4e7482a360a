import numpy as np
import pytest
from support.click_cases import LESIONS, ball, dice, save_click_model
from support.clicked_scene import (
    FOUND,
    LIVER,
    add_clicked_ct,
    add_painted,
    add_result,
    finish,
    found_labels,
    labels_in,
    paint,
    voxel,
)
from support.mrml_cases import TRANSFORMS, transform
from support.panels import settle
from support.slicer_harness.fixtures import mrml  # noqa: F401

pytestmark = pytest.mark.usefixtures("mrml")
SMALL, LARGE = ball(*LESIONS["small"]), ball(*LESIONS["large"])
IN_SMALL, IN_LARGE = (voxel(LESIONS[name][0]) for name in ("small", "large"))
IN_LIVER = voxel((50.0, 45.0, 70.0))
AT_EDGE = voxel((66.0, 70.0, 98.0))
"""In the large lesion, inside what the model found of it, and near that part's border."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_click_model(tmp_path_factory.mktemp("models") / "lesion-click"))


@pytest.fixture
def settings(model):
    from LiverTumorSegLib.apps.panel.mrml_clicks import ClickSettings

    return ClickSettings(model, "cpu")


@pytest.fixture
def clicked(jobs, settings):
    """Clicks into a lesion, and what they make of the scene."""

    def click(lesion, *clicks):
        got = []
        jobs.clicks.click(lesion, clicks, lambda *found: got.append(found), settings)
        if jobs.panel.busy:
            finish(jobs)
        return got[0]

    return click


def new_lesion(scene, place):
    from LiverTumorSegLib.apps.panel.mrml_clicks import ClickedInto

    i, j, k = (round(at) for at in place)
    return ClickedInto(scene, (i, j, k))


def of(nodes):
    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene

    return LesionScene.of(nodes)


def measured(jobs, nodes):
    jobs.measure(nodes, lambda _: None)
    finish(jobs)
    return nodes


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_before_any_run_a_click_makes_a_result_with_one_lesion(jobs, clicked, kind):
    from LiverTumorSegLib.apps.panel import mrml_tables
    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene

    node = add_clicked_ct(transform(kind))
    nodes, answer = clicked(new_lesion(LesionScene(node), IN_SMALL), (IN_SMALL, True))
    assert dice(labels_in(nodes) == 2, SMALL) > 0.8
    assert answer.probability > 0.5
    assert nodes.segmentation.GetTransformNodeID() == node.GetTransformNodeID()
    (row,) = mrml_tables.rows(measured(jobs, nodes).table)
    assert row["volume_ml"] == pytest.approx(answer.ml, abs=1e-3)
    assert np.isnan(row["surface_distance_mm"])
    assert np.isnan(row["burden_percent"])
    assert nodes.facts["liver_ml"] is None
    assert nodes.facts["run"]["model"] == "lesion-click"
    assert origins(nodes) == ["1 click"]


@pytest.mark.parametrize("one_each", [False, True])
def test_a_click_adds_a_lesion_beside_those_that_are_there(jobs, clicked, one_each):
    nodes = add_result(jobs, add_clicked_ct(), one_each=one_each)
    before, count = labels_in(nodes), nodes.segmentation.GetSegmentation().GetNumberOfSegments()
    clicked(new_lesion(of(nodes), IN_SMALL), (IN_SMALL, True))
    after = labels_in(nodes)
    assert dice((after == 2) & ~(before == 2), SMALL) > 0.9
    assert np.array_equal(after > 0, (before > 0) | (after == 2))
    assert (after == 2)[before == 2].all()
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == count + one_each
    measured(jobs, nodes)
    assert nodes.facts["lesion_count"] == 2
    assert len(set(nodes.facts["rows"])) == 1 + one_each


@pytest.mark.parametrize("one_each", [False, True])
def test_a_click_into_a_lesion_improves_it_and_does_not_double_it(jobs, clicked, one_each):
    nodes = add_result(jobs, add_clicked_ct(), one_each=one_each)
    clicked(new_lesion(of(nodes), AT_EDGE), (AT_EDGE, True))
    lesion = labels_in(nodes) == 2
    assert lesion[FOUND].all()
    assert dice(lesion, LARGE) > 0.9
    assert measured(jobs, nodes).facts["lesion_count"] == 1


def test_what_was_there_goes_only_where_a_click_outside_lies(jobs, clicked):
    labels = found_labels()
    wrong = ball((66.0, 70.0, 30.0), 8.0)
    labels[wrong | ball((66.0, 70.0, 42.0), 8.0)] = 2
    labels[ball((66.0, 70.0, 54.0), 12.0)] = 2
    nodes = add_result(jobs, add_clicked_ct(), labels)
    lesion = jobs.clicks.lesion_of(nodes, 0)
    clicked(lesion, (IN_LARGE, True))
    assert (labels_in(nodes) == 2)[wrong].all()
    clicked(lesion, (IN_LARGE, True), (voxel((66.0, 70.0, 26.0)), False))
    after = labels_in(nodes)
    assert not (after == 2)[ball((66.0, 70.0, 28.0), 4.0)].any()
    assert np.array_equal(after[wrong & (after != 2)] == 1, LIVER[wrong & (after != 2)])
    assert (after == 2)[FOUND].all()


def test_each_step_is_taken_back_and_done_again(jobs, clicked):
    nodes = add_result(jobs, add_clicked_ct(), one_each=True)
    lesion = new_lesion(of(nodes), IN_SMALL)
    states = [labels_in(nodes)]
    clicked(lesion, (IN_SMALL, True))
    states.append(labels_in(nodes))
    clicked(lesion, (IN_SMALL, True), (voxel((50.0, 45.0, 54.0)), False))
    states.append(labels_in(nodes))
    assert (states[2] == 2).sum() < (states[1] == 2).sum()
    names = list(of(nodes).names)
    for step, wanted in ((jobs.undo, 1), (jobs.undo, 0), (jobs.redo, 1), (jobs.redo, 2), (jobs.undo, 1)):
        step(nodes, lambda _: None)
        finish(jobs)
        assert np.array_equal(labels_in(nodes), states[wanted])
        assert len(lesion.clicks) == wanted
        assert nodes.facts["lesion_count"] == 1 + (wanted > 0)
    assert len(of(nodes).names) == len(names)
    clicked(lesion, (IN_SMALL, True), (voxel((50.0, 45.0, 54.0)), False))
    assert np.array_equal(labels_in(nodes), states[2])
    assert not jobs.steps.has_undone(nodes.table)


def origins(nodes):
    return sorted(origin.in_words for origin in nodes.origins)


def test_it_is_said_of_each_lesion_how_it_came_about_also_when_steps_are_taken_back(jobs, clicked):
    nodes = add_result(jobs, add_clicked_ct())
    assert origins(nodes) == ["automatic"]
    clicked(new_lesion(of(nodes), IN_SMALL), (IN_SMALL, True))
    assert origins(measured(jobs, nodes)) == ["1 click", "automatic"]
    row = next(n for n in range(2) if SMALL[tuple(reversed(nodes.inside(n)))])
    lesion = jobs.clicks.lesion_of(nodes, row)
    clicked(lesion, (IN_SMALL, True), (voxel((50.0, 45.0, 54.0)), False))
    assert origins(measured(jobs, nodes)) == ["2 clicks", "automatic"]
    large = jobs.clicks.lesion_of(nodes, 1 - row)
    clicked(large, (AT_EDGE, True))
    assert origins(measured(jobs, nodes)) == ["2 clicks", "automatic, improved by 1 click"]
    for wanted in (["2 clicks", "automatic"], ["1 click", "automatic"], ["automatic"]):
        jobs.undo(nodes, lambda _: None)
        finish(jobs)
        assert origins(nodes) == wanted
    jobs.redo(nodes, lambda _: None)
    finish(jobs)
    assert origins(nodes) == ["1 click", "automatic"]


def test_no_click_left_is_as_before_the_first(jobs, clicked):
    nodes = add_result(jobs, add_clicked_ct())
    before = labels_in(nodes)
    lesion = jobs.clicks.lesion_of(nodes, 0)
    clicked(lesion, (AT_EDGE, True))
    clicked(lesion)
    assert np.array_equal(labels_in(nodes), before)


def test_what_the_user_painted_stays_beside_a_new_lesion(jobs, clicked):
    """Segments of theirs, with a term and without one, that overlap where the new lesion lies."""
    nodes = add_result(jobs, add_clicked_ct())
    half = SMALL & (np.indices(SMALL.shape)[2] > IN_SMALL[0] + 3)
    mass = add_painted(nodes, half)
    vessel = add_painted(nodes, ball((50.0, 45.0, 46.0), 3.0), term=None, name="vessel")
    held = {name: of(nodes).boxes.held(name, whole(half)).copy() for name in (mass, vessel)}
    clicked(new_lesion(of(nodes), IN_SMALL), (IN_SMALL, True))
    for name, mask in held.items():
        assert np.array_equal(of(nodes).boxes.held(name, whole(half)), mask)
        assert np.array_equal(by_slicer(nodes, name), mask)
    own = by_slicer(nodes, list(nodes.segments)[1])
    assert dice(own & ~FOUND, SMALL & ~half) > 0.85
    assert not (own & half).any()


def test_a_lesion_in_a_segment_of_the_users_is_improved_there(jobs, clicked):
    nodes = add_result(jobs, add_clicked_ct())
    mine = add_painted(nodes, ball(LESIONS["small"][0], 3.0))
    own = by_slicer(nodes, list(nodes.segments)[1])
    clicked(new_lesion(of(nodes), IN_SMALL), (IN_SMALL, True))
    assert dice(by_slicer(nodes, mine), SMALL) > 0.9
    assert np.array_equal(by_slicer(nodes, list(nodes.segments)[1]), own)
    assert measured(jobs, nodes).facts["lesion_count"] == 2
    assert any("corrected by hand" in each for each in origins(nodes))


def test_undo_leaves_what_was_painted_since(jobs, clicked):
    nodes = add_result(jobs, add_clicked_ct())
    clicked(new_lesion(of(nodes), IN_SMALL), (IN_SMALL, True))
    mine = add_painted(nodes, ball((20.0, 20.0, 20.0), 4.0))
    kept = by_slicer(nodes, mine)
    paint(nodes, list(nodes.segments)[1], ball((50.0, 45.0, 60.0), 2.0))
    jobs.undo(nodes, lambda _: None)
    finish(jobs)
    assert np.array_equal(by_slicer(nodes, mine), kept)
    lesion = labels_in(nodes) == 2
    assert lesion[ball((50.0, 45.0, 60.0), 1.0)].all()
    assert not lesion[ball(LESIONS["small"][0], 2.0)].any()


def test_a_row_that_was_clicked_goes_on_with_its_clicks_until_it_is_painted(jobs, clicked):
    nodes = add_result(jobs, add_clicked_ct())
    clicked(new_lesion(of(nodes), IN_SMALL), (IN_SMALL, True))
    measured(jobs, nodes)
    row = next(n for n in range(2) if SMALL[tuple(reversed(nodes.inside(n)))])
    assert jobs.clicks.lesion_of(nodes, row).clicks == ((IN_SMALL, True),)
    assert jobs.clicks.lesion_of(nodes, 1 - row).clicks == ()
    paint(nodes, list(nodes.segments)[1], ball((50.0, 45.0, 57.0), 2.0))
    assert jobs.clicks.lesion_of(nodes, row).clicks == ()


def test_other_steps_between_clicks_are_taken_in(jobs, clicked):
    """Not a lesion, on another one: the lesion that was clicked goes on, beside what is there now."""
    nodes = add_result(jobs, add_clicked_ct(), one_each=True)
    lesion = new_lesion(of(nodes), IN_SMALL)
    clicked(lesion, (IN_SMALL, True))
    first = (labels_in(nodes) == 2) & ~FOUND
    measured(jobs, nodes)
    row = next(n for n in range(2) if FOUND[tuple(reversed(nodes.inside(n)))])
    jobs.remove(nodes, row, lambda _: None)
    finish(jobs)
    clicked(lesion, (IN_SMALL, True), (voxel((50.0, 45.0, 54.0)), False))
    after = labels_in(nodes)
    assert not (after == 2)[FOUND].any()
    assert 0 < (after == 2).sum() < first.sum()
    for _ in range(3):
        jobs.undo(nodes, lambda _: None)
        finish(jobs)
    assert np.array_equal(labels_in(nodes), found_labels())


@pytest.mark.parametrize(
    ("place", "said"),
    [((-30.0, 5.0, 5.0), "outside"), ((5.0, 5.0, 5.0), "air at the click")],
)
def test_a_click_where_no_lesion_can_be_is_one_sentence_and_changes_nothing(jobs, settings, place, said):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene

    node = add_clicked_ct()
    slicer.util.arrayFromVolume(node)[:10, :10, :10] = -1000
    slicer.util.arrayFromVolumeModified(node)
    jobs.clicks.click(new_lesion(LesionScene(node), place), ((place, True),), pytest.fail, settings)
    settle(jobs.panel)
    assert said in jobs.panel.error
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0


def test_a_click_without_a_lesion_is_answered_with_a_doubt(jobs, clicked):
    import slicer

    nodes = add_result(jobs, add_clicked_ct())
    slicer.util.arrayFromVolume(nodes.volume)[:] = 110
    slicer.util.arrayFromVolumeModified(nodes.volume)
    _, answer = clicked(new_lesion(of(nodes), IN_LIVER), (IN_LIVER, True))
    assert any("there may be none" in warning for warning in answer.warnings)
    assert answer.probability < 0.5


def test_the_ct_is_the_same_until_its_voxels_or_its_place_change(jobs):
    import slicer

    node = add_clicked_ct()
    first = jobs.volumes.of(node)
    node.SetName("another")
    node.SetAttribute("any", "thing")
    assert jobs.volumes.of(node) is first
    node.SetAndObserveTransformNodeID(transform("shifted").GetID())
    moved = jobs.volumes.of(node)
    assert moved is not first
    slicer.util.arrayFromVolume(node)[0] = 7
    slicer.util.arrayFromVolumeModified(node)
    assert jobs.volumes.of(node) is not moved


def test_a_click_after_a_run_sees_what_the_automatic_model_found(jobs, small_phantom):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_jobs import Request
    from LiverTumorSegLib.apps.panel.panel import PanelSettings

    affine = slicer.util.vtkMatrixFromArray(small_phantom.volume.affine)
    node = slicer.util.addVolumeFromArray(small_phantom.volume.voxels, affine, "CT")
    jobs.segment(Request(node, settings=PanelSettings(device="cpu")), lambda _: None)
    finish(jobs)
    assert jobs.panel._handed._automatic.of(jobs.volumes.of(node))


def test_a_missing_model_is_named(jobs):
    from LiverTumorSegLib.apps.panel.mrml_clicks import ClickSettings
    from LiverTumorSegLib.apps.panel.mrml_lesion_scene import LesionScene

    lesion = new_lesion(LesionScene(add_clicked_ct()), IN_SMALL)
    jobs.clicks.click(lesion, ((IN_SMALL, True),), pytest.fail, ClickSettings("gone", "cpu"))
    settle(jobs.panel)
    assert "“gone”" in jobs.panel.error


def test_a_worker_that_died_between_clicks_starts_again_and_goes_on(clicked, jobs):
    nodes = add_result(jobs, add_clicked_ct())
    lesion = new_lesion(of(nodes), IN_SMALL)
    clicked(lesion, (IN_SMALL, True))
    first = labels_in(nodes)
    jobs.panel.worker.close()
    clicked(lesion, (IN_SMALL, True), (voxel((50.0, 45.0, 54.0)), False))
    assert 0 < (labels_in(nodes) == 2).sum() < (first == 2).sum()


def test_segments_that_are_gone_are_named(jobs, settings):
    import slicer

    from LiverTumorSegLib.core.errors import UserError

    nodes = add_result(jobs, add_clicked_ct())
    lesion = jobs.clicks.lesion_of(nodes, 0)
    slicer.mrmlScene.RemoveNode(nodes.segmentation)
    with pytest.raises(UserError, match="was removed from the scene"):
        jobs.clicks.click(lesion, ((IN_LARGE, True),), pytest.fail, settings)


def whole(array):
    return tuple(slice(0, size) for size in array.shape)


def by_slicer(nodes, name):
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume) > 0
