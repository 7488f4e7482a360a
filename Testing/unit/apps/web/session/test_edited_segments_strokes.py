import numpy as np
import pytest
from support.mrml_cases import GEOMETRIES

from LiverTumorSegLib.apps.web.session.edited_segments import Stroke, covered_voxels

SHAPE = (12, 18, 21)
CENTRES = np.array([[10.0, 9.2, 5.3], [12.4, 9.7, 6.1], [19.9, 16.3, 10.8]])


def whole(found, shape=SHAPE):
    mask = np.zeros(shape, bool)
    if found:
        mask[found[0]] = found[1]
    return mask


def offsets(affine, centre):
    """Millimetres from a point in voxels to every voxel of the volume, one by one."""
    made = np.empty((*SHAPE, 3))
    for k, j, i in np.ndindex(SHAPE):
        made[k, j, i] = (affine @ [i, j, k, 1] - affine @ [*centre, 1])[:3]
    return made


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_sphere_covers_the_voxels_within_its_radius_all_along(geometry):
    affine = GEOMETRIES[geometry]
    expected = np.zeros(SHAPE, bool)
    for centre in CENTRES:
        expected |= np.linalg.norm(offsets(affine, centre), axis=-1) <= 3.3
    assert 100 < expected.sum() < expected.size / 2
    assert np.array_equal(whole(covered_voxels(Stroke(CENTRES, 6.6), affine, SHAPE)), expected)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flat_brush_along_the_grid_covers_the_slice_that_it_lies_in(geometry, axis):
    affine = GEOMETRIES[geometry]
    centre = np.array([10.4, 9.3, 5.4])
    others = [affine[:3, other] for other in range(3) if other != axis]
    normal = np.cross(*others)
    mask = whole(covered_voxels(Stroke(centre[None], 6.6, tuple(normal)), affine, SHAPE))
    away = offsets(affine, centre)
    along = away @ normal / np.linalg.norm(normal)
    in_slice = np.moveaxis(np.zeros(SHAPE, bool), 2 - axis, 0)
    in_slice[round(centre[axis])] = True
    within = (away**2).sum(-1) - along**2 <= 3.3**2
    assert mask.sum() > 10
    assert np.array_equal(mask, np.moveaxis(in_slice, 0, 2 - axis) & within)


def test_a_flat_brush_across_the_grid_leaves_no_hole_in_its_slice():
    affine = GEOMETRIES["plain"]
    normal = np.array([1.0, 2.0, 3.0])
    mask = whole(covered_voxels(Stroke(np.array([[10.0, 9.0, 6.0]]), 8.0, tuple(normal)), affine, SHAPE))
    shown = np.linalg.svd(normal[None])[2][1:]
    for right, up in np.random.default_rng(0).uniform(-2, 2, (200, 2)):
        point = affine[:3, :3] @ [10, 9, 6] + right * shown[0] + up * shown[1]
        i, j, k = np.rint(np.linalg.solve(affine[:3, :3], point)).astype(int)
        assert mask[k, j, i]


def test_midway_between_two_slices_a_flat_brush_takes_one():
    mask = whole(covered_voxels(Stroke(np.array([[10.0, 9.0, 5.5]]), 5.0, (0, 0, 2)), GEOMETRIES["plain"], SHAPE))
    assert len(np.unique(np.argwhere(mask)[:, 0])) == 1


def test_the_smallest_brush_covers_the_voxel_it_is_in():
    mask = whole(covered_voxels(Stroke(np.array([[3.4, 7.6, 2.2]]), 0.01), GEOMETRIES["oblique"], SHAPE))
    assert np.argwhere(mask).tolist() == [[2, 8, 3]]


def test_what_lies_beside_the_volume_is_left_out():
    far = np.array([[500.0, 3, 3], [-40, 2, 2]])
    assert covered_voxels(Stroke(far, 9.0), GEOMETRIES["plain"], SHAPE) is None
    border = np.array([[-1.0, 3, 3], *far])
    expected = np.linalg.norm(offsets(GEOMETRIES["plain"], border[0]), axis=-1) <= 4.5
    assert expected.any()
    assert np.array_equal(whole(covered_voxels(Stroke(border, 9.0), GEOMETRIES["plain"], SHAPE)), expected)


def test_around_what_is_covered_there_is_a_voxel_more_where_the_volume_goes_on():
    _, mask = covered_voxels(Stroke(CENTRES[:2], 5.0), GEOMETRIES["sagittal"], SHAPE)
    inner = mask[1:-1, 1:-1, 1:-1]
    assert mask.any()
    assert inner.sum() == mask.sum()
