import json
import tracemalloc
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from LiverTumorSegLib.evaluation.probabilities import LEVELS, Histogram, histogram, measure_curves


def case(seed=0, shape=(4, 12, 15), levels=None, quality=1.0):
    """A structure, and probabilities that know something of it."""
    random = np.random.default_rng(seed)
    inside = random.random(shape) < 0.3
    probabilities = 1 / (1 + np.exp(-random.normal(size=shape) - quality * inside))
    if levels:
        probabilities = np.rint(probabilities * levels) / levels
    return inside, probabilities.astype(np.float32)


def pairs_in_order(inside, probabilities):
    """Share of pairs in which the voxel inside is likelier, from Mann and Whitney's U."""
    first, second = probabilities[inside].astype(float), probabilities[~inside].astype(float)
    return stats.mannwhitneyu(first, second).statistic / (len(first) * len(second))


def average_precision(inside, probabilities):
    """The definition, threshold by threshold."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(probabilities.ravel().tolist()), reverse=True):
        found = probabilities >= threshold
        recall = (found & inside).sum() / inside.sum()
        total += (recall - before) * (found & inside).sum() / found.sum()
        before = recall
    return total


@pytest.mark.parametrize("levels", [4, 64, LEVELS])
def test_figures_of_probabilities_on_the_levels_are_exact(levels):
    inside, probabilities = case(levels=levels)
    found = measure_curves(histogram(inside, probabilities))
    assert found["auc"] == pytest.approx(pairs_in_order(inside, probabilities), abs=1e-12)
    assert found["average_precision"] == pytest.approx(average_precision(inside, probabilities), abs=1e-12)
    assert found["brier"] == pytest.approx(((probabilities.astype(float) - inside) ** 2).mean(), abs=1e-12)


@given(st.integers(0, 1000), st.floats(-1, 4))
def test_rounding_to_levels_changes_little(seed, quality):
    inside, probabilities = case(seed, quality=quality)
    found = measure_curves(histogram(inside, probabilities))
    assert found["auc"] == pytest.approx(pairs_in_order(inside, probabilities), abs=1e-3)
    assert found["average_precision"] == pytest.approx(average_precision(inside, probabilities), abs=1e-2)
    assert found["brier"] == pytest.approx(((probabilities - inside) ** 2).mean(), abs=2 / LEVELS)


def test_a_small_case_by_hand():
    inside = np.array([[[True, False, True, False]]])
    found = measure_curves(histogram(inside, np.array([[[1.0, 0.75, 0.5, 0.5]]])))
    assert found["roc"] == [[0, 0], [0, 0.5], [0.5, 0.5], [1, 1]]
    assert found["auc"] == 0.625  # of four pairs two are in order, one ties: 2.5 / 4
    assert found["precision_recall"] == [[0.5, 1], [0.5, 0.5], [1, 0.5]]
    assert found["average_precision"] == 0.75
    assert found["brier"] == pytest.approx((0 + 0.5625 + 0.25 + 0.25) / 4)
    assert found["calibration"] == [[0.5, 0.5, 2], [0.75, 0, 1], [1, 1, 1]]
    assert all(isinstance(count, int) for *_, count in found["calibration"])
    assert found["calibration_error"] == pytest.approx(0.75 / 4)
    assert (found["voxels"], found["positives"]) == (4, 2)


def test_random_probabilities_have_the_share_inside_as_average_precision_and_half_as_area():
    random = np.random.default_rng(1)
    inside = random.random((20, 100, 100)) < 0.1
    found = measure_curves(histogram(inside, random.random(inside.shape)))
    assert found["auc"] == pytest.approx(0.5, abs=0.01)
    assert found["average_precision"] == pytest.approx(0.1, abs=0.01)


def test_more_background_flatters_the_area_but_not_the_average_precision():
    inside, probabilities = case()
    far = histogram(np.zeros((50, 100, 100), bool), np.zeros((50, 100, 100)))
    near = histogram(inside, probabilities)
    alone, together = measure_curves(near), measure_curves(near + far)
    assert together["auc"] > 0.99 > alone["auc"]
    assert together["average_precision"] == pytest.approx(alone["average_precision"])


def test_true_probabilities_are_calibrated_and_doubled_ones_are_not():
    random = np.random.default_rng(2)
    probabilities = random.random((30, 100, 100)) / 2
    inside = random.random(probabilities.shape) < probabilities
    found = measure_curves(histogram(inside, probabilities))
    assert found["calibration_error"] < 0.01
    assert all(mean == pytest.approx(observed, abs=0.02) for mean, observed, _ in found["calibration"])
    assert sum(count for *_, count in found["calibration"]) == inside.size
    assert measure_curves(histogram(inside, probabilities * 2))["calibration_error"] == pytest.approx(0.25, abs=0.01)


def test_a_bin_holds_its_upper_end_and_the_first_its_lower_too():
    probabilities = np.array([[[0, 0.25, 0.5, 0.5 + 1 / LEVELS, 1]]])
    found = measure_curves(histogram(np.zeros(probabilities.shape, bool), probabilities))
    assert [count for *_, count in found["calibration"]] == [1, 1, 1, 1, 1]
    assert [mean for mean, *_ in found["calibration"]] == [0, 0.25, 0.5, 0.5 + 1 / LEVELS, 1]


def test_cases_add_up_to_what_all_voxels_give_at_once():
    cases = [case(seed) for seed in range(3)]
    added = reduce(add, (histogram(*each) for each in cases))
    together = histogram(*(np.concatenate(arrays) for arrays in zip(*cases, strict=True)))
    assert measure_curves(added) == measure_curves(together)


@pytest.mark.parametrize("inside", [True, False])
def test_where_a_class_is_missing_its_figures_are_not_defined(inside):
    found = measure_curves(histogram(np.full((2, 3, 4), inside), np.full((2, 3, 4), 0.5)))
    assert (found["auc"], found["roc"]) == (None, [])
    assert found["average_precision"] == (1 if inside else None)
    assert found["brier"] == 0.25
    assert found["calibration_error"] == 0.5


def test_without_voxels_nothing_is_defined():
    nothing = measure_curves(Histogram(np.zeros(LEVELS + 1, np.int64), np.zeros(LEVELS + 1, np.int64)))
    assert {nothing[key] for key in ("auc", "average_precision", "brier", "calibration_error")} == {None}
    assert nothing["calibration"] == nothing["roc"] == nothing["precision_recall"] == []


def test_certainty_is_not_mixed_with_what_is_nearly_certain():
    counted = histogram(np.zeros((1, 1, 4), bool), np.array([[[0, 1e-9, 1 - 1e-9, 1]]]))
    assert np.flatnonzero(counted.negatives).tolist() == [0, 1, LEVELS - 1, LEVELS]


def test_curves_have_few_points_and_keep_their_shape():
    inside, probabilities = case(shape=(20, 100, 100), quality=3)
    found = measure_curves(histogram(inside, probabilities))
    for name in ("roc", "precision_recall"):
        assert 100 < len(found[name]) <= 200
    x, y = np.transpose(found["roc"])
    assert found["roc"][0] == [0, 0]
    assert found["roc"][-1] == [1, 1]
    assert np.diff(x) @ (y[1:] + y[:-1]) / 2 == pytest.approx(found["auc"], abs=1e-4)
    recall, precision = np.transpose(found["precision_recall"])
    assert recall[-1] == 1
    assert np.diff(recall, prepend=0) @ precision == pytest.approx(found["average_precision"], abs=0.01)


def test_all_is_ready_for_json():
    found = measure_curves(histogram(*case()))
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("wrong", [np.nan, -0.01, 1.01, np.inf])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match="between 0 and 1"):
        histogram(np.zeros((1, 1, 2), bool), np.array([[[0.5, wrong]]]))


def test_other_voxels_are_refused():
    with pytest.raises(ValueError, match="do not lie on"):
        histogram(np.zeros((1, 1, 2), bool), np.zeros((1, 2, 1)))


def test_a_volume_is_counted_slice_by_slice():
    inside, probabilities = np.zeros((60, 128, 128), bool), np.zeros((60, 128, 128), np.float32)
    tracemalloc.start()
    histogram(inside, probabilities)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < inside.nbytes
