import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, make_volume
from support.web_scene import world_positions
from support.web_session import built, choose, offsets, session, web_page, with_ct  # noqa: F401


@pytest.fixture
def look(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.looking import LookSection

    yield built(LookSection, session)
    session.views.layers.clear()
    choose(session, measuring="", tool="none", click_mode="")


def opened(session, geometry="plain"):  # noqa: F811
    session.volume = make_volume(GEOMETRIES[geometry])
    session.views.show(session.volume)
    session.tell()
    return world_positions(session.volume)


def shares(session, tag, place):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    return ViewPlane.of(session.views.slices[tag], session.volume).shares(np.array([place]))[0].tolist()


def hu(words):
    return int(words.split(": ")[1].removesuffix(" HU"))


@pytest.mark.parametrize("geometry", ["plain", "left-posterior", "feet-first", "sagittal", "oblique", "sheared"])
@pytest.mark.parametrize("tag", ["Red", "Green", "Yellow"])
def test_under_the_pointer_is_the_voxel_that_is_nearest(session, look, geometry, tag):  # noqa: F811
    import slicer

    world = opened(session, geometry)
    voxels = slicer.util.arrayFromVolume(session.volume)
    for voxel in ((7, 12, 31), (3, 30, 8)):
        session.views.go_to(tuple(world[voxel].tolist()))
        assert hu(look.hu_at(tag, *shares(session, tag, world[voxel]))) == voxels[voxel]


def test_the_place_under_the_pointer_is_said_too(session, look):  # noqa: F811
    world = opened(session)
    place = world[7, 12, 31]
    session.views.go_to(tuple(place.tolist()))
    r, a, s = place
    assert look.hu_at("Red", *shares(session, "Red", place)).startswith(f"R {r:.1f} P {-a:.1f} S {s:.1f} mm: ")


def test_beside_the_ct_and_without_one_nothing_is_said(session, look):  # noqa: F811
    assert look.hu_at("Red", 50, 50) == ""
    opened(session)
    session.views.go_to((500.0, 500.0, 500.0))
    assert look.hu_at("Red", 50, 50) == ""


@pytest.mark.parametrize("asked", [("Blue", 50, 50), ("Red", None, 50), ("Red", float("nan"), 1), ("Red", "1", 2)])
def test_what_is_no_place_is_passed_over(session, look, asked):  # noqa: F811
    opened(session)
    before = offsets(session)
    assert look.hu_at(*asked) == ""
    look.look_at(*asked)
    assert offsets(session) == before


@pytest.mark.parametrize("geometry", ["plain", "feet-first", "oblique"])
def test_a_click_brings_the_other_views_to_the_nearest_slices_and_leaves_its_own(session, look, geometry):  # noqa: F811
    import slicer

    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    world = opened(session, geometry)
    session.views.go_to(tuple(world[7, 12, 31].tolist()))
    before = ViewPlane.of(session.views.slices["Red"], session.volume)
    place = world[7, 15, 22] + 0.2 * before.right + 0.1 * before.up
    look.look_at("Red", *shares(session, "Red", place))
    assert (ViewPlane.of(session.views.slices["Red"], session.volume).to_ras == before.to_ras).all()
    for tag in ("Green", "Yellow"):
        plane = ViewPlane.of(session.views.slices[tag], session.volume)
        assert plane.distances(world[7, 15, 22][None]) == pytest.approx(0, abs=1e-4)
        assert ((plane.shares(place[None]) > 0) & (plane.shares(place[None]) < 100)).all()
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    assert np.array(crosshair.GetCrosshairRAS()) == pytest.approx(place, abs=1e-4)
    assert crosshair.GetCrosshairMode() != crosshair.NoCrosshair


def test_a_view_whose_picture_is_elsewhere_moves_to_the_place(session, look):  # noqa: F811
    world = opened(session)
    session.views.slices["Green"].get_view_node().JumpSliceByCentering(900.0, 0.0, 900.0)
    session.views.slices["Red"].get_view_node().JumpSliceByCentering(*world[7, 12, 31])
    look.look_at("Red", *shares(session, "Red", world[7, 15, 22]))
    assert shares(session, "Green", world[7, 15, 22]) == pytest.approx([50, 50], abs=0.6)


@pytest.mark.parametrize("other", [{"tool": "paint"}, {"click_mode": "add"}])
def test_while_painting_or_clicking_lesions_a_click_moves_nothing(session, look, other):  # noqa: F811
    opened(session)
    choose(session, **other)
    before = offsets(session)
    look.look_at("Red", 40, 40)
    assert offsets(session) == before


def test_one_tool_ends_the_other(session, look):  # noqa: F811
    opened(session)
    choose(session, tool="paint")
    choose(session, measuring="ruler")
    assert (session.state.tool, session.state.measuring) == ("none", "ruler")
    choose(session, click_mode="add")
    assert session.state.measuring == ""


@pytest.mark.parametrize("other", [{"tool": "paint"}, {"click_mode": "add"}])
def test_what_is_corrected_is_seen(session, look, other):  # noqa: F811
    opened(session)
    choose(session, overlay=False)
    choose(session, **other)
    assert session.state.overlay


@pytest.mark.parametrize(("steps", "moved"), [(1, 1), (-10, -6), (1e5, 13), (-1e5, -6)])
def test_keys_go_through_the_slices_as_far_as_there_are_any(session, look, steps, moved):  # noqa: F811
    world = opened(session)
    session.views.go_to(tuple(world[6, 12, 31].tolist()))
    look.step_slices("Red", steps)
    assert offsets(session)["Axial"] == pytest.approx(world[6 + moved, 12, 31][2])


def drawn(session, tag="Red"):  # noqa: F811
    return session.views.shown(session.views.slices[tag])


def test_a_ruler_says_its_length_until_it_is_removed(session, look):  # noqa: F811
    world = opened(session)
    session.views.go_to(tuple(world[7, 12, 31].tolist()))
    ends = [shares(session, "Red", world[7, 12, 20]), shares(session, "Red", world[7, 12, 40])]
    look.measure("ruler", "Red", *ends[0], *ends[1])
    (measured,) = drawn(session)["measured"]
    assert measured["words"] == f"{20 * 0.8:.1f} mm"
    assert session.state.measured_said == "Ruler: 16.0 mm"
    assert len(drawn(session)["lines"]) == 1
    assert drawn(session, "Green")["measured"] == []
    look.remove(measured["n"])
    assert drawn(session)["measured"] == drawn(session)["lines"] == []


def test_an_ellipse_says_what_the_ct_is_in_it(session, look):  # noqa: F811
    world = opened(session)
    session.views.go_to(tuple(world[7, 12, 31].tolist()))
    corners = [shares(session, "Red", world[7, 5, 20]), shares(session, "Red", world[7, 20, 40])]
    look.measure("ellipse", "Red", *corners[0], *corners[1])
    (measured,) = drawn(session)["measured"]
    mean, _, deviation, *_, voxels, _ = measured["words"].split()
    assert abs(float(mean)) < 50
    assert float(deviation) == pytest.approx(150, abs=20)
    assert int(voxels) == pytest.approx(np.pi / 4 * 20 * 15, rel=0.05)


def test_the_last_measurement_is_removed_first_and_then_there_is_none(session, look):  # noqa: F811
    opened(session)
    for right in (10, 20):
        look.measure("ruler", "Red", 50, 50, 50 + right, 50)
    look.remove()
    assert [each["n"] for each in drawn(session)["measured"]] == [1]
    look.remove()
    look.remove()
    assert drawn(session)["measured"] == []


def test_measurements_go_with_their_ct(session, look):  # noqa: F811
    opened(session)
    look.measure("ruler", "Red", 40, 50, 60, 50)
    assert drawn(session)["measured"]
    session.clear()
    opened(session)
    assert drawn(session)["measured"] == []
    assert session.state.measured_said == ""


@pytest.mark.parametrize(
    "asked",
    [
        ("angle", "Red", 1, 2, 3, 4),
        ("ruler", "ThreeD", 1, 2, 3, 4),
        ("ruler", "Red", 1, 2),
        ("ruler", "Red", 1, 2, 3, None),
    ],
)
def test_what_cannot_be_measured_is_passed_over(session, look, asked):  # noqa: F811
    opened(session)
    look.measure(*asked)
    assert drawn(session)["measured"] == []
