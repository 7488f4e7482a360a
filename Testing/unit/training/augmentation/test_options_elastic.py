import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from LiverTumorSegLib.training.augmentation.options import (
    displacements,
    displacements_in_space,
    draw_control_points,
    largest_without_folding,
)

CPU = torch.device("cpu")


def test_the_field_is_the_b_spline_of_simpleitk():
    size, points = 40, 7
    control = np.random.default_rng(0).normal(size=(1, 2, points, points)).astype(np.float32)
    spline = sitk.BSplineTransform(2, 3)
    spline.SetTransformDomainOrigin((-0.5, -0.5))
    spline.SetTransformDomainPhysicalDimensions((size, size))
    spline.SetTransformDomainMeshSize((points - 3, points - 3))
    spline.SetParameters(np.concatenate([control[0, 1].ravel(), control[0, 0].ravel()]).astype(float).tolist())
    field = displacements(torch.from_numpy(control), size)[0]
    for row, column in [(0, 0), (3, 17), (20, 20), (39, 5), (39, 39)]:
        x, y = spline.TransformPoint((float(column), float(row)))
        assert field[:, row, column].tolist() == pytest.approx([y - row, x - column], abs=1e-5)


def test_the_field_in_space_is_the_b_spline_of_simpleitk():
    size, points = (20, 30, 24), 7
    control = np.random.default_rng(0).normal(size=(1, 3, points, points, points)).astype(np.float32)
    spline = sitk.BSplineTransform(3, 3)
    spline.SetTransformDomainOrigin((-0.5, -0.5, -0.5))
    spline.SetTransformDomainPhysicalDimensions(size[::-1])
    spline.SetTransformDomainMeshSize((points - 3, points - 3, points - 3))
    spline.SetParameters(np.concatenate([control[0, axis].ravel() for axis in (2, 1, 0)]).astype(float).tolist())
    field = displacements_in_space(torch.from_numpy(control), size)
    assert field.shape == (1, 3, *size)
    for place in [(0, 0, 0), (3, 17, 5), (19, 29, 23), (10, 2, 20)]:
        moved = spline.TransformPoint(tuple(map(float, place[::-1])))[::-1]
        assert field[(0, slice(None), *place)].tolist() == pytest.approx(
            [m - p for m, p in zip(moved, place, strict=True)], abs=1e-5
        )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 8))
def test_no_two_voxels_change_places_up_to_the_largest_displacement(seed, points):
    largest = largest_without_folding(points, 32, axes=3)
    control = draw_control_points(largest, points, 2, np.random.default_rng(seed), axes=3)
    moved = displacements_in_space(torch.from_numpy(control), (32, 32, 32)).numpy()
    slopes = np.stack([np.stack(np.gradient(moved[:, axis], axis=(1, 2, 3)), axis=-1) for axis in range(3)], axis=-2)
    assert (np.linalg.det(slopes + np.eye(3)) > 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 9), st.integers(40, 90))
def test_no_two_pixels_change_places_up_to_the_largest_displacement(seed, points, size):
    control = draw_control_points(largest_without_folding(points, size), points, 3, np.random.default_rng(seed))
    moved = displacements(torch.from_numpy(control), size).numpy()
    (row_by_row, row_by_column), (column_by_row, column_by_column) = (
        np.gradient(moved[:, axis], axis=(1, 2)) for axis in (0, 1)
    )
    jacobian = (1 + row_by_row) * (1 + column_by_column) - row_by_column * column_by_row
    assert (jacobian > 0).all()


def test_twice_that_displacement_folds_in_the_worst_case():
    control = np.full((1, 2, 7, 7), 2 * largest_without_folding(7, 80), np.float32)
    control[0, 0, 4:] *= -1
    down = np.diff(displacements(torch.from_numpy(control), 80)[0, 0].numpy(), axis=0)
    assert (1 + down < 0).any()


def test_displacements_stay_in_their_range_and_the_border_moves_a_sixth_at_most():
    control = draw_control_points(7.5, 7, 50, np.random.default_rng(0))
    field = displacements(torch.from_numpy(control), 224)
    assert 4 < abs(control).max() <= 7.5
    assert field.abs().max() <= 7.5
    assert field[..., [0, -1]].abs().max() <= 7.5 / 6
    assert field[..., [0, -1], :].abs().max() <= 7.5 / 6


def test_equal_control_points_shift_everything_alike():
    field = displacements(torch.from_numpy(np.full((1, 2, 6, 6), 3.0, np.float32)), 33)
    assert torch.allclose(field, torch.tensor(3.0))
