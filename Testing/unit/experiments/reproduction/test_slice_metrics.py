import numpy as np
import pytest
from scipy.spatial.distance import cdist

from LiverTumorSegLib.experiments.reproduction.slice_metrics import (
    MEASURES,
    SliceScore,
    SliceScores,
    compute_metric,
    patient_values,
    score_slice,
)


def scores(*slices, **probabilities):
    return SliceScores(slices=tuple(SliceScore(*each) for each in slices), **probabilities)


# Three slices of 100 pixels: half of a structure found, nothing to find and nothing found, a false find.
THREE = scores((10, 10, 10, 70, 2.0), (0, 0, 0, 100, None), (0, 5, 0, 95, None))


def test_pixels_are_counted_right_and_wrong():
    found, reference = np.zeros((2, 4, 5), bool)
    found[1, 1:4], reference[1, 2:5] = True, True
    assert score_slice(found, reference) == (2, 1, 1, 16, pytest.approx(2 / 6))


@pytest.mark.parametrize(
    ("name", "value", "slices"),
    [
        ("accuracy", (10 + 70 + 100 + 95) / 300, 3),
        ("sensitivity", 10 / 20, 3),
        ("specificity", 265 / 280, 3),
        ("dice", 20 / (20 + 15 + 10), 3),
        ("iou", 10 / 35, 3),
        ("mean_dice", (0.5 + 1 + 0) / 3, 3),
        ("mean_iou", (1 / 3 + 1 + 0) / 3, 3),
        ("shown_dice", 0.5, 1),
        ("shown_assd_px", 2.0, 1),
    ],
)
def test_measures_are_those_computed_by_hand(name, value, slices):
    found = compute_metric(name, [THREE])
    assert found.value == pytest.approx(value)
    assert found.slices == slices


def test_a_mean_iou_close_to_the_mean_dice_needs_slices_that_agree_wholly():
    """Why Kulkarni's 0.8215 and 0.7976 cannot be of one mask."""
    dice, iou = (compute_metric(name, [THREE]).value for name in ("dice", "iou"))
    assert iou == pytest.approx(dice / (2 - dice))
    empty = scores(*[(0, 0, 0, 100, None)] * 9, (10, 10, 10, 70, 2.0))
    dice, iou = (compute_metric(name, [empty]).value for name in ("mean_dice", "mean_iou"))
    assert dice - iou == pytest.approx((1 / 2 - 1 / 3) / 10)


def test_slices_of_several_trainings_count_together():
    other = scores((30, 0, 0, 70, 0.0))
    assert compute_metric("dice", [THREE, other]).value == pytest.approx(80 / (80 + 25))
    assert compute_metric("shown_dice", [THREE, other]) == (pytest.approx(0.75), 2)


def test_nothing_to_measure_has_no_figure():
    nothing = scores((0, 0, 0, 100, None))
    assert compute_metric("shown_dice", [nothing]) == (None, 0)
    assert compute_metric("dice", [nothing]).value is None
    assert compute_metric("auc", [nothing]).value is None


def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order():
    """Levels 0, 1 and 2 of inside and outside; a tie counts half."""
    inside, outside = (1, 1, 2), (3, 1, 0)
    right = 1 * (3 * 0.5) + 1 * (3 + 0.5) + 2 * 4
    one = scores((0, 0, 4, 4, None), inside=padded(inside), outside=padded(outside))
    assert compute_metric("auc", [one]).value == pytest.approx(right / 16)


def padded(levels):
    return (*levels, *[0] * (4097 - len(levels)))


def test_contours_are_as_far_apart_as_all_their_pixels_say():
    random = np.random.default_rng(0)
    for _ in range(5):
        masks = random.random((2, 12, 14)) < 0.3
        masks[:, 3:8, 4:9] = True
        contours = [np.array([at for at in np.argwhere(mask) if outside_beside(mask, at)]) for mask in masks]
        apart = cdist(*contours)
        expected = np.concatenate([apart.min(axis=0), apart.min(axis=1)]).mean()
        assert score_slice(*masks).assd_px == pytest.approx(expected)


def outside_beside(mask, at):
    row, column = at
    sides = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return any(not (0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c]) for r, c in sides)


def test_every_measure_has_words():
    assert all(compute_metric(name, [THREE]) for name in MEASURES)


def test_patients_are_measured_by_all_of_their_slices_and_count_alike():
    """One patient of 1 slice, one of 2 of which half is found, one without any."""
    several = scores((20, 0, 0, 80, None), (10, 0, 0, 90, None), (0, 0, 10, 90, None), (0, 5, 0, 95, None))
    known = several.model_copy(update={"patients": (("a", 1), ("b", 2), ("c", 1))})
    assert patient_values([known]) == {"a": 1.0, "b": pytest.approx(20 / 30), "c": None}
    assert compute_metric("patient_dice", [known]) == (pytest.approx((1 + 2 / 3) / 2), 2)
    assert compute_metric("patient_dice", [several]) == (None, 0)


def test_a_tumour_that_is_missed_makes_0_over_slices_with_tumour_and_over_patients():
    missed = scores((0, 0, 9, 91, None), (0, 0, 0, 100, None)).model_copy(update={"patients": (("a", 2),)})
    assert compute_metric("shown_dice", [missed]) == (0.0, 1)
    assert compute_metric("patient_dice", [missed]) == (0.0, 1)
    assert compute_metric("mean_dice", [missed]).value == 0.5
