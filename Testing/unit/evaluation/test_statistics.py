import tracemalloc
from itertools import product

import numpy as np
import pytest
from scipy import stats

from LiverTumorSegLib.evaluation.statistics import pooled_ratio, summarise


def each_its_own(values):
    return {name: name for name in values}


def test_mean_median_and_deviation_are_those_of_the_defined_cases():
    values = {"a": 1.0, "b": 2.0, "c": 6.0, "d": None}
    found = summarise(values, each_its_own(values), resamples=10)
    assert (found["mean"], found["median"]) == (3, 2)
    assert found["sd"] == pytest.approx(np.sqrt((4 + 1 + 9) / 2))
    assert (found["counted"], found["patients"], found["left_out"]) == (3, 3, ["d"])


def test_the_interval_is_scipys_when_each_case_is_a_patient():
    numbers = np.random.default_rng(5).beta(5, 2, 40)
    values = {f"case {at}": float(value) for at, value in enumerate(numbers)}
    found = summarise(values, each_its_own(values), resamples=20_000)
    expected = stats.bootstrap(
        (numbers,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    error = numbers.std() / np.sqrt(len(numbers))
    assert found["low"] == pytest.approx(expected.low, abs=0.05 * error)
    assert found["high"] == pytest.approx(expected.high, abs=0.05 * error)


def test_the_interval_of_two_patients_is_what_all_draws_give():
    # draws: (a, a) 0, (a, b) and (b, a) 0.75, (b, b) 1: b has three of the four cases
    values, patients = {"1": 0.0, "2": 1.0, "3": 1.0, "4": 1.0}, {"1": "a", "2": "b", "3": "b", "4": "b"}
    found = summarise(values, patients)
    assert (found["mean"], found["low"], found["high"]) == (0.75, 0, 1)
    assert (found["counted"], found["patients"]) == (4, 2)


def test_the_interval_by_patient_is_that_of_every_possible_draw():
    values = {"1": 0.1, "2": 0.7, "3": 0.8, "4": 0.75, "5": 0.3, "6": 0.9}
    patients = {"1": "a", "2": "b", "3": "b", "4": "b", "5": "c", "6": "d"}
    grouped = [[0.1], [0.7, 0.8, 0.75], [0.3], [0.9]]
    every = [np.mean(np.concatenate(drawn)) for drawn in product(grouped, repeat=4)]
    found = summarise(values, patients, resamples=100_000)
    expected = np.percentile(every, [2.5, 97.5])
    assert [found["low"], found["high"]] == pytest.approx(expected, abs=0.02)


def test_several_cases_of_a_patient_widen_the_interval_that_counting_them_alone_would_give():
    random = np.random.default_rng(2)
    values = {f"{patient}-{scan}": value for patient, value in enumerate(random.random(10)) for scan in range(5)}
    by_patient = summarise(values, {name: name.split("-")[0] for name in values})
    by_case = summarise(values, each_its_own(values))
    assert by_patient["mean"] == by_case["mean"]
    assert by_patient["high"] - by_patient["low"] > 2 * (by_case["high"] - by_case["low"])


def test_one_patient_has_no_interval_and_one_case_no_deviation():
    found = summarise({"a": 0.5, "b": 0.7}, {"a": "x", "b": "x"})
    assert (found["low"], found["high"], found["patients"]) == (None, None, 1)
    assert found["sd"] is not None
    assert summarise({"a": 0.5}, {"a": "x"})["sd"] is None


@pytest.mark.parametrize("values", [{}, {"a": None, "b": None}])
def test_where_no_case_is_defined_nothing_is(values):
    found = summarise(values, each_its_own(values))
    assert {found[key] for key in ("mean", "median", "sd", "low", "high")} == {None}
    assert (found["counted"], found["patients"], found["left_out"]) == (0, 0, sorted(values))


def test_neither_order_nor_time_changes_the_result_and_the_seed_does():
    numbers = np.random.default_rng(0).random(30)
    values = {f"case {at}": float(value) for at, value in enumerate(numbers)}
    patients = {name: f"patient {at // 2}" for at, name in enumerate(values)}
    first = summarise(values, patients, resamples=500)
    assert first == summarise(dict(reversed(values.items())), dict(reversed(patients.items())), resamples=500)
    assert first != summarise(values, patients, resamples=500, seed=1)


def test_a_pooled_figure_is_the_ratio_of_the_sums():
    found = pooled_ratio({"a": 2, "b": 90, "c": None}, {"a": 10, "b": 100, "c": 5}, {"a": "a", "b": "b", "c": "c"})
    assert found["mean"] == pytest.approx(92 / 110)
    assert (found["low"], found["high"]) == (pytest.approx(0.2), pytest.approx(0.9))
    assert (found["counted"], found["left_out"]) == (2, ["c"])


def test_the_interval_of_a_pooled_figure_is_scipys():
    random = np.random.default_rng(3)
    below = random.integers(1, 1000, 30).astype(float)
    above = below * random.random(30)
    names = [f"{at:02}" for at in range(30)]
    found = pooled_ratio(
        dict(zip(names, above, strict=True)),
        dict(zip(names, below, strict=True)),
        each_its_own(names),
        resamples=20_000,
    )
    expected = stats.bootstrap(
        (above, below),
        lambda x, y, axis: x.sum(axis=axis) / y.sum(axis=axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert [found["low"], found["high"]] == pytest.approx(expected, abs=0.005)


def test_resamples_of_nothing_but_zeros_do_not_count():
    names = each_its_own("abc")
    found = pooled_ratio({"a": 0, "b": 0, "c": 3}, {"a": 0, "b": 0, "c": 4}, names)
    assert (found["mean"], found["low"], found["high"]) == (0.75, 0.75, 0.75)
    nothing = dict.fromkeys("abc", 0)
    assert pooled_ratio(nothing, nothing, names)["mean"] is None
    assert pooled_ratio({"a": 0, "b": 1}, {"a": 0, "b": 1}, names, resamples=1, seed=4)["low"] in (None, 1)


def test_a_thousand_patients_take_little_memory():
    values = {str(at): float(at) for at in range(1000)}
    tracemalloc.start()
    found = summarise(values, each_its_own(values))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 2**20  # all draws at once are 40 MB as 32-bit integers, and 80 MB of values each
    assert found["low"] == pytest.approx(499.5 - 1.96 * 1000 / np.sqrt(12 * 1000), abs=2)
