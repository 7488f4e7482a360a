import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES, SHAPE, labels, make_volume
from support.web_scene import labels_in, result_of, world_positions
from support.web_session import session, web_page  # noqa: F401


@pytest.fixture(params=[False, True], ids=["one segment", "a segment each"])
def nodes(request, session):  # noqa: F811
    session.volume = make_volume(GEOMETRIES["oblique"])
    session.nodes, _ = result_of(np.minimum(labels(), 2), session.volume, one_each=request.param)
    return session.nodes


def test_the_voxels_of_all_lesions_are_found_in_the_segments(nodes):
    from LiverTumorSegLib.apps.web.session.looking.lesion_places import lesion_voxels

    found = lesion_voxels(nodes)
    whole = np.zeros(SHAPE, bool)
    i, j, k = found.start
    depth, height, width = found.mask.shape
    whole[k : k + depth, j : j + height, i : i + width] = found.mask
    assert (whole == (labels_in(nodes) == 2)).all()
    assert found.mask.shape == (7, 14, 10)


def test_what_was_painted_is_among_them(nodes):
    from LiverTumorSegLib.apps.web.session.edited_segments import CorrectedSegments, VoxelLabels
    from LiverTumorSegLib.apps.web.session.looking.lesion_places import lesion_voxels

    segments, box = CorrectedSegments(nodes), (slice(0, 2), slice(1, 3), slice(44, 48))
    lesion = segments.lesion_at(box, np.ones((2, 2, 4), bool))
    segments.put(box, VoxelLabels(np.zeros((2, 2, 4), bool), np.full((2, 2, 4), lesion, np.uint16)))
    found = lesion_voxels(nodes)
    assert found.mask.sum() == (labels_in(nodes) == 2).sum()
    assert found.start == (20, 1, 0)


def test_without_lesions_there_are_no_places(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.looking.lesion_places import find_places, lesion_voxels
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    session.volume = make_volume(GEOMETRIES["plain"])
    session.views.show(session.volume)
    session.nodes, _ = result_of(np.minimum(labels(), 1), session.volume)
    places = find_places(lesion_voxels(session.nodes), [], np.eye(4))
    assert places.corners(ViewPlane.of(session.views.slices["Red"], session.volume)) == {}


@pytest.mark.parametrize("geometry", ["plain", "left-posterior", "feet-first", "sagittal", "oblique", "sheared"])
def test_a_slice_has_the_numbers_of_the_lesions_that_it_cuts_and_no_others(session, geometry):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.looking.lesion_places import find_places, lesion_voxels
    from LiverTumorSegLib.apps.web.session.looking.view_plane import ViewPlane

    affine = GEOMETRIES[geometry]
    session.volume = make_volume(affine)
    session.views.show(session.volume)
    session.nodes, _ = result_of(np.minimum(labels(), 2), session.volume)
    inside = session.nodes.facts["inside"]
    places = find_places(lesion_voxels(session.nodes), inside, affine)
    world, own = world_positions(session.volume), labels()
    rows = {own[tuple(reversed(voxel))]: row for row, voxel in enumerate(inside)}
    seen = set()
    for voxel in ((4, 12, 25), (7, 12, 25), (8, 22, 22), (12, 22, 22), (9, 17, 29)):
        session.views.go_to(tuple(world[voxel].tolist()))
        for view in session.views.slices.values():
            plane = ViewPlane.of(view, session.volume)
            cut = {}
            for label, row in rows.items():
                points = world[own == label]
                near = points[plane.cuts(points)]
                if len(near):
                    cut[row] = (near @ (plane.right + plane.up)).max()
            corners = places.corners(plane)
            found = {row: corner @ (plane.right + plane.up) for row, corner in corners.items()}
            assert found == pytest.approx(cut)
            seen.add(tuple(sorted(cut)))
    assert {(), (0,), (1,)} <= seen


def test_a_lesion_that_is_gone_has_no_place():
    from LiverTumorSegLib.apps.web.session.looking.lesion_places import LesionVoxels, find_places

    mask = np.zeros((3, 4, 5), bool)
    mask[1, 1:3, 1:4] = True
    places = find_places(LesionVoxels(mask, (10, 20, 30)), [[12, 21, 31], [10, 20, 30], [0, 0, 0]], np.eye(4))
    assert set(places.rows.tolist()) == {0}
    assert places.points.min(axis=0).tolist() == [11, 21, 31]


def test_diameters_are_said_where_they_are_drawn():
    from LiverTumorSegLib.apps.web.session.looking.lesion_places import number_words

    assert number_words(7, None) == "7"
    assert number_words(7, {"axial_diameter_mm": 23.44, "short_axial_diameter_mm": 9.0}) == "7: 23.4 × 9.0 mm"
