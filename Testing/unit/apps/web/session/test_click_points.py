import numpy as np
import pytest
from support.web_session import SIZE, session, web_page, with_ct  # noqa: F401

PLACE = (-12.0, 7.0, 20.0)


@pytest.fixture
def views(with_ct):  # noqa: F811
    with_ct.views.go_to(PLACE)
    return {view.get_singleton_tag(): view for view in with_ct.scene.view_manager.get_slice_views()}


@pytest.mark.parametrize("tag", ["Red", "Green", "Yellow"])
def test_a_click_is_drawn_where_it_was_made(views, tag):
    from LiverTumorSegLib.apps.web.session.click_points import drawn, place_at

    place = place_at(views[tag].get_view_node(), 0.31, 0.74)
    (point,) = drawn(views[tag], [(place, {"n": 1})])
    assert (point["x"], point["y"]) == (pytest.approx(31), pytest.approx(74))
    assert (point["near"], point["n"]) == (True, 1)


@pytest.mark.parametrize("tag", ["Red", "Green", "Yellow"])
def test_the_middle_of_a_view_is_the_middle_of_its_picture(views, tag):
    from LiverTumorSegLib.apps.web.session.click_points import middle_of, place_at

    node = views[tag].get_view_node()
    pixel = node.GetFieldOfView()[0] / SIZE
    assert np.array(place_at(node, 0.5, 0.5)) == pytest.approx(np.array(middle_of(node)), abs=pixel)
    assert np.array(middle_of(node)) == pytest.approx(np.array(PLACE), abs=1e-3)


def test_to_the_right_of_an_axial_view_is_the_patients_left_and_down_is_the_back(views):
    from LiverTumorSegLib.apps.web.session.click_points import place_at

    corner, middle = (np.array(place_at(views["Red"].get_view_node(), at, at)) for at in (0.9, 0.5))
    assert (corner - middle)[:2].max() < 0
    assert corner[2] == pytest.approx(middle[2])


def test_a_click_fades_with_the_slices_and_is_gone_far_away(views):
    from LiverTumorSegLib.apps.web.session.click_points import drawn

    def near(mm):
        return [point["near"] for point in drawn(views["Red"], [((*PLACE[:2], PLACE[2] + mm), {})])]

    assert [near(mm) for mm in (0, 3.5, -3.5, 30)] == [[True], [False], [False], []]


@pytest.mark.parametrize(
    ("steps", "moved"), [((1, 0, 0), (-0.5, 0, 0)), ((0, 4, 0), (0, 2, 0)), ((0, 0, 2), (0, 0, 2))]
)
def test_keys_aim_in_steps_of_voxels_and_slices(views, steps, moved):
    from LiverTumorSegLib.apps.web.session.click_points import moved_in

    view = views["Red"]
    through = np.array([1, 1, view.get_slice_step()])
    expected = np.array(PLACE) + np.array(moved) * through
    assert np.array(moved_in(view, steps, 0.5)) == pytest.approx(expected, abs=1e-3)
