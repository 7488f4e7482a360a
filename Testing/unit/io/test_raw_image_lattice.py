from itertools import permutations, product

import numpy as np
import pytest
from support.volumes import reordered

from LiverTumorSegLib.core.volume import Volume
from LiverTumorSegLib.io import raw_image
from LiverTumorSegLib.io.raw_image import RawImage

AFFINE = np.array([[-0.8, 0.1, 0, 40], [0.1, -0.9, 0.4, 60], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
VALUES = np.random.default_rng(1).integers(1, 100, (3, 5, 7)).astype(np.int16)


def part(start=(0, 0, 0)):
    """The values as a file that begins at a voxel ``(k, j, i)`` of the lattice."""
    affine = AFFINE.copy()
    affine[:3, 3] += AFFINE[:3, :3] @ start[::-1]
    return Volume(VALUES, affine)


@pytest.mark.parametrize("start", [(0, 0, 0), (2, -1, 4)])
def test_every_order_of_axes_is_found_at_its_place(start):
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        file = reordered(part(start), axes, flips)
        values, found = raw_image.align_to_grid(RawImage(file.voxels, file.affine), AFFINE)
        assert np.array_equal(values, VALUES)
        assert found.tolist() == list(start)


def test_rounding_is_let_pass_and_half_a_voxel_is_not():
    for by, fits in ((0.05, True), (0.4, False)):
        affine = AFFINE.copy()
        affine[0, 3] += by
        assert (raw_image.align_to_grid(RawImage(VALUES, affine), AFFINE) is not None) == fits


@pytest.mark.parametrize("change", [np.diag([1, 1, 2, 1]), np.diag([0.5, 1, 1, 1]), np.diag([1, 1.05, 1, 1])])
def test_other_spacings_are_another_lattice(change):
    assert raw_image.align_to_grid(RawImage(VALUES, AFFINE @ change), AFFINE) is None


def test_axes_that_run_in_one_direction_are_another_lattice():
    affine = AFFINE.copy()
    affine[:3, 1] = affine[:3, 0]
    assert raw_image.align_to_grid(RawImage(VALUES, affine), AFFINE) is None


@pytest.mark.parametrize(
    ("start", "shape"),
    [((0, 0, 0), (3, 5, 7)), ((1, 2, 0), (6, 7, 8)), ((-1, 0, -6), (4, 3, 5)), ((9, 0, 0), (2, 5, 7))],
)
def test_values_are_put_where_they_begin_and_cut_at_the_ends(start, shape):
    wide = np.zeros([40, 40, 40], np.int16)
    wide[tuple(slice(10 + a, 10 + a + n) for a, n in zip(start, VALUES.shape, strict=True))] = VALUES
    expected = wide[tuple(slice(10, 10 + n) for n in shape)]
    assert np.array_equal(raw_image.fill_grid(VALUES, np.array(start), shape), expected)
    assert raw_image.is_within_grid(VALUES, np.array(start), shape) == (expected.sum() == VALUES.sum())


def test_the_affine_moves_with_the_first_voxel():
    assert raw_image.shift_affine(AFFINE, np.array([2, -1, 4])) == pytest.approx(part((2, -1, 4)).affine)
