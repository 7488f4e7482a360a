import math

import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume, placed
from support.web_session import session, web_page  # noqa: F401

TILT = math.tan(math.radians(26))
TILTED = {
    "tilted forwards": placed(np.array([[1, 0, 0], [0, 1, TILT], [0, 0, 1.0]])),
    "tilted backwards": placed(np.array([[-1, 0, 0], [0, -1, TILT], [0, 0, -1.0]])),
}
TAGS = ("Red", "Green", "Yellow")


@pytest.fixture(params=[*GEOMETRIES, *TILTED])
def shown(request, session):  # noqa: F811
    """The views with a CT of a geometry, as slices to the side, to the front and to the head."""
    session.volume = make_volume((GEOMETRIES | TILTED)[request.param])
    session.views.show(session.volume)
    return session


def place(session, tag):  # noqa: F811
    """Where a view's middle is in voxels, and the axis that the view goes through."""
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_volumes import from_world, world_affine
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    view = session.views.slices[tag]
    middle = slicer.util.arrayFromVTKMatrix(view.get_view_node().GetSliceToRAS())[:3, 3]
    axes = world_affine(session.volume)[:3, :3]
    across = np.abs(ViewPlane.of(view, session.volume).normal @ (axes / np.linalg.norm(axes, axis=0)))
    return from_world(session.volume, middle[None])[0], int(across.argmax())


def index(session, tag):  # noqa: F811
    voxel, axis = place(session, tag)
    return voxel[axis]


@pytest.mark.parametrize("tag", TAGS)
def test_every_slice_is_reached_step_by_step(shown, tag):
    view, (_, axis) = shown.views.slices[tag], place(shown, tag)
    low, high = view.get_slice_range()
    seen = []
    for n in range(SHAPE[2 - axis]):
        view.set_slice_value(low + n * view.get_slice_step())
        seen.append(index(shown, tag))
    assert low + (len(seen) - 1) * view.get_slice_step() == pytest.approx(high)
    assert sorted(seen) == pytest.approx(list(range(len(seen))), abs=1e-3)


@pytest.mark.parametrize("tag", TAGS)
def test_the_wheel_goes_one_slice_on_and_one_back(shown, tag):
    view, before = shown.views.slices[tag], index(shown, tag)
    assert before == pytest.approx(round(before * 2) / 2, abs=1e-3)
    view.interactor().SetEventInformation(100, 100, 0, 0, chr(0), 0, None)
    view.interactor().InvokeEvent("MouseMoveEvent")
    view.interactor().InvokeEvent("MouseWheelForwardEvent")
    assert abs(index(shown, tag) - before) == pytest.approx(1, abs=1e-3)
    view.interactor().InvokeEvent("MouseWheelBackwardEvent")
    assert index(shown, tag) == pytest.approx(before, abs=1e-3)


def test_a_ct_that_is_not_tilted_has_its_own_steps_again(session):  # noqa: F811
    for affine in (TILTED["tilted forwards"], placed(np.eye(3), spacing=(0.8, 0.7, 1.25))):
        session.views.show(make_volume(affine))
    assert session.views.slices["Red"].get_slice_step() == pytest.approx(1.25)


@pytest.mark.parametrize("geometry", TILTED)
def test_a_view_goes_to_the_slice_that_holds_a_place(session, geometry):  # noqa: F811
    from LiverTumorSegLib.apps.panel.mrml_volumes import to_world

    session.volume = make_volume(TILTED[geometry])
    session.views.show(session.volume)
    for k in (3, 4, 16):
        session.views.go_to(tuple(to_world(session.volume, np.array([[30.0, 11.0, k]]))[0].tolist()))
        assert place(session, "Red")[0] == pytest.approx([30, 11, k], abs=1e-3)
        number = k + 1 if geometry == "tilted forwards" else SHAPE[0] - k
        assert f"slice {number} of {SHAPE[0]}" in session.views.shown(session.views.slices["Red"])["place"]
