"""Lesions that are painted beyond the liver are asked about."""

import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, make_volume
from support.mrml_cases import labels as numbered_labels
from support.web_scene import labels_in, result_of, web_app, web_views, world_positions  # noqa: F401

LABELS = np.minimum(numbered_labels(), 2)
IN_LIVER, IN_BACKGROUND = (37, 16, 8), (47, 36, 17)


@pytest.fixture
def painting(web_app):  # noqa: F811
    """Corrections with the brush on a lesion, the nodes, and what was asked with how to answer."""
    from LiverTumorSegLib.apps.web.session.painting import Corrections, Tool

    begun = []

    def begin(labels=LABELS, hounsfield=None):
        node = make_volume(GEOMETRIES["plain"])
        if hounsfield is not None:
            import slicer

            slicer.util.updateVolumeFromArray(node, hounsfield)
        nodes, _ = result_of(labels, node)
        asked = []
        corrections = Corrections(web_app.segmentation_editor, lambda: None)
        corrections.ask_outside = lambda part, then: asked.append((part, then))
        corrections.begin(nodes)
        corrections.use(Tool.PAINT)
        corrections.set_brush(9, sphere=True)
        begun.append(corrections)
        return corrections, nodes, asked

    yield begin
    for corrections in begun:
        corrections.end()


def stroke(web_app, nodes, *voxels):  # noqa: F811
    import vtk

    from LiverTumorSegLib.apps.web.session.painting import BrushEffect

    moved = vtk.vtkPoints()
    for i, j, k in voxels:
        moved.InsertNextPoint(*world_positions(nodes.volume)[k, j, i])
    web_app.segmentation_editor.get_effect(BrushEffect).paint_glyph_at_world_coordinates(vtk.vtkPolyData(), moved)


def test_a_stroke_within_the_liver_is_not_asked_about(painting, web_app):  # noqa: F811
    _, nodes, asked = painting()
    stroke(web_app, nodes, IN_LIVER)
    assert asked == []
    assert (labels_in(nodes) != LABELS).any()


@pytest.mark.parametrize("choice", ["within", "add", "nothing"])
def test_a_stroke_beyond_the_liver_waits_for_the_answer_and_is_one_step(painting, web_app, choice):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.outside_liver import Outside

    corrections, nodes, asked = painting()
    stroke(web_app, nodes, IN_LIVER, IN_BACKGROUND)
    assert np.array_equal(labels_in(nodes), LABELS)
    assert not corrections.can_undo
    ((part, then),) = asked
    then(Outside(choice))
    now = labels_in(nodes)
    outside = (now == 2) & (LABELS == 0)
    assert ((now == 2) & (LABELS == 1)).any() == (choice != "nothing")
    assert outside.any() == (choice == "add")
    if choice == "add":
        assert part.ml == pytest.approx(outside.sum() * 0.8 * 0.7 * 2.5 / 1000)
    assert corrections.can_undo == (choice != "nothing")
    corrections.undo()
    assert np.array_equal(labels_in(nodes), LABELS)
    assert not corrections.can_undo
    corrections.redo()
    assert np.array_equal(labels_in(nodes), now)


def test_an_answer_for_a_result_that_is_gone_does_nothing(painting, web_app):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.outside_liver import Outside

    corrections, nodes, asked = painting()
    stroke(web_app, nodes, IN_BACKGROUND)
    corrections.begin(nodes)
    asked[0][1](Outside.ADD)
    assert np.array_equal(labels_in(nodes), LABELS)


def test_where_no_liver_is_known_nothing_is_asked(painting, web_app):  # noqa: F811
    _, nodes, asked = painting(np.where(LABELS == 2, 2, 0).astype(np.uint8))
    stroke(web_app, nodes, IN_BACKGROUND)
    assert asked == []
    assert (labels_in(nodes) == 2).sum() > (LABELS == 2).sum()


@pytest.mark.parametrize(("outside", "unlike"), [(6, True), (101, False)])
def test_the_question_says_whether_the_part_looks_like_liver(painting, web_app, outside, unlike):  # noqa: F811
    liver = np.random.default_rng(0).normal(100, 10, LABELS.shape)
    hounsfield = np.where(LABELS == 1, liver, np.where(LABELS == 2, 40, outside)).astype(np.int16)
    _, nodes, asked = painting(hounsfield=hounsfield)
    stroke(web_app, nodes, IN_BACKGROUND)
    ((part, _),) = asked
    assert part.mean_hu == outside
    assert part.liver_hu == pytest.approx((77, 123), abs=2)
    assert part.is_unlike_liver == unlike
    assert ("fat, bowel or chest wall" in part.in_words) == unlike
    assert f"{outside} HU" in part.in_words


def test_a_little_is_called_so():
    from LiverTumorSegLib.apps.web.session.outside_liver import OutsidePart

    assert OutsidePart(0.04, 6, (80, 120)).in_words.startswith("Less than 0.1 ml of this lesion")
    assert OutsidePart(7.04, 6, (80, 120)).in_words.startswith("7.0 ml of this lesion")
