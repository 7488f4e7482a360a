import numpy as np
import pytest
from support.filled_outlines import filled

from LiverTumorSegLib.reporting.contours import outlines


@pytest.mark.parametrize("seed", range(12))
def test_filling_outlines_gives_the_pixels_back_with_holes_and_corners_that_touch(seed):
    random = np.random.default_rng(seed)
    mask = random.random((14, 17)) < random.uniform(0.2, 0.9)
    found = [filled(polygon, mask.shape) for polygon in outlines(mask)]
    np.testing.assert_array_equal(np.sum(found, axis=0) if found else 0 * mask, mask)


def test_a_rectangle_has_four_corners_at_the_edges_of_its_pixels():
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3:8] = True
    (polygon,) = outlines(mask)
    assert sorted(map(tuple, polygon.tolist())) == [(1.5, 2.5), (1.5, 7.5), (4.5, 2.5), (4.5, 7.5)]


def test_parts_are_outlined_each_by_itself_and_nothing_has_no_outline():
    mask = np.eye(3, dtype=bool)
    assert len(list(outlines(mask))) == 3
    assert list(outlines(np.zeros((4, 4), bool))) == []
