from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from support.volumes import reordered

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.evaluation import grids
from LiverTumorSegLib.io import itk
from LiverTumorSegLib.io.raw_image import RawImage

AXIAL = np.array([[-0.8, 0, 0, 40], [0, -0.9, 0, 60], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]


def volume(affine=AXIAL, shape=(3, 4, 5)):
    return Volume(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), affine)


def turned(*degrees, affine=AXIAL):
    by = np.eye(4)
    by[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    return by @ affine


def sheared():
    affine = AXIAL.copy()
    affine[1, 2] = 0.9
    return affine


@pytest.mark.parametrize("affine", [AXIAL, turned(10, -20, 5), turned(45, 0, 0), turned(0, 0, 45), sheared()], ids=str)
def test_all_48_orders_of_a_file_come_to_one_grid(affine):
    own = volume(affine)
    target = grids.to_axial(RawImage(own.voxels, own.affine))
    for axes, flips in ORDERS:
        other = reordered(own, axes, flips)
        stored = RawImage(other.voxels, other.affine)
        for found in (grids.to_axial(stored), grids.reorient(stored, target.affine)):
            assert np.array_equal(found.values, target.values)
            assert found.affine == pytest.approx(target.affine)
            assert grids.differences(found, target.values.shape, target.affine) == ""


def test_an_axial_file_is_left_as_it_is():
    own = volume()
    seen = grids.to_axial(RawImage(own.voxels, AXIAL))
    assert np.array_equal(seen.values, own.voxels)
    assert np.array_equal(seen.affine, AXIAL)


@settings(max_examples=100, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    order=st.sampled_from(ORDERS),
    rounding=st.integers(0, 2**32 - 1),
)
def test_rounding_of_a_header_never_turns_an_oblique_grid_to_other_axes(angles, order, rounding):
    own = volume(turned(*angles))
    target = grids.to_axial(RawImage(own.voxels, own.affine))
    other = reordered(own, *order)
    noise = np.random.default_rng(rounding).uniform(-1e-4, 1e-4, (3, 4))
    found = grids.reorient(RawImage(other.voxels, other.affine + np.vstack([noise, np.zeros(4)])), target.affine)
    assert np.array_equal(found.values, target.values)
    assert grids.differences(found, target.values.shape, target.affine) == ""


def test_half_way_between_two_axes_a_rounded_header_is_seen_along_the_other():
    own = volume(turned(45, 0, 0, affine=np.diag([-1, -1, 1, 1.0])))
    target = grids.to_axial(RawImage(own.voxels, own.affine))
    leaning = turned(0.001, 0, 0, affine=own.affine), turned(-0.001, 0, 0, affine=own.affine)
    axial = {grids.to_axial(RawImage(own.voxels, affine)).values.shape for affine in leaning}
    assert axial == {(3, 4, 5), (4, 3, 5)}  # by its own affine alone, one would be seen another way
    for affine in leaning:
        found = grids.reorient(RawImage(own.voxels, affine), target.affine)
        assert grids.differences(found, target.values.shape, target.affine) == ""


def test_a_tenth_of_the_smallest_spacing_is_no_difference_and_more_is():
    for millimetres, words in ((0.079, ""), (0.081, "origin 0.1 mm away")):
        moved = AXIAL.copy()
        moved[2, 3] += millimetres
        assert grids.differences(RawImage(volume().voxels, moved), (3, 4, 5), AXIAL) == words


@pytest.mark.parametrize(
    ("affine", "shape", "words"),
    [
        (AXIAL, (3, 4, 6), "size 6 × 4 × 3 and not 5 × 4 × 3"),
        (AXIAL @ np.diag([1, 1, 2, 1.0]), (3, 4, 5), "spacing 0.8 × 0.9 × 5 and not 0.8 × 0.9 × 2.5 mm"),
        (turned(0, 0, 10), (3, 4, 5), "axes turned by 10.0°, origin 12.6 mm away"),  # 2 sin(5°) of 72.1 mm
        (AXIAL + np.eye(4)[:, [3, 3, 3, 2]] * [0, 0, 0, 3], (3, 4, 5), "origin 3.0 mm away"),
        (AXIAL @ np.diag([1, 1, 2, 1.0]), (2, 4, 5), "size 5 × 4 × 2 and not 5 × 4 × 3, spacing"),
    ],
)
def test_what_differs_is_said_with_its_figures(affine, shape, words):
    assert grids.differences(RawImage(np.zeros(shape, np.uint8), affine), (3, 4, 5), AXIAL).startswith(words)


def test_spacings_that_differ_little_are_a_difference_where_they_add_up():
    affine = AXIAL @ np.diag([1.0005, 1, 1, 1])
    large = (3, 4, 512)  # 511 times 0.0004 mm
    assert grids.differences(RawImage(np.zeros((3, 4, 5)), affine), (3, 4, 5), AXIAL) == ""
    assert grids.differences(RawImage(np.zeros(large), affine), large, AXIAL) == "corners up to 0.20 mm away"


def moved(*millimetres, affine=AXIAL):
    by = np.eye(4)
    by[:3, 3] = millimetres
    return by @ affine


@pytest.mark.parametrize(
    ("affine", "shape", "reaches"),
    [
        (AXIAL, (3, 4, 5), True),
        (AXIAL, (3, 4, 4), True),  # a voxel less
        (AXIAL, (3, 4, 3), False),
        (moved(0, 0, 2.4), (3, 4, 5), True),
        (moved(0, 0, -2.6), (3, 4, 5), False),
        (moved(0, -1, 0), (3, 4, 5), False),
        (moved(4, 4, -10), (9, 14, 15), True),
        (AXIAL @ np.diag([2, 2, 2, 1]), (3, 4, 5), True),
        (AXIAL @ np.diag([0.5, 1, 1, 1]), (3, 4, 5), False),
        (AXIAL @ np.diag([0.5, 1, 1, 1]), (3, 4, 10), True),
    ],
)
def test_a_box_reaches_as_far_as_another_but_for_a_voxel(affine, shape, reaches):
    assert grids.covers(RawImage(np.zeros(shape, np.uint8), affine), (3, 4, 5), AXIAL) is reaches


def seen_by_itk(values, affine, shape, target):
    """Nearest neighbour of SimpleITK."""
    image = sitk.Resample(
        itk.array_to_image(values, affine),
        itk.array_to_image(np.zeros(shape, np.uint8), target),
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
    )
    return sitk.GetArrayFromImage(image)


def shifted(affine):
    """From near the start of AXIAL, off the middle between its voxels, where either neighbour is as near."""
    return np.column_stack([affine[:, :3], AXIAL[:, 3] + (0.13, -0.41, 0.57, 0)])


TARGETS = {"oblique": turned(7, -12, 31), "sheared": sheared(), "finer": AXIAL @ np.diag([1.9, 0.7, 0.6, 1])}
OWN = {"axial": AXIAL, "oblique": turned(0, 4, 0), "sheared": sheared()}


@pytest.mark.parametrize("target", [shifted(affine) for affine in TARGETS.values()], ids=TARGETS.keys())
@pytest.mark.parametrize("own", OWN.values(), ids=OWN.keys())
def test_resampling_is_that_of_simpleitk(own, target):
    own = np.column_stack([own[:, :3], AXIAL[:, 3]])
    values = np.random.default_rng(0).integers(1, 3, (9, 14, 16)).astype(np.uint8)
    shape = (11, 13, 12)
    found = grids.resampled(RawImage(values, own), shape, target)
    expected = seen_by_itk(values, own, shape, target)
    assert found.dtype == np.uint8
    assert 0 < np.count_nonzero(expected) < expected.size  # some voxels lie outside
    assert np.array_equal(found, expected)


def test_the_outermost_voxels_are_whole():
    values, fine = np.array([[[1, 2]]], np.uint8), np.diag([0.25, 1, 1, 1])
    fine[0, 3] = -0.625
    assert grids.resampled(RawImage(values, np.eye(4)), (1, 1, 10), fine, 9).tolist() == [
        [[9, 1, 1, 1, 1, 2, 2, 2, 2, 9]]
    ]
