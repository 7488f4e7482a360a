import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from support.volumes import reordered

from LiverTumorSegLib.core.volume import Volume, axial_view

ORDERS = [
    (axes, flips) for axes in itertools.permutations(range(3)) for flips in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_every_axis_order_and_flip_shows_the_same_slices(ct, axes, flips):
    other = reordered(ct, axes, flips)
    assert np.array_equal(other.axial.of(other.voxels), ct.axial.of(ct.voxels))
    assert other.axial.spacing == pytest.approx((2.5, 0.9, 0.8))


def test_slices_go_up_rows_to_the_back_and_columns_to_the_left(ct):
    affine = ct.axial.affine(ct.affine, ct.voxels.shape)
    column, row, upward = affine[:3, :3].T
    assert column[0] < 0
    assert row[1] < 0
    assert upward[2] > 0


def test_affine_of_the_view_places_voxels_where_they_were(ct):
    other = reordered(ct, (2, 0, 1), (True, False, True))
    index = np.array([3, 4, 5])
    value_at = other.axial.of(other.voxels)[tuple(index)]
    place = other.axial.affine(other.affine, other.voxels.shape) @ [*index[::-1], 1]
    i, j, k = np.rint(np.linalg.solve(other.affine, place)[:3]).astype(int)
    assert other.voxels[k, j, i] == value_at


@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), st.tuples(*[st.floats(-180, 180)] * 3))
def test_oblique_volumes_are_seen_the_same_whatever_their_axis_order(axes, flips, angles):
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag([0.7, 0.8, 3.0])
    volume = Volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5), turned)
    other = reordered(volume, tuple(axes), flips)
    assert np.array_equal(other.axial.of(other.voxels), volume.axial.of(volume.voxels))


@pytest.mark.parametrize("turn", [[45, 0, 0], [0, 45, 0], [0, 0, 45], [45, 45, 0], [90, 45, 45]])
def test_ties_at_45_degrees_are_broken_the_same_way(turn):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    volume = Volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    for axes, flips in ORDERS:
        other = reordered(volume, axes, flips)
        assert np.array_equal(other.axial.of(other.voxels), volume.axial.of(volume.voxels)), (axes, flips)


@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_boxes_and_masks_go_to_the_view_and_back(ct, axes, flips):
    other = reordered(ct, axes, flips)
    view, shape = other.axial, other.voxels.shape
    box = (slice(1, 4), slice(2, 9), slice(0, 5))
    seen = view.of(other.voxels)[view.box(box, shape)]
    np.testing.assert_array_equal(view.back(seen), other.voxels[box])
    assert view.array_box(view.box(box, shape), shape) == box


def test_viewing_copies_nothing(ct):
    assert np.shares_memory(ct.axial.of(ct.voxels), ct.voxels)


def test_voxel_volume_and_shear():
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    assert Volume(np.zeros((1, 1, 1), np.int16), affine).voxel_ml == pytest.approx(0.024)
    assert not Volume(np.zeros((1, 1, 1), np.int16), affine).is_sheared
    affine[1, 2] = 0.8
    assert Volume(np.zeros((1, 1, 1), np.int16), affine).is_sheared
    assert axial_view(affine).axes == (0, 1, 2)
