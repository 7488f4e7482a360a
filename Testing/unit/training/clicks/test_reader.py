import numpy as np
import pytest

from LiverTumorSegLib.training.clicks.options import ClickSampling
from LiverTumorSegLib.training.clicks.reader import Clicks, depths, first_click, largest_part, mend, scattered

STEP = (2.0, 1.0, 1.0)
EXACT = ClickSampling(scatter_mm=0)


def box(*sides, shape=(20, 30, 30)):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


LESION = box((5, 15), (10, 22), (8, 20))


def clicks(count=300, **options):
    random = np.random.default_rng(0)
    return np.array([first_click(LESION, STEP, ClickSampling(**options), random) for _ in range(count)])


def test_a_first_click_is_in_the_lesion():
    assert all(LESION[tuple(each)] for each in clicks().astype(int))


def test_deep_clicks_are_nearer_to_the_middle_than_clicks_anywhere_and_those_at_the_rim_farther():
    depth = depths(LESION, STEP)
    deep, anywhere, rim = (
        np.mean([depth[tuple(each)] for each in clicks(deep=share, rim=other).astype(int)])
        for share, other in ((1, 0), (0, 0), (0, 1))
    )
    assert deep > anywhere > rim
    assert rim <= 2


def test_scatter_is_in_millimetres():
    random = np.random.default_rng(0)
    moved = np.array([scattered((5.0, 5.0, 5.0), STEP, 3.0, random) for _ in range(2000)]) - 5
    assert moved.std(axis=0) == pytest.approx((1.5, 3, 3), rel=0.1)
    assert abs(moved.mean()) < 0.2


def test_the_next_click_is_inside_what_was_missed():
    one = Clicks()
    missed = box((12, 15), (10, 22), (8, 20))
    mend(one, LESION & ~missed, LESION, STEP, EXACT, np.random.default_rng(0))
    assert len(one.inside) == 1
    assert one.outside == []
    assert missed[tuple(round(at) for at in one.inside[0])]


def test_the_next_click_is_outside_in_what_is_too_much():
    one = Clicks()
    wrong = box((5, 15), (22, 28), (8, 20))
    mend(one, LESION | wrong, LESION, STEP, EXACT, np.random.default_rng(0))
    assert wrong[tuple(round(at) for at in one.outside[0])]


def test_the_largest_error_is_clicked_first():
    one = Clicks()
    small, large = box((16, 17), (2, 4), (2, 4)), box((2, 8), (24, 30), (22, 30))
    mend(one, LESION | small | large, LESION, STEP, EXACT, np.random.default_rng(0))
    assert large[tuple(round(at) for at in one.outside[0])]


def test_what_is_right_needs_no_click():
    one = Clicks()
    mend(one, LESION, LESION, STEP, EXACT, np.random.default_rng(0))
    assert one == Clicks()


def test_the_edge_of_the_array_is_no_end_of_a_lesion():
    depth = depths(box((0, 20), (0, 10), (0, 30)), STEP)
    assert depth[10, 0, 15] == 10
    assert depth[:, 10:].max() == 0
    assert depths(np.ones((4, 4, 4), bool), STEP).max() == 1


def test_of_nothing_there_is_no_largest_part():
    assert largest_part(np.zeros((3, 3, 3), bool)) is None
