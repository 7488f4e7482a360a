import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, make_volume
from support.web_scene import world_positions
from support.web_session import session, web_page  # noqa: F401

TAGS = ("Red", "Green", "Yellow")


@pytest.fixture(params=["plain", "left-posterior", "feet-first", "sagittal", "oblique", "sheared"])
def planes(request, session):  # noqa: F811
    """The session's volume and the planes of its views, at a voxel of the volume."""
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    session.volume = make_volume(GEOMETRIES[request.param])
    session.views.show(session.volume)
    place = tuple(world_positions(session.volume)[7, 12, 31].tolist())
    session.views.go_to(place)
    return place, {tag: ViewPlane.of(view, session.volume) for tag, view in session.views.slices.items()}


@pytest.mark.parametrize("tag", TAGS)
def test_what_a_view_goes_to_is_in_its_middle_and_in_its_slice(planes, tag):
    place, found = planes
    assert found[tag].shares(np.array([place])) == pytest.approx(np.array([[50, 50]]), abs=0.6)
    assert found[tag].distances(np.array([place])) == pytest.approx(0, abs=1e-6)
    assert found[tag].cuts(np.array([place])).all()


@pytest.mark.parametrize("tag", TAGS)
def test_shares_and_places_undo_each_other(planes, tag):
    _, found = planes
    place = found[tag].place(31, 74)
    assert found[tag].shares(place[None]) == pytest.approx(np.array([[31, 74]]))
    assert found[tag].distances(place[None]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("tag", TAGS)
def test_shares_are_of_millimetres_to_the_right_and_down(planes, tag):
    _, found = planes
    plane = found[tag]
    moved = plane.place(40, 40) + 10 * plane.right - 5 * plane.up
    width, height = plane.size_mm
    assert plane.shares(moved[None]) == pytest.approx(np.array([[40 + 1000 / width, 40 + 500 / height]]))


@pytest.mark.parametrize("tag", TAGS)
def test_of_two_slices_that_are_equally_near_one_is_cut(planes, tag):
    _, found = planes
    plane = found[tag]
    middle, half = plane.place(50, 50), plane.thickness_mm / 2 * plane.normal
    assert plane.cuts(np.array([middle - half, middle + half, middle + 2.1 * half])).tolist() in (
        [True, False, False],
        [False, True, False],
    )
