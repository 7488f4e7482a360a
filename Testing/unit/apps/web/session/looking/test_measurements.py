import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, make_volume
from support.web_scene import world_positions
from support.web_session import session, web_page  # noqa: F401


@pytest.fixture(params=list(GEOMETRIES))
def shown(request, session):  # noqa: F811
    """A session with a CT of a geometry, all views at one of its voxels."""
    session.volume = make_volume(GEOMETRIES[request.param])
    session.views.show(session.volume)
    session.views.go_to(tuple(world_positions(session.volume)[9, 18, 26].tolist()))
    return session


@pytest.fixture
def planes(shown):
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    return {tag: ViewPlane.of(view, shown.volume) for tag, view in shown.views.slices.items()}


def corners(plane, right, up):
    """Two corners of a box around the middle, in mm."""
    middle, half = plane.place(50, 50), (right * plane.right + up * plane.up) / 2
    return np.array([middle - half, middle + half])


@pytest.mark.parametrize("tag", ["Red", "Green", "Yellow"])
def test_an_ellipse_holds_the_voxels_whose_centres_lie_in_it(shown, planes, tag):
    import slicer

    from LiverTumorSegLib.apps.web.session.looking.measurements import measure_ellipse

    plane, voxels = planes[tag], slicer.util.arrayFromVolume(shown.volume)
    ends = corners(plane, 13.0, 7.0)
    found = measure_ellipse(ends, plane, voxels, shown.jobs.volumes.of(shown.volume).affine)
    offsets = world_positions(shown.volume) - ends.mean(axis=0)
    across = np.abs(offsets @ plane.normal)
    axes = np.stack([plane.right, plane.up], axis=1)
    right, up = np.linalg.lstsq(axes, offsets.reshape(-1, 3).T, rcond=None)[0].reshape(2, *SHAPE)
    inside = (right / 6.5) ** 2 + (up / 3.5) ** 2 <= 1
    values = voxels[inside & (across < plane.thickness_mm / 2)].astype(float)
    assert found.voxels == len(values) > 0
    assert (found.mean_hu, found.sd_hu) == pytest.approx((values.mean(), values.std()))
    assert found.area_mm2 == pytest.approx(np.pi * 6.5 * 3.5 * np.sqrt(np.linalg.det(axes.T @ axes)))


def test_an_axial_ellipse_holds_one_slice_of_a_straight_ct(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.looking.measurements import measure_ellipse
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    voxels = np.zeros(SHAPE, np.int16)
    voxels[9] = 60
    session.volume = make_volume(GEOMETRIES["left-posterior"], voxels)
    session.views.show(session.volume)
    session.views.go_to(tuple(world_positions(session.volume)[9, 18, 26].tolist()))
    plane = ViewPlane.of(session.views.slices["Red"], session.volume)
    found = measure_ellipse(corners(plane, 16.0, 14.0), plane, voxels, GEOMETRIES["left-posterior"])
    assert found.in_words == f"60 ± 0 HU\n176 mm², {found.voxels} voxels"
    assert found.voxels * 0.8 * 0.7 == pytest.approx(found.area_mm2, rel=0.03)


@pytest.mark.parametrize("size", [(0.0, 0.0), (9.0, 0.0), (0.01, 0.01)])
def test_an_ellipse_without_a_voxel_says_so(planes, size):
    from LiverTumorSegLib.apps.web.session.looking.measurements import measure_ellipse

    plane = planes["Red"]
    ends = corners(plane, *size) + 0.3 * plane.right + 0.3 * plane.up
    found = measure_ellipse(ends, plane, np.ones(SHAPE, np.int16), GEOMETRIES["plain"])
    assert found.in_words in ("0 mm², 0 voxels", "1 ± 0 HU\n0 mm², 1 voxel")
    outside = measure_ellipse(ends + 1e4, plane, np.ones(SHAPE, np.int16), GEOMETRIES["plain"])
    assert outside.voxels == 0


@pytest.mark.parametrize("tool", ["ruler", "ellipse"])
def test_a_measurement_is_drawn_where_it_was_made_and_in_no_other_slice_or_view(shown, planes, tool):
    from LiverTumorSegLib.apps.web.session.looking.measurements import (
        Measurement,
        MeasuringTool,
        draw_measurements,
    )

    plane = planes["Red"]
    ends = np.array([plane.place(20, 30), plane.place(60, 70)])
    made = Measurement(4, MeasuringTool(tool), "Red", plane, ends, "12.0 mm")
    drawn = draw_measurements([made], "Red", plane)
    assert drawn["measured"][0]["x"] == pytest.approx(60)
    moved = Measurement(5, MeasuringTool(tool), "Red", plane, ends + 0.1 * plane.size_mm[0] * plane.right, "")
    (words,) = draw_measurements([moved], "Red", plane)["measured"]
    assert (words["x"], words["left"]) == (pytest.approx(30), True)  # there is no room to the right
    if tool == "ruler":
        assert drawn["ellipses"] == []
        ((x1, y1, x2, y2, _),) = [each.values() for each in drawn["lines"]]
        assert (x1, y1, x2, y2) == pytest.approx((20, 30, 60, 70))
    else:
        assert drawn["lines"] == []
        ((cx, cy, rx, ry, _),) = [each.values() for each in drawn["ellipses"]]
        assert (cx, cy, rx, ry) == pytest.approx((40, 50, 20, 20))
    assert not any(draw_measurements([made], "Green", planes["Green"]).values())
    shown.views.go_to(tuple((plane.place(50, 50) + 1.1 * plane.thickness_mm * plane.normal).tolist()))
    moved = type(plane).of(shown.views.slices["Red"], shown.volume)
    assert not any(draw_measurements([made], "Red", moved).values())


def test_the_length_of_a_ruler_is_that_of_its_line():
    from LiverTumorSegLib.apps.web.session.looking.measurements import length_mm

    assert length_mm(np.array([[0.0, 0, 0], [3, 4, 12]])) == 13
