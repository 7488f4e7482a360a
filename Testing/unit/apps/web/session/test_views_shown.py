from support.mrml_cases import GEOMETRIES, SHAPE, make_volume
from support.web_session import session, web_page, with_ct  # noqa: F401


def facts(session):  # noqa: F811
    return session.views.shown(session.views.slices["Red"])


def test_a_slice_view_says_where_it_is(with_ct):  # noqa: F811
    with_ct.views.go_to((0.0, 0.0, 30 + 6 * 2.5))
    assert facts(with_ct)["place"] == f"S 45.0 mm, slice 7 of {SHAPE[0]}"
    assert facts(with_ct)["edges"] == {"left": "R", "right": "L", "top": "A", "bottom": "P"}


def test_outside_the_ct_only_the_place_is_said(with_ct):  # noqa: F811
    with_ct.views.go_to((0.0, 0.0, -300.0))
    assert facts(with_ct)["place"] == "I 300.0 mm"


def test_without_a_ct_there_is_nothing_to_say(with_ct):  # noqa: F811
    with_ct.clear()
    assert not any(facts(with_ct).values())


def test_the_slider_follows_the_view_and_the_view_the_slider(with_ct):  # noqa: F811
    with_ct.views.go_to((0.0, 0.0, 45.0))
    assert with_ct.state.Red__SliderState__value == 45.0
    (axial,) = (view for view in with_ct.scene.view_manager.get_slice_views() if view.get_orientation() == "Axial")
    with with_ct.state as state:
        state.Red__SliderState__value = 60.0
    assert axial.get_slice_value() == 60.0


def test_the_slider_reaches_all_slices_of_another_ct(with_ct):  # noqa: F811
    with_ct.clear()
    with_ct.volume = make_volume(GEOMETRIES["feet-first"])
    with_ct.views.show(with_ct.volume)
    state = with_ct.state
    reached = [state.Red__SliderState__min_value, state.Red__SliderState__max_value]
    assert reached == [30 - 2.5 * (SHAPE[0] - 1), 30]
