import numpy as np
import pytest
import slicer
from support.mrml_cases import GEOMETRIES, make_volume
from support.web_scene import balls, labels_in, result_of, web_app, web_views  # noqa: F401

from LiverTumorSegLib.apps.panel.clicks import ClickedLesion, LesionClick
from LiverTumorSegLib.apps.panel.mrml_volumes import volume_of
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.reporting.lesion_origins import LesionMark

CENTRE = (14, 12, 10)
"""(i, j, k) of one of the lesions."""

ROW, OTHER = 1, 0


@pytest.fixture
def clicked(web_app):  # noqa: F811
    """Lesions that can be clicked into, the corrections that show them, and their nodes."""
    from LiverTumorSegLib.apps.web.session.clicked_lesions import ClickedLesions
    from LiverTumorSegLib.apps.web.session.painting import Corrections

    nodes, _ = result_of(balls(), make_volume(GEOMETRIES["left-posterior"]))
    corrections = Corrections(web_app.segmentation_editor, lambda: None)
    corrections.begin(nodes)
    made = ClickedLesions(corrections)
    made.corrections, made.nodes = corrections, nodes
    yield made
    corrections.end()


def click_at(nodes, voxel=CENTRE, inside=True):
    r, a, s = (volume_of(nodes.volume).affine @ [*voxel, 1])[:3].tolist()
    return LesionClick((r, a, s), inside)


def answer(mask):
    return ClickedLesion((), tuple(slice(0, size) for size in mask.shape), mask, 0.0, 0.5, ())


def cube(*corner, size=4):
    mask = np.zeros(balls().shape, np.bool_)
    i, j, k = corner
    mask[k : k + size, j : j + size, i : i + size] = True
    return mask


def test_a_click_into_a_lesion_means_that_lesion_and_one_beside_them_a_new_one(clicked):
    from LiverTumorSegLib.apps.web.session.clicked_lesions import ClickedInto

    volume, new = volume_of(clicked.nodes.volume), ClickedInto()
    found = clicked.at(new, volume, click_at(clicked.nodes))
    assert found.base is not None
    assert found.base.values.sum() == pytest.approx((balls() == 2).sum() / 2, rel=0.1)
    assert clicked.at(new, volume, click_at(clicked.nodes, (5, 5, 2))) is new


def test_a_new_lesion_leaves_the_others_and_is_liver_again_when_it_is_undone(clicked):
    from LiverTumorSegLib.apps.web.session.clicked_lesions import ClickedInto

    lesion, over = ClickedInto(), cube(11, 9, 8, size=10)
    labels, base = clicked.around(lesion)
    assert base is None
    assert np.array_equal(labels, balls())
    clicked.become(clicked.nodes, lesion, (click_at(clicked.nodes),), answer(over))
    assert np.array_equal(labels_in(clicked.nodes), np.where(over & (balls() == 1), 2, balls()))
    clicked.corrections.undo()
    assert np.array_equal(labels_in(clicked.nodes), balls())
    assert (lesion.clicks, lesion.lesion) == ((), None)


def test_the_labels_around_a_lesion_are_those_before_its_first_click(clicked):
    lesion = clicked.of_row(ROW)
    before, base = clicked.around(lesion)
    clicked.become(clicked.nodes, lesion, (click_at(clicked.nodes),), answer(cube(12, 10, 9)))
    clicked.look_again()
    after, again = clicked.around(lesion)
    assert np.array_equal(after, before)
    assert np.array_equal(again, base)


def test_a_row_whose_lesion_was_clicked_into_has_its_clicks(clicked):
    lesion = clicked.of_row(ROW)
    clicks = (click_at(clicked.nodes),)
    clicked.become(clicked.nodes, lesion, clicks, answer(clicked.around(lesion)[1]))
    clicked.look_again()
    assert clicked.of_row(ROW) is lesion
    assert clicked.of_row(OTHER).clicks == ()


def test_a_row_that_is_taken_twice_before_its_first_answer_is_one_lesion(clicked):
    clicked.current = clicked.of_row(ROW)
    assert clicked.of_row(ROW) is clicked.current


def test_marks_say_how_many_clicks_improved_what_a_model_marked(clicked):
    lesion, before = clicked.of_row(ROW), clicked.nodes.marks
    clicks = click_at(clicked.nodes), click_at(clicked.nodes, inside=False)
    for count in (1, 2):
        clicked.become(clicked.nodes, lesion, clicks[:count], answer(cube(12, 10, 9)))
    assert set(clicked.nodes.marks) == {*before, LesionMark((12, 10, 11), 2, 64)}
    clicked.corrections.undo()
    assert [mark.clicks for mark in clicked.nodes.marks].count(1) == 1
    clicked.corrections.undo()
    assert clicked.nodes.marks == before


def test_marks_that_a_measurement_brought_back_after_an_undo_are_put_right(clicked):
    lesion, before = clicked.of_row(ROW), clicked.nodes.marks
    clicked.become(clicked.nodes, lesion, (click_at(clicked.nodes),), answer(cube(12, 10, 9)))
    stale = clicked.nodes.marks
    clicked.corrections.undo()
    clicked.nodes.mark(stale)
    clicked.mark_again(clicked.nodes)
    assert clicked.nodes.marks == before


def test_a_lesion_that_was_erased_is_not_clicked_back(clicked):
    lesion = clicked.of_row(ROW)
    clicked.corrections.remove(ROW)
    with pytest.raises(UserError, match="changed meanwhile"):
        clicked.around(lesion)
    with pytest.raises(UserError, match="changed meanwhile"):
        clicked.become(clicked.nodes, lesion, (click_at(clicked.nodes),), answer(cube(12, 10, 9)))
    assert slicer.mrmlScene.IsNodePresent(clicked.nodes.segmentation)
