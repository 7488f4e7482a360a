import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from LiverTumorSegLib.diameters import axial_diameter, diameter


def faces(mask, axes_mm, directions):
    """The middle of every face of every voxel, in mm."""
    steps = np.concatenate([np.eye(3)[list(directions)], -np.eye(3)[list(directions)]]) / 2
    return (np.argwhere(mask)[:, None] + steps).reshape(-1, 3) @ axes_mm


def test_one_voxel_is_as_long_as_its_longer_side():
    mask = np.ones((1, 1, 1), bool)
    assert axial_diameter(mask, np.diag([2.0, 0.7, 0.9])) == (pytest.approx(0.9), 0)
    assert diameter(mask, np.diag([2.0, 0.7, 0.9])) == pytest.approx(2.0)


def test_a_box_is_measured_between_the_middles_of_its_outer_faces():
    mask = np.ones((3, 4, 6), bool)
    axes_mm = np.diag([2.0, 1.0, 1.0])
    assert axial_diameter(mask, axes_mm)[0] == pytest.approx(np.hypot(6, 3))  # edge to edge along a row, four rows
    assert diameter(mask, axes_mm) == pytest.approx(np.sqrt(5**2 + 3**2 + 6**2))  # slice edge to slice edge


def test_nothing_is_no_length():
    assert axial_diameter(np.zeros((2, 3, 3), bool), np.eye(3)) == (0, 0)
    assert diameter(np.zeros((2, 3, 3), bool), np.eye(3)) == 0


def test_the_slice_of_the_axial_diameter_is_the_first_longest():
    mask = np.zeros((4, 3, 9), bool)
    mask[0, 1, 2] = mask[1, 1, 2:7] = mask[2, 1, 3:8] = True
    assert axial_diameter(mask, np.eye(3)) == (5, 1)


@pytest.mark.parametrize("seed", range(6))
def test_no_two_faces_of_any_mask_are_further_apart(seed):
    random = np.random.default_rng(seed)
    mask = random.random((5, 8, 9)) < 0.2
    axes_mm = np.diag([2.5, 0.8, 0.7]) @ Rotation.from_euler(
        "xyz", random.uniform(-1, 1, 3)
    ).as_matrix() + random.normal(0, 0.05, (3, 3))
    assert diameter(mask, axes_mm) == pytest.approx(pdist(faces(mask, axes_mm, (0, 1, 2))).max())
    slices = [pdist(faces(plane[None], axes_mm, (1, 2))).max(initial=0) for plane in mask]
    assert axial_diameter(mask, axes_mm) == (pytest.approx(max(slices)), np.argmax(slices))


def test_a_big_ragged_lesion_is_measured_as_by_all_its_corners():
    mask = np.random.default_rng(0).random((20, 70, 70)) < 0.9
    mask[0, 0, 0] = mask[19, 69, 69] = True
    axes_mm = np.diag([2.0, 1.0, 1.0])
    corners = np.zeros_like(mask)  # nothing further in can be longer than these
    corners[::19, ::69, ::69] = mask[::19, ::69, ::69]
    assert diameter(mask, axes_mm) == pytest.approx(pdist(faces(corners, axes_mm, (0, 1, 2))).max())


def test_a_big_ragged_slice_is_measured_as_by_all_its_points():
    random = np.random.default_rng(1)
    mask = np.zeros((1, 900, 900), bool)
    mask[0] = random.random((900, 900)) < 0.001  # some 800 lines each way: more points than are compared one by one
    axes_mm = np.diag([2.0, 0.8, 0.7])
    assert axial_diameter(mask, axes_mm)[0] == pytest.approx(pdist(faces(mask, axes_mm, (1, 2))).max(), rel=1e-6)


def test_no_turn_of_the_grid_changes_a_diameter():
    mask = np.random.default_rng(2).random((4, 12, 12)) < 0.5
    axes_mm = np.diag([3.0, 0.8, 0.7])
    turned = axes_mm @ Rotation.from_euler("xyz", (10, 20, 30), degrees=True).as_matrix()
    assert diameter(mask, turned) == pytest.approx(diameter(mask, axes_mm))
    assert axial_diameter(mask, turned)[0] == pytest.approx(axial_diameter(mask, axes_mm)[0])
