import numpy as np
import pytest
from support.evaluation_cases import pair_of

from LiverTumorSegLib.evaluation.label_pair import LabelPair


def test_lengths_follow_from_the_affine():
    pair = pair_of(np.zeros((3, 4, 5)), np.zeros((3, 4, 5)), (2.5, 0.9, 0.8))
    assert pair.spacing == pytest.approx((2.5, 0.9, 0.8))
    assert pair.voxel_ml == pytest.approx(2.5 * 0.9 * 0.8 / 1000)
    np.testing.assert_allclose(pair.axes_mm, np.diag([2.5, -0.9, -0.8])[:, ::-1])
    assert pair.diagonal_mm == pytest.approx(np.hypot(np.hypot(2 * 2.5, 3 * 0.9), 4 * 0.8))


def test_the_diagonal_of_a_sheared_grid_is_its_longest():
    affine = np.eye(4)
    affine[:3, 2] = (1, 0, 1)  # slices lean to the right
    labels = np.zeros((11, 2, 11), np.uint8)
    points = np.array([affine[:3, :3] @ (x, y, z) for x in (0, 10) for y in (0, 1) for z in (0, 10)])
    longest = max(np.linalg.norm(a - b) for a in points for b in points)
    assert LabelPair(labels, labels, affine).diagonal_mm == pytest.approx(longest)
